package alttext

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/unicode/norm"
)

// decode makes valid UTF-8 of a page, by byte order mark, header, meta, or
// what the bytes look like, in that order.
func decode(body []byte, contentType string) []byte {
	enc, name, certain := charset.DetermineEncoding(body[:min(len(body), 1024)], contentType)
	if !certain && utf8.Valid(body) {
		// Only the first 1,024 bytes are guessed from, and they are often
		// plain ASCII.
		name = "utf-8"
	}
	if name != "utf-8" && enc != encoding.Nop {
		if out, err := enc.NewDecoder().Bytes(body); err == nil {
			return bytes.ToValidUTF8(out, []byte("\uFFFD"))
		}
	}
	return bytes.ToValidUTF8(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), []byte("\uFFFD"))
}

// Clean brings a text to NFC, with single spaces between words and none
// around, and without control characters and other invisible ones.
func Clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	var b strings.Builder
	space := false
	for _, c := range s {
		switch {
		case unicode.IsSpace(c):
			space = true
			continue
		case unicode.IsControl(c), c == '\u200b', c == '\u2060', c == '\ufeff', c == '\u00ad':
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(c)
	}
	return norm.NFC.String(b.String())
}
