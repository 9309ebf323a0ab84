package filter

import (
	"bytes"
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
func repetition(most float64) Rule[Text] {
	return Rule[Text]{"word_repetition",
		func(t *Text) bool { return most > 0 && t.Words() >= repetitionMinWords && t.repeated() > most },
		func(t *Text) string {
			return fmt.Sprintf("%.2f of the words stood before, more than max_word_repetition %g", t.repeated(), most)
		}}
}

// repeated is the share of words that stood before.
func (t *Text) repeated() float64 {
	n := t.Words()
	// An open-addressed table, at most half full, of word numbers counted from 1.
	size := 1 << bits.Len(uint(2*n))
	t.seen = slices.Grow(t.seen[:0], size)[:size]
	clear(t.seen)
	different := 0
words:
	for i := range n {
		word := t.word(i)
		slot := int(xxhash.Sum64(word)) & (size - 1)
		for ; t.seen[slot] != 0; slot = (slot + 1) & (size - 1) {
			if bytes.Equal(t.word(int(t.seen[slot]-1)), word) {
				continue words
			}
		}
		t.seen[slot] = uint32(i + 1)
		different++
	}
	return 1 - float64(different)/float64(n)
}
