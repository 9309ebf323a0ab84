package alttext

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/text/unicode/norm"
)

// Clean brings a text to NFC, with single spaces between words and none
// around, and without control characters and other invisible ones.
func Clean(s string) string {
	return string(appendClean(nil, []byte(s)))
}

// appendClean appends a text as Clean has it.
func appendClean(dst, s []byte) []byte {
	start := len(dst)
	space := false
	for _, c := range s {
		switch {
		case c > ' ' && c < 0x7f:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			space = false
			dst = append(dst, c)
		case c == ' ' || '\t' <= c && c <= '\r':
			space = true
		case c >= 0x80:
			// The mark that changes a letter may follow it.
			return appendForeign(dst[:start], s)
		}
	}
	return dst
}

// appendForeign is appendClean for a text that is not all ASCII.
func appendForeign(dst, s []byte) []byte {
	start := len(dst)
	space, composed := false, true
	for len(s) > 0 {
		c, n := utf8.DecodeRune(s)
		s = s[n:]
		switch {
		case unicode.IsSpace(c):
			space = true
			continue
		case unicode.IsControl(c), c == '\u200b', c == '\u2060', c == '\ufeff', c == '\u00ad':
			continue
		}
		if space && len(dst) > start {
			dst = append(dst, ' ')
		}
		space, composed = false, composed && inert(c)
		dst = utf8.AppendRune(dst, c)
	}
	if !composed && !norm.NFC.IsNormal(dst[start:]) {
		dst = append(dst[:start], norm.NFC.Bytes(dst[start:])...)
	}
	return dst
}

// inert tells of the most frequent characters that texts made of them alone are
// NFC: none decomposes, combines or is reordered.
func inert(c rune) bool {
	switch {
	case c < 0x300, // Latin
		0x400 <= c && c < 0x483, 0x48a <= c && c < 0x530, // Cyrillic
		0x2010 <= c && c < 0x2028,                                                       // dashes and quotation marks
		0x3001 <= c && c < 0x3020, 0x3041 <= c && c < 0x3097, 0x30a0 <= c && c < 0x30ff, // kana
		0x4e00 <= c && c < 0xa000, 0xac00 <= c && c < 0xd7a4: // Han, Hangul
		return true
	}
	return false
}

// appendText decodes the character references of a text.
func appendText(dst, s []byte) []byte {
	if bytes.IndexByte(s, '&') < 0 {
		return append(dst, s...)
	}
	return append(dst, html.UnescapeString(string(s))...)
}

// appendValue decodes the character references of an attribute's value. A name
// without a semicolon is none where a letter, a digit or an equals sign follows
// (HTML standard, 13.2.5.73), so that ?a=1&copy=2 stays what it is. NUL is
// U+FFFD, as in all of an attribute.
func appendValue(dst, s []byte) []byte {
	if bytes.IndexByte(s, 0) >= 0 {
		s = bytes.ReplaceAll(s, []byte{0}, []byte("\uFFFD"))
	}
	for {
		n := bytes.IndexByte(s, '&')
		if n < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:n]...)
		s = s[n:]
		end := 1
		if len(s) > 1 && s[1] == '#' {
			end = 2
		}
		for end < len(s) && (letter(s[end]) || '0' <= s[end] && s[end] <= '9') {
			end++
		}
		numeric := len(s) > 1 && s[1] == '#'
		whole := end < len(s) && s[end] == ';'
		if whole {
			end++
		}
		switch reference := s[:end]; {
		case string(reference) == "&amp;":
			dst = append(dst, '&')
		case end == 1 || !whole && !numeric && end < len(s) && s[end] == '=':
			dst = append(dst, reference...)
		default:
			text := html.UnescapeString(string(reference))
			last := text[len(text)-1]
			if !numeric && (whole && len(text) > 1 && last == ';' || !whole && (letter(last) || '0' <= last && last <= '9')) {
				text = string(reference) // at most its beginning is a name
			}
			dst = append(dst, text...)
		}
		s = s[end:]
	}
}

// keeper hands out copies of bytes as strings, many to an allocation.
type keeper struct{ block strings.Builder }

const (
	firstBlock = 1 << 10
	lastBlock  = 32 << 10
)

func (k *keeper) keep(b []byte) string {
	if free := k.block.Cap() - k.block.Len(); free < len(b) {
		size := min(max(2*k.block.Cap(), firstBlock), lastBlock)
		k.block = strings.Builder{}
		k.block.Grow(max(size, len(b)))
	}
	at := k.block.Len()
	k.block.Write(b)
	return k.block.String()[at:]
}

// reset forgets the block, which belongs to the strings that were handed out.
func (k *keeper) reset() { k.block = strings.Builder{} }
