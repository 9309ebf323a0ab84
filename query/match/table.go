package match

import (
	"bytes"
	"encoding/binary"
)

// The tables. All are open addressing with linear probing; a place is found by
// scaling a hash to the table's length, so that tables are as full as build
// makes them whatever their size. At least one slot of each table is free.

// Marks in the numbers of words and nodes.
const (
	begins     = 1 << 31 // a query goes on from here
	continues  = 1 << 30 // a word: some query has it after its first word
	numberMask = continues - 1
)

// inlineMax is the most bytes of a word that a slot holds itself.
const inlineMax = 16

// wordSlot holds a word. Nearly all words of texts have at most sixteen bytes
// and cost one look at one cache line, of which a slot is half.
type wordSlot struct {
	low, high uint64 // the word's bytes, zeros behind; of a longer word hashes
	id        uint32 // number, from 1, with begins and continues; 0: a free slot
	query     uint32 // the query that is this word alone, counted from 1, or 0
	length    uint32 // of the word in bytes
	at        uint32 // where the word stands in bytes, if longer than sixteen
}

// edgeSlot leads from a node by a word to the next node. A first word's node is
// the word's number.
type edgeSlot struct {
	node, word uint32
	to         uint32 // number, with begins; 0: a free slot
	query      uint32 // the query that ends here, counted from 1, or 0
}

// wordKey is what wordSlot says of a word in a text.
type wordKey struct {
	low, high uint64
	start     uint32 // of the word in the text
	length    uint32
	slot      uint32 // where the search for it begins
	index     uint32 // which word of the text it is
}

// keep has a mask for each length up to sixteen: of the first eight bytes, and
// of the next eight.
var keep = func() (masks [inlineMax + 1][2]uint64) {
	for n := range masks {
		for i := range n {
			masks[n][i/8] |= 0xff << (i % 8 * 8)
		}
	}
	return masks
}()

// inlineKey is the key of a word of at most sixteen bytes, behind which there is
// padding.
func inlineKey(text []byte, start, length uint32) (low, high uint64) {
	b := text[start : start+inlineMax]
	mask := &keep[length]
	return binary.LittleEndian.Uint64(b) & mask[0], binary.LittleEndian.Uint64(b[8:]) & mask[1]
}

// keyOf is the key of the word text[start:end], behind which there is padding.
func keyOf(text []byte, start, end uint32) wordKey {
	k := wordKey{start: start, length: end - start}
	if k.length <= inlineMax {
		k.low, k.high = inlineKey(text, start, k.length)
	} else {
		k.low, k.high = hashLong(text[start:end])
	}
	return k
}

// hashLong hashes a word of more than sixteen bytes; docs/format.md says how.
func hashLong(word []byte) (low, high uint64) {
	low = uint64(len(word))
	for rest := word; len(rest) > 8; rest = rest[8:] {
		low = mix(low, binary.LittleEndian.Uint64(rest))
	}
	high = binary.LittleEndian.Uint64(word[len(word)-8:])
	return mix(low, high), high
}

// home is where the search for a word begins in a table of n slots.
func (k *wordKey) home(n int) int { return scale(hashKey(k.low, k.high, k.length), n) }

func hashKey(low, high uint64, length uint32) uint64 { return mix(low, high+uint64(length)) }

// slot is the slot of a word, or a free one.
func (m *Matcher) slot(k *wordKey, text []byte) *wordSlot {
	for i := int(k.slot); ; {
		s := &m.words[i]
		if (s.low^k.low)|(s.high^k.high)|uint64(s.length^k.length) == 0 &&
			(k.length <= inlineMax || bytes.Equal(m.bytes[s.at:s.at+s.length], text[k.start:k.start+k.length])) || s.id == 0 {
			return s
		}
		if i++; i == len(m.words) {
			i = 0
		}
	}
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
