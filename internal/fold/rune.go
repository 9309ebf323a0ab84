package fold

import (
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// class says what a character is to Words and AppendText, in bits.
type class uint8

const (
	inWord class = 1 << iota // a letter, mark or number
	letter
	alone // in a word of its own; inWord too
	white
)

// unspaced are the scripts that are written without spaces between words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai,
	unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

func classOf(r rune) class {
	var c class
	if unicode.IsLetter(r) {
		c = inWord | letter
	}
	if unicode.IsNumber(r) || unicode.IsMark(r) {
		c = inWord
	}
	if c != 0 && r >= 0x0e00 && unicode.In(r, unspaced...) {
		c |= alone
	}
	if unicode.IsSpace(r) {
		c |= white
	}
	return c
}

// character is what is known of one character.
type character struct {
	bytes [7]byte // folded, where its folding does not depend on its neighbours
	size  uint8   // of bytes in use; 0 where it does
	class class
}

// pages hold all characters, 256 a page, each made when first asked for: texts
// use few pages, and the Unicode tables take far longer to ask.
var pages [(unicode.MaxRune + 1) / 256]atomic.Pointer[[256]character]

func lookUp(r rune) *character {
	p := &pages[uint32(r)/256]
	page := p.Load()
	if page == nil {
		page = newPage(r &^ 255)
		p.Store(page)
	}
	return &page[r&255]
}

func newPage(first rune) *[256]character {
	page := new([256]character)
	for i := range page {
		r := first + rune(i)
		page[i].class = classOf(r)
		s := string(r)
		folded := foldRunes(s)
		// NFC works on stretches that begin where BoundaryBefore is true. Where
		// that holds of each character before and after folding, folding them one
		// by one is folding them together.
		if !norm.NFC.PropertiesString(s).BoundaryBefore() || !norm.NFC.PropertiesString(folded).BoundaryBefore() {
			continue
		}
		var b []byte
		for _, f := range folded {
			b = utf8.AppendRune(b, plain(f))
		}
		if len(b) <= len(page[i].bytes) {
			page[i].size = uint8(copy(page[i].bytes[:], b))
		}
	}
	return page
}

// ascii are the classes of the first 128 characters.
var ascii = func() (table [utf8.RuneSelf]class) {
	for r := range rune(utf8.RuneSelf) {
		table[r] = classOf(r)
	}
	return table
}()

// classAt is the class and the length in bytes of the character of b at i, and
// 0 at the end.
func classAt(b []byte, i int) (class, int) {
	if i >= len(b) {
		return 0, 0
	}
	if b[i] < utf8.RuneSelf {
		return ascii[b[i]], 1
	}
	r, size := utf8.DecodeRune(b[i:])
	return lookUp(r).class, size
}
