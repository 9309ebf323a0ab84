package hamming

import "math/bits"

// A match says which words of a group are near: p is, to those q+k for which bit k of
// which is set.
type match struct {
	p, q  uint32
	which uint64
}

// A cursor is where within goes on: at word p of the group, compared with q and
// those after it; q is 0 before the group is begun.
type cursor struct{ group, p, q int64 }

// A kernel compares the words of each group, from starts[g] to starts[g+1], with one
// another, and writes what is within the distance to out. It returns how many
// matches there are when all groups are done, which is when the cursor's group is the
// last start, or out is full.
type kernel struct {
	within func(words []uint64, starts []uint32, distance int, at *cursor, out []match) int
	// next is the place of the first of the words that is near to a word; their number
	// where none is.
	next func(word uint64, words []uint64, distance int) int
	// few is how many words are compared each with each rather than sorted, and most
	// how many that agree in two blocks are at distance 4, before they are parted once
	// more.
	few, most int
}

// plain is the kernel of every processor.
var plain = kernel{withinPlain, nextPlain, 96, 192}

func withinPlain(words []uint64, starts []uint32, distance int, at *cursor, out []match) int {
	n := 0
	for ; at.group < int64(len(starts)-1); at.group++ {
		end := int64(starts[at.group+1])
		if at.q == 0 {
			at.p = int64(starts[at.group])
			at.q = at.p + 1
		}
		for ; at.p < end; at.p, at.q = at.p+1, at.p+2 {
			w := words[at.p]
			if at.q >= end {
				break
			}
			for k, o := range words[at.q:end] {
				if bits.OnesCount64(w^o) > distance {
					continue
				}
				if n == len(out) {
					at.q += int64(k)
					return n
				}
				out[n] = match{uint32(at.p), uint32(at.q) + uint32(k), 1}
				n++
			}
		}
		at.q = 0
	}
	return n
}

func nextPlain(word uint64, words []uint64, distance int) int {
	for k, w := range words {
		if bits.OnesCount64(w^word) <= distance {
			return k
		}
	}
	return len(words)
}
