package balance

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/extsort"
)

// Cap collects pairs with their queries and chooses those that stay. It is not
// safe for concurrent use.
type Cap struct {
	limit  int64
	seed   uint64
	rows   *extsort.Sorter
	dir    string
	memory int
	counts []Counts
}

// Counts is what became of one query.
type Counts struct {
	Before int64 // pairs that have the query
	Own    int64 // of these, kept by the query itself: at most the limit
	After  int64 // of these, kept by this query or another
}

// NewCap returns a cap of limit pairs a query, for query ids below queries.
// Sorting takes up to memory bytes and spills into dir.
func NewCap(dir string, memory, queries, limit int, seed uint64) *Cap {
	return &Cap{
		limit: int64(limit), seed: seed, dir: dir, memory: memory,
		rows:   extsort.New(dir, memory/2),
		counts: make([]Counts, queries),
	}
}

// Add takes one pair: its place among all pairs, its id and its queries. A place
// is added once; the ids must be below the number of queries.
func (c *Cap) Add(place, pairID uint64, queryIDs []uint32) error {
	var seeded [16]byte
	binary.LittleEndian.PutUint64(seeded[:], c.seed)
	binary.LittleEndian.PutUint64(seeded[8:], pairID)
	hash := xxhash.Sum64(seeded[:])
	var key [20]byte
	binary.BigEndian.PutUint64(key[4:], hash)
	binary.BigEndian.PutUint64(key[12:], pairID)
	value := binary.BigEndian.AppendUint64(nil, place)
	for _, q := range queryIDs {
		if int(q) >= len(c.counts) {
			return fmt.Errorf("balance pair %016x: query %d is not in the list of %d; the list changed since the pairs were matched: run pairloom match", pairID, q, len(c.counts))
		}
		binary.BigEndian.PutUint32(key[:], q)
		if err := c.rows.Add(key[:], value); err != nil {
			return err
		}
	}
	return nil
}

// Kept walks the places that stay, ascending. It may be called once.
func (c *Cap) Kept() iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		// Each row tells, by place, a query of the pair and whether it keeps it.
		byPlace := extsort.New(c.dir, c.memory/2)
		defer byPlace.Close()
		if err := c.decide(byPlace); err != nil {
			yield(0, err)
			return
		}
		var place uint64
		var queries []uint32
		kept := false
		// settle ends the group of rows of one place.
		settle := func() bool {
			if !kept {
				return true
			}
			for _, q := range queries {
				c.counts[q].After++
			}
			return yield(place, nil)
		}
		for rec, err := range byPlace.Sorted() {
			if err != nil {
				yield(0, err)
				return
			}
			p := binary.BigEndian.Uint64(rec.Key)
			if p != place || len(queries) == 0 {
				if !settle() {
					return
				}
				place, queries, kept = p, queries[:0], false
			}
			queries = append(queries, binary.BigEndian.Uint32(rec.Value))
			kept = kept || rec.Value[4] == 1
		}
		settle()
	}
}

// decide walks the rows by query and hash, and marks each query's first limit.
func (c *Cap) decide(byPlace *extsort.Sorter) error {
	for rec, err := range c.rows.Sorted() {
		if err != nil {
			return err
		}
		n := &c.counts[binary.BigEndian.Uint32(rec.Key)]
		n.Before++
		var value [5]byte
		copy(value[:4], rec.Key)
		if n.Before <= c.limit || c.limit == 0 {
			n.Own++
			value[4] = 1
		}
		if err := byPlace.Add(rec.Value, value[:]); err != nil {
			return err
		}
	}
	return nil
}

// Counts tells, after Kept has been walked to its end, what became of each
// query; the index is the query's id.
func (c *Cap) Counts() []Counts { return c.counts }

// Close frees memory and temporary files; it may be called at any time.
func (c *Cap) Close() error { return c.rows.Close() }
