package token

import (
	"bytes"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// What ftfy 6 does to each character before CLIP's tokenizer sees it: C1
// controls become what Windows-1252 has in their place, Latin ligatures come
// apart, half and full width become plain, quotes straight, line ends "\n", and
// control characters go. Its guesses at text decoded by the wrong table
// (mojibake) are left out.
var replacements = func() map[rune]string {
	m := map[rune]string{
		'Ĳ': "IJ", 'ĳ': "ij", 'ŉ': "'n",
		'Ǆ': "DŽ", 'ǅ': "Dž", 'ǆ': "dž", 'Ǉ': "LJ", 'ǈ': "Lj", 'ǉ': "lj",
		'Ǌ': "NJ", 'ǋ': "Nj", 'ǌ': "nj", 'Ǳ': "DZ", 'ǲ': "Dz", 'ǳ': "dz",
		'ﬀ': "ff", 'ﬁ': "fi", 'ﬂ': "fl", 'ﬃ': "ffi", 'ﬄ': "ffl", 'ﬅ': "ſt", 'ﬆ': "st",
		'ʼ': "'", '\u2028': "\n", '\u2029': "\n", '\u3000': " ",
		0x0B: "", 0x7F: "", 0xFEFF: "",
	}
	each := func(first, last rune, to func(rune) string) {
		for r := first; r <= last; r++ {
			if s := to(r); s != string(r) {
				m[r] = s
			}
		}
	}
	always := func(s string) func(rune) string { return func(rune) string { return s } }
	each(0xFF01, 0xFFEF, func(r rune) string { return norm.NFKC.String(string(r)) })
	each(0x2018, 0x201B, always("'"))
	each(0x201C, 0x201F, always(`"`))
	each(0x80, 0x9F, func(r rune) string {
		to := charmap.Windows1252.DecodeByte(byte(r))
		if to == utf8.RuneError {
			return string(r)
		}
		if s, there := m[to]; there {
			return s
		}
		return string(to)
	})
	each(0x00, 0x08, always(""))
	each(0x0E, 0x1F, always(""))
	each(0x206A, 0x206F, always(""))
	each(0xFFF9, 0xFFFC, always(""))
	return m
}()

// repair appends the repaired segment to dst. It repeats until nothing changes,
// as ftfy does; nearly always once.
func (c *cleaner) repair(dst, segment []byte, unescape bool) []byte {
	from := len(dst)
	for {
		changed := false
		if unescape && bytes.IndexByte(segment, '&') >= 0 {
			plain := unescapeClear(segment)
			segment, changed = plain, !bytes.Equal(plain, segment)
		}
		if bytes.IndexByte(segment, 0x1B) >= 0 {
			plain, _, _ := c.substitute(nil, segment, true)
			segment, changed = withoutEscapes(plain), true
		}
		var replaced, high bool
		dst, replaced, high = c.substitute(dst, segment, false)
		changed = changed || replaced
		// Below U+0300 all text is in form NFC.
		if high && !norm.NFC.IsNormal(dst[from:]) {
			normal := norm.NFC.Bytes(dst[from:])
			dst, changed = append(dst[:from], normal...), true
		}
		if !changed {
			return dst
		}
		c.again = append(c.again[:0], dst[from:]...)
		dst, segment = dst[:from], c.again
	}
}

// substitute appends the text with its replacements made, those by nothing only
// where not keep. It tells whether there were any, and whether the text reaches
// U+0300.
func (c *cleaner) substitute(dst, text []byte, keep bool) (out []byte, replaced, high bool) {
	for i := 0; i < len(text); {
		if b := text[i]; b >= ' ' && b < 0x7F {
			dst = append(dst, b)
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		to := ""
		hit := c.plane.of(r)&repaired != 0
		if hit {
			to = replacements[r]
			hit = to != "" || !keep
		}
		if hit {
			dst = append(dst, to...)
		} else {
			dst = append(dst, text[i:i+size]...)
		}
		replaced = replaced || hit
		high = high || r >= 0x300 || hit
		i += size
	}
	return dst, replaced, high
}

// withoutEscapes takes out the escape sequences that colour text in terminals.
func withoutEscapes(text []byte) []byte {
	var out []byte
	for i := 0; i < len(text); {
		if rest, found := bytes.CutPrefix(text[i:], []byte("\x1b[")); found {
			rest = bytes.TrimLeftFunc(rest, func(r rune) bool { return r == ';' || unicode.IsDigit(r) })
			if len(rest) > 0 && (rest[0]|0x20) >= 'a' && (rest[0]|0x20) <= 'z' {
				i = len(text) - len(rest) + 1
				continue
			}
		}
		out = append(out, text[i])
		i++
	}
	return out
}

// unescapeClear replaces the entities that end in a semicolon, names in capitals
// among them, such as &EACUTE;.
func unescapeClear(text []byte) []byte {
	return entities(text, func(entity string) (string, int) {
		name := strings.TrimPrefix(entity[1:], "#")
		end := 0
		for end < min(len(name), 24) && isAlphanumeric(name[end]) {
			end++
		}
		if end == 0 || end == len(name) || name[end] != ';' {
			return "", 0
		}
		entity = entity[:len(entity)-len(name)+end+1]
		plain := unescapeOne(entity)
		if upper := strings.ToUpper(entity); plain == entity && upper == entity {
			plain = strings.ReplaceAll(strings.ToUpper(unescapeOne(strings.ToLower(entity))), "ß", "SS")
			if strings.EqualFold(plain, entity) {
				return "", 0
			}
		}
		if strings.HasSuffix(plain, ";") && plain != ";" || plain == ";" && entity[1] == '#' {
			return "", 0
		}
		return plain, len(entity)
	})
}

func isAlphanumeric(b byte) bool {
	return b >= '0' && b <= '9' || (b|0x20) >= 'a' && (b|0x20) <= 'z'
}

// unescapeAll is HTML's own unescaping, which also takes entities without a
// semicolon.
func unescapeAll(text []byte) []byte {
	return entities(text, func(entity string) (string, int) {
		end := 1
		for end < len(entity) && !strings.ContainsRune("\t\n\f <&;", rune(entity[end])) && (entity[end] != '#' || end == 1) {
			end++
		}
		if end < len(entity) && entity[end] == ';' {
			end++
		}
		return unescapeOne(entity[:end]), end
	})
}

// entities calls replace with the rest of the text at each ampersand; replace
// returns what takes the place of how many bytes, 0 to leave it.
func entities(text []byte, replace func(rest string) (string, int)) []byte {
	var out []byte
	rest := string(text)
	for {
		at := strings.IndexByte(rest, '&')
		if at < 0 {
			return append(out, rest...)
		}
		out, rest = append(out, rest[:at]...), rest[at:]
		plain, size := replace(rest)
		if size == 0 {
			plain, size = "&", 1
		}
		out, rest = append(out, plain...), rest[size:]
	}
}

// unescapeOne replaces the entity that s starts with. Numbers follow Python's
// html.unescape: a number that names no character gives nothing.
func unescapeOne(s string) string {
	digits, base := s[min(2, len(s)):], rune(10)
	switch {
	case s == "&nGt;": // package html lacks these two
		return "≫\u20D2"
	case s == "&nLt;":
		return "≪\u20D2"
	case !strings.HasPrefix(s, "&#"):
		return html.UnescapeString(s)
	}
	if digits != "" && digits[0]|0x20 == 'x' {
		digits, base = digits[1:], 16
	}
	n, i := rune(0), 0
	for ; i < len(digits); i++ {
		d := rune(99)
		switch b := digits[i]; {
		case b >= '0' && b <= '9':
			d = rune(b - '0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			d = rune(b|0x20-'a') + 10
		}
		if d >= base {
			break
		}
		n = min(n*base+d, unicode.MaxRune+1)
	}
	if i == 0 {
		return s
	}
	digits = strings.TrimPrefix(digits[i:], ";")
	switch {
	case n == 0 || n > unicode.MaxRune || n >= 0xD800 && n < 0xE000:
		return "\uFFFD" + digits
	case n >= 0x80 && n < 0xA0:
		if r := charmap.Windows1252.DecodeByte(byte(n)); r != utf8.RuneError {
			n = r
		}
	case n < 0x20 && !strings.ContainsRune("\t\n\f\r", n), n == 0x7F, n >= 0xFDD0 && n < 0xFDF0, n&0xFFFE == 0xFFFE:
		return digits
	}
	return string(n) + digits
}
