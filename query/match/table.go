package match

import "bytes"

// The tables. All are open addressing with linear probing; a place is found by
// scaling a hash to the table's length, so that tables are as full as build
// makes them whatever their size. At least one slot of each table is free.

// Marks in the numbers of words and nodes.
const (
	begins     = 1 << 31 // a query goes on from here
	continues  = 1 << 30 // a word: some query has it after its first word
	numberMask = continues - 1
)

// shortMax and inlineMax are the most bytes that a slot holds itself.
const (
	shortMax  = 8
	inlineMax = 16
)

// shortSlot holds a word of at most eight bytes, the last of which is not 0.
// Most words of texts are such, and cost one look at one cache line.
type shortSlot struct {
	key   uint64 // the word's bytes, the first one lowest, zeros behind
	id    uint32 // number, from 1, with begins and continues; 0: a free slot
	query uint32 // the query that is this word alone, counted from 1, or 0
}

// longSlot holds any other word.
type longSlot struct {
	low, high uint64 // up to 16 bytes of the word, or its hash and 0
	id, query uint32 // as in shortSlot
	length    uint32 // of the word in bytes
	at        uint32 // where the word stands in bytes, if longer than 16
}

// edgeSlot leads from a node by a word to the next node. A first word's node is
// the word's number.
type edgeSlot struct {
	node, word uint32
	to         uint32 // number, with begins; 0: a free slot
	query      uint32 // the query that ends here, counted from 1, or 0
}

// word looks up the word text[start:end], behind which there is padding.
func (m *Matcher) word(text []byte, start, end uint32) word {
	n := end - start
	if n <= shortMax {
		shift := 64 - 8*uint64(n)
		key := load(text, start) << shift >> shift
		if n == 0 || key>>(8*n-8) != 0 {
			for i := scale(mix(key, key), len(m.short)); ; {
				if s := &m.short[i]; s.key == key || s.id == 0 {
					return word{s.id, s.query} // of a free slot: zeros
				}
				if i++; i == len(m.short) {
					i = 0
				}
			}
		}
	}
	return m.longWord(text, start, end)
}

func (m *Matcher) longWord(text []byte, start, end uint32) word {
	low, high, place := longKey(text, start, end)
	for i := scale(place, len(m.long)); ; {
		s := &m.long[i]
		if s.id == 0 || s.low == low && s.high == high && s.length == end-start &&
			(s.length <= inlineMax || bytes.Equal(m.bytes[s.at:s.at+s.length], text[start:end])) {
			return word{s.id, s.query}
		}
		if i++; i == len(m.long) {
			i = 0
		}
	}
}

// longKey is the key of the word text[start:end] for longSlot, and a hash of it.
func longKey(text []byte, start, end uint32) (low, high, place uint64) {
	n := end - start
	low, high = load(text, start), load(text, start+8)
	if n <= shortMax {
		shift := 64 - 8*uint64(n)
		low, high = low<<shift>>shift, 0
	} else if n <= inlineMax {
		shift := 64 - 8*uint64(n-8)
		high = high << shift >> shift
	} else {
		low = mix(low, high)
		at := start + 16
		for ; at+8 <= end; at += 8 {
			low = mix(low, load(text, at))
		}
		low, high = mix(low, load(text, end-8)), 0 // the last bytes, some for the second time
	}
	return low, high, mix(low, high+uint64(n))
}

// edge looks up the edge from node by the word with this number. It is zero
// where there is none.
func (m *Matcher) edge(node, number uint32) edgeSlot {
	hash := edgeHash(node, number)
	bit := scale(hash, len(m.pairs)*64)
	if m.pairs[bit/64]>>(bit%64)&1 == 0 {
		return edgeSlot{}
	}
	for i := scale(hash, len(m.edges)); ; {
		if e := m.edges[i]; e.node == node && e.word == number || e.to == 0 {
			return e
		}
		if i++; i == len(m.edges) {
			i = 0
		}
	}
}

func edgeHash(node, number uint32) uint64 {
	x := uint64(node)<<32 | uint64(number)
	return mix(x, x)
}
