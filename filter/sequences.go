package filter

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Lengths of the sequences whose repetition is counted, as in ROOTS and OBELICS.
const (
	characterSequence = 10
	wordSequence      = 5
)

// characterRepetition drops texts in which sequences of ten characters repeat too
// much: the share of all sequences that the commonest repeated ones have, of which at
// most the square root of the number of different sequences counts.
func characterRepetition(greatest float64) Rule[Text] {
	return measured("character_repetition",
		func(t *Text) (float64, bool) {
			t.units = t.units[:0]
			for _, c := range t.Text {
				t.units = append(t.units, uint64(c))
			}
			different, repeated := t.repeats(characterSequence)
			if different == 0 {
				return 0, false
			}
			slices.Sort(repeated)
			slices.Reverse(repeated)
			return shareOf(repeated[:min(len(repeated), int(math.Sqrt(float64(different))))], len(t.units)-characterSequence+1), true
		},
		func(_ *Text, v float64) string {
			return fmt.Sprintf("%.2f of the sequences of %d characters repeat", v, characterSequence)
		},
		most("text.max_character_repetition", greatest))
}

// sequenceRepetition drops texts in which too many sequences of five words stand more
// than once. Words are told apart by 64-bit hashes.
func sequenceRepetition(greatest float64) Rule[Text] {
	return measured("sequence_repetition",
		func(t *Text) (float64, bool) {
			t.units = append(t.units[:0], t.wordHashes()...)
			different, repeated := t.repeats(wordSequence)
			return shareOf(repeated, len(t.units)-wordSequence+1), different > 0
		},
		func(_ *Text, v float64) string {
			return fmt.Sprintf("%.2f of the sequences of %d words repeat", v, wordSequence)
		},
		most("text.max_sequence_repetition", greatest))
}

func shareOf(counts []uint32, all int) float64 {
	sum := uint32(0)
	for _, n := range counts {
		sum += n
	}
	return float64(sum) / float64(all)
}

// repeats looks at all sequences of n units. It tells how many differ, 0 where there
// are fewer than n units, and how often each of those stands that repeats.
func (t *Text) repeats(n int) (different int, repeated []uint32) {
	units := t.units
	all := len(units) - n + 1
	if all < 1 {
		return 0, nil
	}
	// An open-addressed table, at most half full, of places counted from 1.
	size := 1 << bits.Len(uint(2*all-1))
	t.seen = slices.Grow(t.seen[:0], size)[:size]
	clear(t.seen)
	// The hash of a sequence is a polynomial of its units; factor is odd.
	const factor = 0x9e3779b97f4a7c15
	hash, leading := uint64(0), uint64(1) // factor to the power of n-1
	for i, u := range units[:n-1] {
		hash = hash*factor + u
		if i > 0 {
			leading *= factor
		}
	}
	leading *= factor
	counted := false
	for at := range all {
		hash = hash*factor + units[at+n-1]
		slot := int(hash * factor >> (64 - bits.TrailingZeros(uint(size))))
		for ; t.seen[slot] != 0; slot = (slot + 1) & (size - 1) {
			if first := int(t.seen[slot] - 1); slices.Equal(units[first:first+n], units[at:at+n]) {
				break
			}
		}
		if t.seen[slot] == 0 {
			t.seen[slot] = uint32(at + 1)
			different++
		} else {
			if !counted {
				counted = true
				t.counts = slices.Grow(t.counts[:0], all)[:all]
				clear(t.counts)
			}
			t.counts[t.seen[slot]-1]++
		}
		hash -= units[at] * leading
	}
	if !counted {
		return different, nil
	}
	repeated = t.counts[:0]
	for _, again := range t.counts {
		if again > 0 {
			repeated = append(repeated, again+1)
		}
	}
	return different, repeated
}
