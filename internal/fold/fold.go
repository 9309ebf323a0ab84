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
	start := len(dst)
	space := true
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			f := lookUp(r)
			if f.size == 0 || r == utf8.RuneError {
				return appendInContext(dst[:start], s)
			}
			i += size
			if f.class&white != 0 {
				break
			}
			dst = append(dst, f.bytes[:f.size]...)
			space = false
			continue
		case c == ' ' || c >= '\t' && c <= '\r':
			i++
		default:
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			space = false
			continue
		}
		if !space {
			dst = append(dst, ' ')
		}
		space = true
	}
	return trimSpace(dst, start)
}

// appendInContext is AppendText for texts that hold characters whose folding
// depends on their neighbours, such as combining marks, or invalid UTF-8.
func appendInContext(dst []byte, s string) []byte {
	start := len(dst)
	space := true
	for _, r := range foldRunes(strings.ToValidUTF8(s, "\ufffd")) { // the normaliser gives each invalid byte a meaning of its own
		if unicode.IsSpace(r) {
			if !space {
				dst = append(dst, ' ')
			}
			space = true
			continue
		}
		dst = utf8.AppendRune(dst, plain(r))
		space = false
	}
	return trimSpace(dst, start)
}

// foldRunes is NFC, full case folding and NFC again.
func foldRunes(s string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(s)))
}

// plain makes the apostrophe plain and sets Cherokee right.
func plain(r rune) rune {
	switch {
	case r == '\u2019':
		return '\''
	case 0xab70 <= r && r <= 0xabbf: // Cherokee folds to upper case; cases.Fold swaps the two
		return r + 0x13a0 - 0xab70
	case 0x13f8 <= r && r <= 0x13fd:
		return r - 8
	}
	return r
}

// trimSpace drops the space that folding left at the end of dst[start:].
func trimSpace(dst []byte, start int) []byte {
	if n := len(dst); n > start && dst[n-1] == ' ' {
		return dst[:n-1]
	}
	return dst
}

// Span is a word's place in the folded text, as byte offsets.
type Span struct{ Start, End int }

// Words appends the spans of the words of folded, a result of Text.
func Words(dst []Span, folded []byte) []Span {
	for i := 0; i < len(folded); {
		class, size := classAt(folded, i)
		switch {
		case class&alone != 0:
			dst = append(dst, Span{i, i + size})
			i += size
		case class&inWord != 0:
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
		class, size := classAt(b, i)
		switch {
		case class&alone != 0:
			return i
		case class&inWord != 0:
			i += size
		case b[i] == '\'' && letterAt(b, i+1):
			i++
		case b[i] == '+' || b[i] == '#':
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
	if class, _ := classAt(b, j); class&inWord != 0 {
		return i
	}
	return j
}

func letterAt(b []byte, i int) bool {
	class, _ := classAt(b, i)
	return class&(letter|alone) == letter
}
