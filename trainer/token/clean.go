package token

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleaner keeps the buffers of cleaning.
type cleaner struct {
	plane *plane
	text  []byte // between repair and lower case
	again []byte // a segment that is repaired once more
	clear []byte // the result
}

// padding is room after the result, for reading words eight bytes at a time.
const padding = 24

// folded is each byte of plain text in lower case, 0 for bytes that need more
// than that.
var folded = func() (t [128]byte) {
	for b := byte(' '); b < 0x7F; b++ {
		t[b] = b
		if b >= 'A' && b <= 'Z' {
			t[b] = b + 'a' - 'A'
		}
	}
	t['&'] = 0
	for _, b := range "\t\n\f\r" {
		t[b] = ' '
	}
	return t
}()

// clean is what encoding does to a text before it looks for words: characters
// repaired and brought to form NFC, HTML unescaped twice, white space folded and
// stripped, lower case; all as the public tokenizer does. Bytes that are not
// UTF-8 become U+FFFD. The result lives until the next call.
func (c *cleaner) clean(text string) []byte {
	if n := len(text) + padding; cap(c.clear) < n {
		c.clear = make([]byte, 0, 2*n)
	}
	out := c.clear[:len(text)]
	n, space := 0, true
	for i := range len(text) {
		b := text[i]
		if b >= 0x80 || folded[b] == 0 {
			return c.cleanSlowly(text)
		}
		b = folded[b]
		if b == ' ' && space {
			continue
		}
		space = b == ' '
		out[n] = b
		n++
	}
	return bytes.TrimSuffix(out[:n], []byte{' '})
}

// cleanSlowly handles what is not plain ASCII. It allocates only for texts with
// entities, terminal escapes or letters that are not composed.
func (c *cleaner) cleanSlowly(text string) []byte {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	c.clear = append(c.clear[:0], text...)
	c.text = c.text[:0]
	// As in ftfy, a line with "<" is HTML; it and all after it are not touched
	// before HTML's own unescaping.
	unescape := true
	for rest := c.clear; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		unescape = unescape && bytes.IndexByte(rest[:end], '<') < 0
		c.text = c.repair(c.text, rest[:end], unescape)
		rest = rest[end:]
	}
	if bytes.IndexByte(c.text, '&') >= 0 {
		c.text = append(c.text[:0], unescapeAll(unescapeAll(c.text))...)
	}
	c.lower()
	return c.clear
}

// lower folds the white space of c.text and brings it to lower case, in c.clear.
func (c *cleaner) lower() {
	out, space := c.clear[:0], true
	for i := 0; i < len(c.text); {
		r, size := rune(c.text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(c.text[i:])
		}
		class := c.plane.of(r)
		switch {
		case class&classMask == classSpace:
			if !space {
				out = append(out, ' ')
			}
		case class&changesCase == 0:
			out = append(out, c.text[i:i+size]...)
		case r == 'İ':
			out = append(out, "i\u0307"...)
		case r == 'Σ' && endsWord(c.text[:i], c.text[i+size:]):
			out = append(out, "ς"...)
		default:
			out = utf8.AppendRune(out, unicode.ToLower(r))
		}
		space = class&classMask == classSpace
		i += size
	}
	out = bytes.TrimSuffix(out, []byte{' '})
	c.clear = append(out, make([]byte, padding)...)[:len(out)]
}

// endsWord tells whether a sigma between two texts is the last letter of a word,
// by the condition Final_Sigma of Unicode's SpecialCasing.
func endsWord(before, after []byte) bool {
	for {
		r, size := utf8.DecodeLastRune(before)
		if size == 0 {
			return false
		}
		if !caseIgnorable(r) {
			if !cased(r) {
				return false
			}
			break
		}
		before = before[:len(before)-size]
	}
	for {
		r, size := utf8.DecodeRune(after)
		if size == 0 || !caseIgnorable(r) {
			return size == 0 || !cased(r)
		}
		after = after[size:]
	}
}
