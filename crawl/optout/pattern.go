package optout

import (
	"strings"
)

// Pattern is the path of a rule in robots.txt, ai.txt or tdmrep.json (RFC 9309,
// 2.2.2 and 2.2.3): a prefix in which * stands for any run of octets and a last
// $ for the end. An escaped %2A or %24 is the octet itself.
type Pattern struct {
	parts    []string // normalised, what stands between the stars
	anchored bool     // the last part is the end
	octets   int
}

// NewPattern reads a rule's path.
func NewPattern(s string) Pattern {
	s, anchored := strings.CutSuffix(s, "$")
	text, octets := normalise(s, true)
	if anchored {
		octets++
	}
	return Pattern{strings.Split(collapse(text, true), "*"), anchored, octets}
}

// Octets is the length that decides which of two rules is the more specific:
// that of the rule as written, with what is no ASCII, or was escaped and must
// be, as %XX.
func (p Pattern) Octets() int { return p.octets }

// NormalPath spells a path with its query, as in a request line, so that
// patterns can be matched with it: octets that mean the same are spelt the same,
// and segments . and .. are gone, however they were escaped.
func NormalPath(path string) string {
	text, _ := normalise(path, false)
	return collapse(text, false)
}

// normalise spells equal octets equally. Those that a URL cannot hold, those
// that are no ASCII, and * and $ as octets are %XX in upper case; all others
// plain, but for an escaped / or ? in the path, which divides nothing.
func normalise(s string, pattern bool) (text string, octets int) {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s))
	query := false
	for i := 0; i < len(s); i++ {
		c, escaped := s[i], false
		if c == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 {
				c, escaped = byte(hi<<4|lo), true
				i += 2
			}
		}
		plain := false
		switch c {
		case '*':
			plain = pattern && !escaped
			if plain && len(b) > 0 && b[len(b)-1] == '*' {
				continue // a run of them is one, so that matching stays cheap
			}
		case '/':
			plain = !escaped || query
		case '?':
			plain = !escaped || query
			query = query || plain
		case '$', '%', '#', '"', '<', '>', '\\', '^', '`', '{', '|', '}', 0x7f:
		default:
			plain = c > ' ' && c < 0x80
		}
		if plain {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
		if c < 0x80 && (!escaped || unreserved(c)) {
			octets++
		} else {
			octets += 3
		}
	}
	return string(b), octets
}

// collapse takes the segments . and .. out of a normalised path. In a pattern
// the last segment is but the start of one, and what * stands for is not known:
// it is left as it is where that matters. So is a pattern of which nothing would
// be left: /../ is meant for some paths, not for all.
func collapse(s string, pattern bool) string {
	if !strings.HasPrefix(s, "/") || !strings.Contains(s, "/.") {
		return s
	}
	path, query := s, ""
	if i := strings.IndexByte(s, '?'); i >= 0 {
		path, query = s[:i], s[i:]
	}
	var kept []string
	parts := strings.Split(path[1:], "/")
	for i, part := range parts {
		last := i == len(parts)-1
		if part != "." && part != ".." || last && pattern && query == "" {
			kept = append(kept, part)
			continue
		}
		if part == ".." && len(kept) > 0 {
			if pattern && strings.Contains(kept[len(kept)-1], "*") {
				return s
			}
			kept = kept[:len(kept)-1]
		}
		if last {
			kept = append(kept, "")
		}
	}
	if whole := "/" + strings.Join(kept, "/") + query; whole != "/" || !pattern {
		return whole
	}
	return s
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func unreserved(c byte) bool {
	l := c | 0x20
	return l >= 'a' && l <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// Matches tells whether path, from NormalPath, is one that the pattern means.
// The first place where a part fits is as good as any later one: there is no
// going back.
func (p Pattern) Matches(path string) bool {
	if len(p.parts) == 0 {
		return true
	}
	rest, ok := strings.CutPrefix(path, p.parts[0])
	if !ok {
		return false
	}
	parts := p.parts[1:]
	if !p.anchored {
		return inOrder(rest, parts) >= 0
	}
	if len(parts) == 0 {
		return rest == ""
	}
	last := parts[len(parts)-1]
	left := inOrder(rest, parts[:len(parts)-1])
	return left >= len(last) && strings.HasSuffix(rest, last)
}

// inOrder finds the parts one after another; left is what s has after them, -1
// when one is not there.
func inOrder(s string, parts []string) (left int) {
	for _, part := range parts {
		i := strings.Index(s, part)
		if i < 0 {
			return -1
		}
		s = s[i+len(part):]
	}
	return len(s)
}
