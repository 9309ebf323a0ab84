package balance

import (
	"cmp"
	"math"
	"slices"
)

// rank orders the pairs of a query: by hash, and by the rest where hashes agree.
type rank struct{ hash, pairID, place uint64 }

const rankSize = 24

func (r rank) compare(s rank) int {
	if c := cmp.Compare(r.hash, s.hash); c != 0 {
		return c
	}
	if c := cmp.Compare(r.pairID, s.pairID); c != 0 {
		return c
	}
	return cmp.Compare(r.place, s.place)
}

func (r rank) before(s rank) bool {
	return r.hash < s.hash || r.hash == s.hash && r.compare(s) < 0
}

// selection finds the pair of rank limit among the pairs of one query, without
// holding them all. Hashes are spread evenly, so the wanted one lies close to
// limit/n of their range: one walk counts the hashes below a narrow bracket
// there and collects those in it. When the bracket missed, the counts say on
// which side, and the next walk has a smaller range to look at.
type selection struct {
	query  uint32
	lo, hi uint64 // the wanted hash lies in [lo, hi]
	want   int64  // its rank among the hashes there, from 1
	within int64  // how many there are
	walks  int

	from, to   uint64 // the bracket of this walk
	under      int64  // hashes in [lo, from)
	found      int64  // hashes in [from, to]
	candidates []rank // those, while there is room
	last       rank   // the result
}

// deviations is the half width of a bracket in standard deviations: about one
// query in a million is missed and costs another walk.
const deviations = 5

// evenWalks is after how many walks a selection no longer trusts hashes to be
// spread evenly, and halves its range instead: at most 64 times.
const evenWalks = 3

// bracket lays out the next walk and makes room for what it will find.
func (s *selection) bracket() {
	s.from, s.to, s.under, s.found = s.lo, s.hi, 0, 0
	room := s.within
	if s.walks++; s.walks > evenWalks {
		s.to = s.lo + (s.hi-s.lo)/2
		if s.lo < s.hi {
			room = min(room, 4096)
		}
	} else {
		n, want, width := float64(s.within), float64(s.want), float64(s.hi-s.lo)
		half := deviations*math.Sqrt(want*(1-want/n)) + 8 // 8: small counts are skewed
		s.from = s.at((want - half) / n * width)
		s.to = s.at((want + half) / n * width)
		room = min(room, int64(4*half)) // twice what is expected
	}
	s.candidates = make([]rank, 0, room)
}

// at is lo + offset, within the range.
func (s *selection) at(offset float64) uint64 {
	switch width := s.hi - s.lo; {
	case offset <= 0:
		return s.lo
	case offset >= float64(width):
		return s.hi
	default:
		return s.lo + min(uint64(offset), width)
	}
}

// see takes one pair of the query.
func (s *selection) see(r rank) {
	switch {
	case r.hash > s.to || r.hash < s.lo:
	case r.hash < s.from:
		s.under++
	default:
		s.found++
		if len(s.candidates) < cap(s.candidates) {
			s.candidates = append(s.candidates, r)
		}
	}
}

// settle ends a walk and tells whether the result is found.
func (s *selection) settle() bool {
	candidates := s.candidates
	s.candidates = nil
	switch {
	case s.want <= s.under:
		s.hi, s.within = s.from-1, s.under
	case s.want > s.under+s.found:
		s.lo, s.want, s.within = s.to+1, s.want-s.under-s.found, s.within-s.under-s.found
	case int64(len(candidates)) < s.found: // they had no room
		s.lo, s.hi, s.want, s.within = s.from, s.to, s.want-s.under, s.found
	default:
		slices.SortFunc(candidates, rank.compare)
		s.last = candidates[s.want-s.under-1]
		return true
	}
	return false
}

// selectLast finds, for each query over the cap, the last pair it keeps. As many
// queries share a walk over the log as their candidates fit in memory.
func (b *Balancer) selectLast() error {
	if b.mode != Cap || b.limit == 0 {
		return nil
	}
	var pending []*selection
	b.index = make([]int32, len(b.counts))
	for q, n := range b.counts {
		b.index[q] = -1
		if n.Before > b.limit {
			pending = append(pending, &selection{query: uint32(q), hi: math.MaxUint64, want: b.limit, within: n.Before})
		}
	}
	b.last = make([]rank, 0, len(pending))
	results := make([]int32, 0, len(pending)) // the query of each of last
	for len(pending) > 0 {
		room, n := 0, 0
		for n < len(pending) && room < b.memory {
			pending[n].bracket()
			room += rankSize * cap(pending[n].candidates)
			n++
		}
		active := pending[:n]
		if err := b.walkSelections(active); err != nil {
			return err
		}
		pending = pending[n:]
		for _, s := range active {
			if s.settle() {
				b.last = append(b.last, s.last)
				results = append(results, int32(s.query))
			} else {
				pending = append(pending, s)
			}
		}
	}
	for i, q := range results {
		b.index[q] = int32(i)
	}
	return nil
}

// walkSelections shows the active selections all pairs of their queries. index
// maps queries to selections for as long.
func (b *Balancer) walkSelections(active []*selection) error {
	for i, s := range active {
		b.index[s.query] = int32(i)
	}
	err := b.log.walk(func(place, pairID uint64, queryIDs []uint32) bool {
		var r rank
		hashed := false
		for _, q := range queryIDs {
			i := b.index[q]
			if i < 0 {
				continue
			}
			if !hashed {
				r, hashed = rank{b.hash(pairID), pairID, place}, true
			}
			active[i].see(r)
		}
		return true
	})
	for _, s := range active {
		b.index[s.query] = -1
	}
	return err
}
