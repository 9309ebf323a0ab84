package token

import (
	"sync"
	"unicode"
)

// Classes of characters, as CLIP's pattern tells them apart.
const (
	classOther = iota // punctuation, marks, symbols, anything else
	classLetter
	classNumber
	classSpace
	classMask = 3
	// changesCase marks characters whose lower case is another character.
	changesCase = 4
	// repaired marks characters that have a replacement.
	repaired = 8
)

// plane holds class and case mark of the characters below 0x10000.
type plane [1 << 16]byte

// basicPlane is made at the first use, from package unicode's tables.
var basicPlane = sync.OnceValue(func() *plane {
	var p plane
	for r := range rune(len(p)) {
		p[r] = classify(r)
	}
	return &p
})

func (p *plane) of(r rune) byte {
	if uint32(r) < uint32(len(p)) {
		return p[r]
	}
	return classify(r)
}

func classify(r rune) byte {
	class := byte(classOther)
	switch {
	case unicode.IsLetter(r):
		class = classLetter
	case unicode.IsNumber(r):
		class = classNumber
	case unicode.IsSpace(r):
		class = classSpace
	}
	if unicode.ToLower(r) != r {
		class |= changesCase
	}
	if _, there := replacements[r]; there {
		class |= repaired
	}
	return class
}

// cased tells letters that have case, by the property Cased of Unicode.
func cased(r rune) bool {
	return unicode.In(r, unicode.Ll, unicode.Lu, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

// caseIgnorable tells characters that lie inside a word without ending it, by
// the property Case_Ignorable.
func caseIgnorable(r rune) bool {
	switch r {
	case '\'', '.', ':', 0xB7, 0x387, 0x55F, 0x5F4, 0x2018, 0x2019, 0x2024, 0x2027,
		0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A:
		return true
	}
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk)
}
