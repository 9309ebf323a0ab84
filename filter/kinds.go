package filter

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// kinds counts the characters of a text.
type kinds struct{ all, letters, digits int }

// Bits of a character's kind.
const (
	letterKind = 1 << iota // letters and marks
	digitKind
)

// kindOf has the kinds of the characters of Unicode's first plane.
var kindOf = sync.OnceValue(func() *[1 << 16]uint8 {
	table := new([1 << 16]uint8)
	for c := range table {
		table[c] = slowKind(rune(c))
	}
	return table
})

func slowKind(c rune) uint8 {
	switch {
	case unicode.IsLetter(c) || unicode.IsMark(c):
		return letterKind
	case unicode.IsDigit(c):
		return digitKind
	}
	return 0
}

// characters are the counts of the text as it stands.
func (t *Text) characters() kinds {
	if t.ask(knowsKinds) {
		return t.kinds
	}
	table := kindOf()
	var letters, digits, all int
	for i := 0; i < len(t.Text); all++ {
		c := rune(t.Text[i])
		size := 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(t.Text[i:])
		}
		i += size
		var kind uint8
		if c < 1<<16 {
			kind = table[c]
		} else {
			kind = slowKind(c)
		}
		letters += int(kind & letterKind)
		digits += int(kind >> 1)
	}
	t.kinds = kinds{all, letters, digits}
	return t.kinds
}

// share is part of all characters.
func (k kinds) share(part int) (float64, bool) { return float64(part) / float64(k.all), k.all > 0 }
