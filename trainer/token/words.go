package token

import "unicode/utf8"

// word finds the first word of a cleaned text at or after a place, by CLIP's
// pattern: a contraction, a run of letters, one digit, or a run of anything else
// that is not a space. from == to at the end.
func (p *plane) word(text []byte, at int) (from, to int) {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	if at == len(text) {
		return at, at
	}
	if text[at] == '\'' {
		if n := contraction(text[at+1:]); n > 0 {
			return at, at + 1 + n
		}
	}
	first := byte(0xFF)
	for to = at; to < len(text); {
		r, size := rune(text[to]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[to:])
		}
		class := p.of(r) & classMask
		if first == 0xFF {
			first = class
		}
		if class != first {
			break
		}
		to += size
		if class == classNumber {
			break
		}
	}
	return at, to
}

// contraction is the length of 's, 't, 're, 've, 'm, 'll or 'd after the
// apostrophe, 0 when it is none. To a pattern that ignores case, ſ is an s.
func contraction(text []byte) int {
	var a, b byte
	if len(text) > 0 {
		a = text[0]
	}
	if len(text) > 1 {
		b = text[1]
	}
	switch {
	case a == 's', a == 't', a == 'm', a == 'd':
		return 1
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l', a == 0xC5 && b == 0xBF:
		return 2
	}
	return 0
}
