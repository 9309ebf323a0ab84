// Package fold makes texts comparable: the one folding that query matching and
// deduplication share.
//
// [Text] applies Unicode NFC, full case folding (CaseFolding.txt, status C and
// F), NFC again, turns typographic apostrophes into plain ones, and folds runs
// of white space to one space. [Words] cuts a folded text into words:
//
//   - letters, marks and numbers make words, all else separates them;
//   - an apostrophe between two letters belongs to the word (don't, o'clock);
//   - plus and number signs that end a word belong to it (c++, c#);
//   - a character of a script that is written without spaces (Han, Hiragana,
//     Katakana, Thai, Lao, Khmer, Myanmar, Tibetan) is a word of its own, so
//     that matching sequences of words there is matching substrings.
//
// Both functions are pure, append to what the caller gives, and take time in
// proportion to the text.
package fold

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Text returns s folded. A run of invalid UTF-8 becomes one U+FFFD.
func Text(s string) string { return string(AppendText(nil, s)) }

// AppendText appends s, folded, to dst.
func AppendText(dst []byte, s string) []byte {
	if isASCII(s) {
		return appendASCII(dst, s)
	}
	s = strings.ToValidUTF8(s, "\ufffd") // the normaliser gives each invalid byte a meaning of its own
	folded := norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
	space := true
	for _, r := range folded {
		if unicode.IsSpace(r) {
			if !space {
				dst = append(dst, ' ')
			}
			space = true
			continue
		}
		switch {
		case r == '\u2019':
			r = '\''
		case 0xab70 <= r && r <= 0xabbf: // Cherokee folds to upper case; cases.Fold swaps the two
			r += 0x13a0 - 0xab70
		case 0x13f8 <= r && r <= 0x13fd:
			r -= 8
		}
		dst = utf8.AppendRune(dst, r)
		space = false
	}
	return trimSpace(dst, space)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendASCII is AppendText for texts where folding is lower case.
func appendASCII(dst []byte, s string) []byte {
	space := true
	for i := range len(s) {
		c := s[i]
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			if !space {
				dst = append(dst, ' ')
			}
			space = true
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		dst = append(dst, c)
		space = false
	}
	return trimSpace(dst, space)
}

// trimSpace drops the space that folding left at the end.
func trimSpace(dst []byte, space bool) []byte {
	if n := len(dst); space && n > 0 && dst[n-1] == ' ' {
		return dst[:n-1]
	}
	return dst
}

// Span is a word's place in the folded text, as byte offsets.
type Span struct{ Start, End int }

// Words appends the spans of the words of folded, a result of Text.
func Words(dst []Span, folded []byte) []Span {
	for i := 0; i < len(folded); {
		r, size := decode(folded[i:])
		switch {
		case alone(r):
			dst = append(dst, Span{i, i + size})
			i += size
		case inWord(r):
			end := wordEnd(folded, i)
			dst = append(dst, Span{i, end})
			i = end
		default:
			i += size
		}
	}
	return dst
}

// wordEnd is the end of the word that starts at i.
func wordEnd(b []byte, i int) int {
	for i < len(b) {
		r, size := decode(b[i:])
		switch {
		case alone(r):
			return i
		case inWord(r):
			i += size
		case r == '\'' && letterAt(b, i+size):
			i += size
		case r == '+' || r == '#':
			return signsEnd(b, i)
		default:
			return i
		}
	}
	return i
}

// signsEnd is the end of the run of plus and number signs at i where that run
// ends the word, and i where the word goes on.
func signsEnd(b []byte, i int) int {
	j := i
	for j < len(b) && (b[j] == '+' || b[j] == '#') {
		j++
	}
	if r, _ := decode(b[j:]); j < len(b) && (inWord(r) || alone(r)) {
		return i
	}
	return j
}

func letterAt(b []byte, i int) bool {
	r, _ := decode(b[i:])
	return unicode.IsLetter(r) && !alone(r)
}

func decode(b []byte) (rune, int) {
	if len(b) > 0 && b[0] < utf8.RuneSelf {
		return rune(b[0]), 1
	}
	return utf8.DecodeRune(b)
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r))
}

// unspaced are the scripts that are written without spaces between words.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai,
	unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

func alone(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unspaced...) && inWord(r)
}
