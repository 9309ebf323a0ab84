package refusal

import (
	"math/bits"
	"slices"
)

// Perceptual hashes are looked up by their four blocks of 16 bits: of two hashes that
// differ in at most d bits one block differs in at most d/4 (the pigeonhole principle,
// as in Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming Space with Multi-Index
// Hashing", 2014). Entries are indexed by that radius, and a lookup asks for each block
// and all that are so near to it.

// few entries are compared one by one, which is faster.
const few = 256

// alike are the entries of one radius.
type alike struct {
	like  []like
	masks []uint16 // all words of at most radius bits; nil where there are few entries
	// Of each block the entries in order of its words, and where those of a word begin.
	starts [4][]uint32
	order  [4][]like
}

type like struct {
	hash     uint64
	distance uint8
	at       int32 // in the list
}

func block(hash uint64, i int) uint16 { return uint16(hash >> (16 * i)) }

// indexAlike makes the indexes of the entries that need one.
func indexAlike(entries []Entry) (list []*alike) {
	var byRadius [MostDistance/4 + 1]*alike
	for at, e := range entries {
		if e.Kind != Similar {
			continue
		}
		a := &byRadius[min(e.Distance, MostDistance)/4]
		if *a == nil {
			*a = &alike{}
		}
		(*a).like = append((*a).like, like{e.Number, e.Distance, int32(at)})
	}
	for radius, a := range byRadius {
		if a == nil {
			continue
		}
		if list = append(list, a); len(a.like) > few {
			a.index(radius)
		}
	}
	return list
}

func (a *alike) index(radius int) {
	for m := range 1 << 16 {
		if bits.OnesCount16(uint16(m)) <= radius {
			a.masks = append(a.masks, uint16(m))
		}
	}
	for i := range a.starts {
		starts := make([]uint32, 1<<16+1)
		for _, l := range a.like {
			starts[int(block(l.hash, i))+1]++
		}
		for w := range 1 << 16 {
			starts[w+1] += starts[w]
		}
		order := make([]like, len(a.like))
		next := slices.Clone(starts)
		for _, l := range a.like {
			w := block(l.hash, i)
			order[next[w]] = l
			next[w]++
		}
		a.starts[i], a.order[i] = starts, order
	}
}

// find is an entry that the hash is near to.
func (a *alike) find(hash uint64) (at int32, ok bool) {
	if a.masks == nil {
		for i := range a.like {
			if l := &a.like[i]; bits.OnesCount64(l.hash^hash) <= int(l.distance) {
				return l.at, true
			}
		}
		return 0, false
	}
	for i := range a.starts {
		word, starts, order := block(hash, i), a.starts[i], a.order[i]
		for _, m := range a.masks {
			w := int(word ^ m)
			for k := starts[w]; k < starts[w+1]; k++ {
				if l := &order[k]; bits.OnesCount64(l.hash^hash) <= int(l.distance) {
					return l.at, true
				}
			}
		}
	}
	return 0, false
}
