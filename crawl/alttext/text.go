package alttext

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

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
