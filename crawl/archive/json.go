package archive

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// walker goes through JSON text to what is wanted and passes over the rest without
// looking into it. Text that is no JSON sets bad, sooner or later.
type walker struct {
	b     []byte
	i     int
	bad   bool
	slash int // the next backslash, if it is not before i
}

// escaped tells whether a backslash stands between from, not before i, and to.
func (w *walker) escaped(from, to int) bool {
	if w.slash < from {
		w.slash = len(w.b)
		if at := bytes.IndexByte(w.b[from:], '\\'); at >= 0 {
			w.slash = from + at
		}
	}
	return w.slash < to
}

// space passes over white space and returns the byte behind it, 0 at the end.
func (w *walker) space() byte {
	for ; w.i < len(w.b); w.i++ {
		switch c := w.b[w.i]; c {
		case ' ', '\n', '\r', '\t':
		default:
			return c
		}
	}
	return 0
}

// text reads a string as it is written, without its quotes.
func (w *walker) text() []byte {
	if w.space() != '"' {
		w.bad = true
		return nil
	}
	start := w.i + 1
	end := w.endOfText(start)
	if end < 0 {
		w.bad, w.i = true, len(w.b)
		return nil
	}
	w.i = end + 1
	return w.b[start:end]
}

// endOfText finds the quote that ends a string that begins at i; -1 for none.
func (w *walker) endOfText(i int) int {
	for from := i; ; {
		j := bytes.IndexByte(w.b[from:], '"')
		if j < 0 {
			return -1
		}
		j += from
		if !w.escaped(i, j) {
			return j
		}
		k := j
		for k > i && w.b[k-1] == '\\' {
			k--
		}
		if (j-k)&1 == 0 {
			return j
		}
		from = j + 1
	}
}

// shut passes over an array or object, which begins at i, where its end is certain
// without reading it. The first closing bracket is it if no bracket of its kind opens
// before and it is in no string: it follows the end of one.
func (w *walker) shut(opening, closing byte) bool {
	end := bytes.IndexByte(w.b[w.i:], closing)
	if end < 0 || bytes.IndexByte(w.b[w.i+1:w.i+end], opening) >= 0 {
		return false
	}
	last := w.i + end - 1
	if w.b[last] == '}' && closing == ']' {
		last--
	}
	if last-1 <= w.i || !w.endsText(last) {
		return false
	}
	w.i += end + 1
	return true
}

// endsText tells whether at i is a quote that certainly ends a string: one without a
// backslash in front is no part of a string, and one that begins a string follows a
// bracket, a colon, a comma or white space.
func (w *walker) endsText(i int) bool {
	if w.b[i] != '"' {
		return false
	}
	switch w.b[i-1] {
	case '\\', '{', '[', ':', ',', ' ', '\n', '\r', '\t':
		return false
	}
	return true
}

// skip passes over a value.
func (w *walker) skip() {
	switch w.space() {
	case '[':
		if w.shut('[', ']') {
			return
		}
	case '{':
		if w.shut('{', '}') {
			return
		}
	}
	depth := 0
	for w.space(); w.i < len(w.b); {
		switch w.b[w.i] {
		case '"':
			end := w.endOfText(w.i + 1)
			if end < 0 {
				w.bad, w.i = true, len(w.b)
				return
			}
			w.i = end + 1
		case '{', '[':
			depth++
			w.i++
			continue
		case '}', ']':
			if depth == 0 {
				return // of the object around it
			}
			depth--
			w.i++
		case ',':
			if depth == 0 {
				return
			}
			w.i++
			continue
		default:
			w.i++
			continue
		}
		if depth == 0 {
			return
		}
	}
	w.bad = true
}

// object calls visit for each key, which must pass over the value.
func (w *walker) object(visit func(key []byte)) {
	if w.space() != '{' {
		w.skip()
		return
	}
	w.i++
	if w.space() == '}' {
		w.i++
		return
	}
	for !w.bad {
		key := w.key()
		if w.bad {
			return
		}
		visit(key)
		if !w.more('}') {
			return
		}
	}
}

// key reads a key, and passes over the colon behind it.
func (w *walker) key() []byte {
	begin := w.i
	key := w.text()
	if w.slash >= begin && w.slash < w.i {
		key = plainText(key)
	}
	if w.space() != ':' {
		w.bad = true
		return nil
	}
	w.i++
	return key
}

// plainText is what a string means; it is a copy only where that is not how it is
// written.
func plainText(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return appendUnescaped(nil, raw)
}

// array calls visit for each element, which must pass over it.
func (w *walker) array(visit func()) {
	if w.space() != '[' {
		w.skip()
		return
	}
	w.i++
	if w.space() == ']' {
		w.i++
		return
	}
	for !w.bad {
		visit()
		if !w.more(']') {
			return
		}
	}
}

// more passes over a comma, or over the end.
func (w *walker) more(end byte) bool {
	switch w.space() {
	case ',':
		w.i++
		return true
	case end:
		w.i++
	default:
		w.bad = true
	}
	return false
}

// value reads a string as it is written; what is none is passed over.
func (w *walker) value() []byte {
	if w.space() == '"' {
		return w.text()
	}
	w.skip()
	return nil
}

// appendUnescaped appends a string's meaning as encoding/json reads it.
func appendUnescaped(out, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 || i+1 == len(raw) {
			return append(out, raw...)
		}
		out = append(out, raw[:i]...)
		c := raw[i+1]
		raw = raw[i+2:]
		switch c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r, ok := hex4(raw)
			if !ok {
				out = utf8.AppendRune(out, utf8.RuneError)
				continue
			}
			raw = raw[4:]
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
					low, _ = hex4(raw[2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					raw = raw[6:]
				}
			}
			out = utf8.AppendRune(out, r)
		default: // the character itself
			out = append(out, c)
		}
	}
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return -1, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 32)
	return rune(n), err == nil
}
