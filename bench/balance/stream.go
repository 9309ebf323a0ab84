package main

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// stream makes pairs out of their numbers, the same in each run. Query
// frequencies fall as 1/rank (Zipf), as those of real texts about do, and a pair
// has 1 to 6 queries, 3.5 in the mean before repeats are taken out, which is
// MetaCLIP's figure (arXiv 2309.16671, table 1: 5.67e9 matches of 1.6e9 texts).
type stream struct {
	queries  int
	rows     int64 // made so far
	pairs    uint64
	queryIDs []uint32 // of the last pair, ascending, without repeats
}

// next makes one pair and returns its id.
func (s *stream) next() uint64 {
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], s.pairs)
	id := xxhash.Sum64(number[:])
	s.pairs++
	state := id
	draw := func() uint64 { // splitmix64 (Steele, Lea, Flood 2014)
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
	s.queryIDs = s.queryIDs[:0]
	for range 1 + draw()%6 {
		u := float64(draw()>>11) / (1 << 53)
		rank := uint64(math.Exp(u*math.Log(float64(s.queries)))) - 1
		// Frequent queries lie scattered over the list, as words do.
		s.queryIDs = append(s.queryIDs, uint32(rank*7_368_787%uint64(s.queries)))
	}
	slices.Sort(s.queryIDs)
	s.queryIDs = slices.Compact(s.queryIDs)
	s.rows += int64(len(s.queryIDs))
	return id
}
