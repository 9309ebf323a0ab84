package filter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// repetitionMinWords is the length from which repetition means anything: in
// three words one repeat is a third.
const repetitionMinWords = 4

// repetition drops texts in which more than the given share of words stood
// before, as lists of tags and search terms do.
func repetition(greatest float64) Rule[Text] {
	r := measured("word_repetition",
		func(t *Text) (float64, bool) {
			n := t.Words()
			if n < repetitionMinWords {
				return 0, false
			}
			return repeatedShare(t.different(n), n), true
		},
		func(_ *Text, v float64) string { return fmt.Sprintf("%.2f of the words stood before", v) },
		most("text.max_word_repetition", greatest))
	r.Drop = func(t *Text) bool {
		n := t.Words()
		if greatest == 0 || n < repetitionMinWords {
			return false
		}
		// So many different words are enough.
		enough := int((1 - greatest) * float64(n))
		for repeatedShare(enough, n) > greatest { // a step or none: rounding
			enough++
		}
		return t.different(enough) < enough
	}
	return r
}

// repeatedShare is the share of n words that stood before, when so many differ.
func repeatedShare(different, n int) float64 { return 1 - float64(different)/float64(n) }

// different counts the different words, up to enough.
func (t *Text) different(enough int) int {
	n := t.Words()
	// An open-addressed table, at most half full, of word numbers counted from 1.
	size := 1 << bits.Len(uint(2*n))
	t.seen = slices.Grow(t.seen[:0], size)[:size]
	clear(t.seen)
	different := 0
words:
	for i := 0; i < n && different < enough; i++ {
		word := t.word(i)
		slot := int(t.hash(i)) & (size - 1)
		for ; t.seen[slot] != 0; slot = (slot + 1) & (size - 1) {
			if bytes.Equal(t.word(int(t.seen[slot]-1)), word) {
				continue words
			}
		}
		t.seen[slot] = uint32(i + 1)
		different++
	}
	return different
}

// hash spreads words over the table. One of up to sixteen bytes is taken as two
// numbers, its first and its last eight bytes; a shorter one than eight as one,
// without what the padding or the next word has behind it.
func (t *Text) hash(i int) uint64 {
	start, end := t.Edges[2*i], t.Edges[2*i+1]
	length := end - start
	if length > 16 {
		return xxhash.Sum64(t.Folded[start:end])
	}
	head := binary.LittleEndian.Uint64(t.Folded[start : start+8 : start+8])
	tail := head
	if length < 8 {
		head &= 1<<(8*length) - 1
		tail = 0
	} else {
		tail = binary.LittleEndian.Uint64(t.Folded[end-8:])
	}
	high, low := bits.Mul64(head^0x9e3779b97f4a7c15, tail^0xd6e8feb86659fd93^uint64(length))
	return high ^ low
}
