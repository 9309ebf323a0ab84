package lookalike

import "math/bits"

// Index finds the hashes that differ in few bits from another. It is complete: hashes
// are cut into four blocks, and two that differ in at most d bits differ in at most d/4
// in one of them, so that all blocks so near are looked up.
type Index struct {
	distance int
	hashes   []uint64
	tables   [blocks]table
	masks    []uint16 // all of at most distance/4 bits
}

// table has the numbers of the hashes by their value in one block.
type table struct {
	starts  []uint32 // of each value, and the end
	numbers []uint32
}

const (
	blocks    = 4
	blockBits = 16
)

// MaxDistance is the largest that an Index takes; beyond it most pictures are near to
// one another.
const MaxDistance = 15

// Flat tells hashes of pictures of one colour, which are alike and say nothing.
func Flat(hash uint64) bool { return bits.OnesCount64(hash) <= 1 }

// NewIndex returns an index of the hashes, whose numbers are their places. Flat ones are
// never found. The distance is up to MaxDistance.
func NewIndex(hashes []uint64, distance int) *Index {
	x := &Index{distance: distance, hashes: hashes}
	for m := range 1 << blockBits {
		if bits.OnesCount(uint(m)) <= distance/blocks {
			x.masks = append(x.masks, uint16(m))
		}
	}
	for b := range x.tables {
		t := &x.tables[b]
		t.starts = make([]uint32, 1<<blockBits+1)
		for _, h := range hashes {
			if !Flat(h) {
				t.starts[int(block(h, b))+1]++
			}
		}
		for v := range 1 << blockBits {
			t.starts[v+1] += t.starts[v]
		}
		t.numbers = make([]uint32, t.starts[1<<blockBits])
		next := append([]uint32(nil), t.starts...)
		for i, h := range hashes {
			if !Flat(h) {
				v := block(h, b)
				t.numbers[next[v]] = uint32(i)
				next[v]++
			}
		}
	}
	return x
}

func block(hash uint64, b int) uint16 { return uint16(hash >> (b * blockBits)) }

// Near visits the number of each hash within the distance, once, in always the same
// order, until visit returns false.
func (x *Index) Near(hash uint64, visit func(number, distance int) bool) {
	if Flat(hash) {
		return
	}
	for b := range x.tables {
		t := &x.tables[b]
		for _, m := range x.masks {
			v := int(block(hash, b) ^ m)
			for _, n := range t.numbers[t.starts[v]:t.starts[v+1]] {
				differs := hash ^ x.hashes[n]
				d := bits.OnesCount64(differs)
				if d <= x.distance && x.first(differs) == b && !visit(int(n), d) {
					return
				}
			}
		}
	}
}

// first is the first block in which hashes that differ so are near.
func (x *Index) first(differs uint64) int {
	for b := range blocks {
		if bits.OnesCount16(block(differs, b)) <= x.distance/blocks {
			return b
		}
	}
	return blocks
}
