package balance

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Mode is a rule of balancing.
type Mode string

// The modes; the package's comment says what they do.
const (
	Cap         Mode = "cap"
	Probability Mode = "probability"
)

// Options say how to balance.
type Options struct {
	Mode  Mode
	Limit int    // pairs a query keeps, or is expected to keep; 0 means no limit
	Seed  uint64 // of the hashes
	// Margin above 0 is for the use before pictures are fetched: the limit is
	// Limit times Margin, rounded up. A cap keeps its hashes, so that of the
	// pairs that survive fetching the final cap takes the same ones as without
	// this use, as long as the margin lasts. Probability draws anew: with the
	// same draws the two uses together would keep too much.
	Margin  float64
	Queries int    // of the list; ids are below it
	Memory  int    // bytes; 0 means 64 MiB, and 64 KiB is the least
	Dir     string // for the temporary file of what does not fit
}

// limit is the limit of this use; 0 means none.
func (o Options) limit() int64 {
	if o.Margin <= 0 {
		return int64(o.Limit)
	}
	if x := math.Ceil(float64(o.Limit) * o.Margin); x < 1<<62 {
		return int64(x)
	}
	return 0
}

// Balancer collects pairs with their queries and chooses those that stay. It is
// not safe for concurrent use.
type Balancer struct {
	mode   Mode
	limit  int64
	seed   uint64
	memory int
	log    pairLog
	counts []Counts

	// Of the cap: for each query that is over the limit the last key it keeps;
	// index is that key's place in last, below 0 for other queries.
	last  []rank
	index []int32

	over []uint64 // one bit a query: it has more pairs than the limit
}

// Counts is what became of one query.
type Counts struct {
	Before int64 // pairs that have the query
	Own    int64 // of these, kept by the query itself
	After  int64 // of these, kept by this query or another
}

// New returns an empty Balancer.
func New(o Options) (*Balancer, error) {
	if o.Mode != Cap && o.Mode != Probability {
		return nil, fmt.Errorf("balance: mode %q is not known; use %s or %s", o.Mode, Cap, Probability)
	}
	if o.Memory == 0 {
		o.Memory = 64 << 20
	}
	o.Memory = max(o.Memory, 64<<10)
	if o.Mode == Probability && o.Margin > 0 {
		o.Seed = ^o.Seed
	}
	return &Balancer{
		mode: o.Mode, limit: o.limit(), seed: o.Seed, memory: o.Memory / 2,
		log:    pairLog{dir: o.Dir, memory: o.Memory / 2},
		counts: make([]Counts, o.Queries),
	}, nil
}

// Add takes one pair: its place, which is the caller's name for it, its id, and
// its queries without repeats. No two pairs have both place and id in common.
func (b *Balancer) Add(place, pairID uint64, queryIDs []uint32) error {
	for i, q := range queryIDs {
		if int(q) >= len(b.counts) {
			for _, counted := range queryIDs[:i] {
				b.counts[counted].Before--
			}
			return fmt.Errorf("balance pair %016x: query %d is not in the list of %d; the list changed since the pairs were matched: run pairloom match", pairID, q, len(b.counts))
		}
		b.counts[q].Before++
	}
	return b.log.add(place, pairID, queryIDs)
}

// Settle ends the adding: each over-full query finds the last pair that it keeps.
func (b *Balancer) Settle() error {
	err := b.selectLast()
	b.log.close() // the pairs come again through Stays or Keeps
	b.over = make([]uint64, len(b.counts)/64+1)
	for q, n := range b.counts {
		if b.limit > 0 && n.Before > b.limit {
			b.over[q/64] |= 1 << (q % 64)
		}
	}
	return err
}

// Keeps is Stays for who does not ask for Counts: it does not count, and stops at
// the first query that keeps the pair.
func (b *Balancer) Keeps(place, pairID uint64, queryIDs []uint32) bool {
	for _, q := range queryIDs {
		if b.over[q/64]>>(q%64)&1 == 0 {
			return true
		}
	}
	r := rank{b.hash(pairID), pairID, place}
	for _, q := range queryIDs {
		if b.keeps(q, r) {
			return true
		}
	}
	return len(queryIDs) == 0
}

// Stays tells, after Settle, whether a pair that was added stays, and counts it;
// ask once for each pair, in any order. One without a query stays: there is no count
// that it is in.
func (b *Balancer) Stays(place, pairID uint64, queryIDs []uint32) bool {
	r := rank{b.hash(pairID), pairID, place}
	stays := len(queryIDs) == 0
	for _, q := range queryIDs {
		if b.keeps(q, r) {
			b.counts[q].Own++
			stays = true
		}
	}
	if stays {
		for _, q := range queryIDs {
			b.counts[q].After++
		}
	}
	return stays
}

// keeps tells whether query q itself keeps the pair.
func (b *Balancer) keeps(q uint32, r rank) bool {
	n := b.counts[q].Before
	switch {
	case n <= b.limit || b.limit == 0:
		return true
	case b.mode == Cap:
		return !b.last[b.index[q]].before(r)
	default:
		return b.draw(q, r.pairID) < below(b.limit, n)
	}
}

// below is the number of 64-bit draws, of all 2^64, that succeed with
// probability limit/n. It is computed in whole numbers: floating point differs
// between processors.
func below(limit, n int64) uint64 {
	quotient, _ := bits.Div64(uint64(limit), 0, uint64(n))
	return quotient
}

// hash orders the pairs of all queries.
func (b *Balancer) hash(pairID uint64) uint64 {
	var seeded [16]byte
	binary.LittleEndian.PutUint64(seeded[:], b.seed)
	binary.LittleEndian.PutUint64(seeded[8:], pairID)
	return xxhash.Sum64(seeded[:])
}

// draw is the query's own throw of dice for the pair.
func (b *Balancer) draw(q uint32, pairID uint64) uint64 {
	var seeded [20]byte
	binary.LittleEndian.PutUint64(seeded[:], b.seed)
	binary.LittleEndian.PutUint64(seeded[8:], pairID)
	binary.LittleEndian.PutUint32(seeded[16:], q)
	return xxhash.Sum64(seeded[:])
}

// Counts tells, after Stays was asked of every pair, what became of each query;
// the index is the query's id.
func (b *Balancer) Counts() []Counts { return b.counts }

// Close frees memory and the temporary file; it may be called at any time.
func (b *Balancer) Close() error { return b.log.close() }
