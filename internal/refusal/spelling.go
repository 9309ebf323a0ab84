package refusal

import "strings"

// Of one address there are spellings that servers cannot tell apart, or that come of
// copying it: RFC 3986, section 6.2.2, has percent triplets in either case, and unreserved
// characters as triplets; people leave an empty query behind, and &amp; from a page's
// source. Both sides of a comparison are brought to one spelling.

// isFolded tells whether a path with its query has that spelling, as most have.
func isFolded(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '%':
			if d, ok := triplet(s[i:]); ok && (unreserved(d) || s[i+1] >= 'a' || s[i+2] >= 'a') {
				return false
			}
		case c >= 0x80, c == '&' && strings.HasPrefix(s[i:], "&amp;"), c == '?' && i == len(s)-1:
			return false
		}
	}
	return true
}

const digits = "0123456789ABCDEF"

// appendFolded appends a path with its query in that spelling.
func appendFolded(b []byte, s string) []byte {
	first := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			d, ok := triplet(s[i:])
			switch {
			case !ok:
				b = append(b, c)
			case unreserved(d):
				b = append(b, d)
				i += 2
			default:
				b = append(b, '%', digits[d>>4], digits[d&15])
				i += 2
			}
		case c >= 0x80:
			b = append(b, '%', digits[c>>4], digits[c&15])
		case c == '&' && strings.HasPrefix(s[i:], "&amp;"):
			b = append(b, '&')
			i += len("amp;")
		case c == '?' && first && i == len(s)-1: // of an empty query
		default:
			first = first && c != '?'
			b = append(b, c)
		}
	}
	return b
}

// triplet is the byte that a percent triplet at the beginning of s stands for.
func triplet(s string) (d byte, ok bool) {
	if len(s) < 3 {
		return 0, false
	}
	for _, c := range []byte{s[1], s[2]} {
		switch {
		case c >= '0' && c <= '9':
			d = d<<4 | (c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			d = d<<4 | (c | 0x20 - 'a' + 10)
		default:
			return 0, false
		}
	}
	return d, true
}

// unreserved are the characters that mean the same as a triplet (RFC 3986, section 2.3).
func unreserved(c byte) bool {
	return letter(c) || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
