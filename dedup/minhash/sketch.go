package minhash

import "math/bits"

// Sketcher makes sketches of one size, and has the memory for it.
type Sketcher struct {
	sketch []uint64
	seeds  []uint64 // of each round
}

// NewSketcher returns one for sketches of that many places.
func NewSketcher(places int) *Sketcher {
	s := &Sketcher{sketch: make([]uint64, places), seeds: make([]uint64, 2*places)}
	for i := range s.seeds {
		s.seeds[i] = mix(0x9e3779b97f4a7c15 * uint64(i+1))
	}
	return s
}

// empty is a place that has no value yet; values are smaller.
const empty = ^uint64(0)

// Sketch is the sketch of a set of shingles, which may have repeats but must not be
// empty. It lives until the next call.
func (s *Sketcher) Sketch(shingles []uint64) []uint64 {
	places := uint64(len(s.sketch))
	for i := range s.sketch {
		s.sketch[i] = empty
	}
	filled := uint64(0)
	for round, seed := range s.seeds {
		// What a round writes is more than what any before it wrote, so that it fills
		// empty places only. As many rounds as there are places scatter the shingles;
		// should places be left, each later round is of one place, for all shingles.
		late := uint64(round) >= places
		for _, h := range shingles {
			hi, lo := bits.Mul64(h^seed, 0xd6e8feb86659fd93)
			x := hi ^ lo
			at := (x >> 32) * places >> 32
			if late {
				at = uint64(round) - places
			}
			v := uint64(round)<<32 | x&(1<<32-1)
			if old := s.sketch[at]; v < old {
				if old == empty {
					filled++
				}
				s.sketch[at] = v
			}
		}
		if filled == places {
			break
		}
	}
	return s.sketch
}
