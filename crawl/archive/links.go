package archive

import "bytes"

const imagePath = "IMG@/src"

// linkScanner reads the Links of a WAT record, where most of an archive's bytes lie,
// to those of pictures.
type linkScanner struct {
	*walker
	images []byte // img elements

	// Where in the text, not before the walker, the next of each stands.
	brace, bracket, escape, picture int
}

// begin forgets what was read.
func (s *linkScanner) begin() { s.images = s.images[:0] }

// read reads the value that w is at.
func (s *linkScanner) read(w *walker) {
	s.walker = w
	defer func() { s.walker = nil }()
	s.brace, s.bracket, s.escape, s.picture = -1, -1, -1, -1
	if s.space() != '[' {
		s.skip()
		return
	}
	s.i++
	if s.space() == ']' {
		s.i++
		return
	}
	for !s.bad {
		if s.space() != '{' {
			s.skip()
		} else if !s.pass() {
			s.entry()
		}
		if !s.more(']') {
			return
		}
	}
}

// pass goes behind the entry that the walker is at where it is certain, without
// reading it, that it is no picture's and where it ends; else it does nothing.
//
// The first closing brace is the entry's end if no other bracket opens in it and the
// brace is in no string. The latter is so if it follows a quote that ends one: a
// quote without a backslash in front is no part of a string, and one that begins a
// string follows a bracket, a colon, a comma or white space. And a picture's path is
// in it as written, or there are backslashes that can stand for some of it.
func (s *linkScanner) pass() bool {
	n := bytes.IndexByte(s.b[s.i:], '}')
	if n < 2 {
		return false
	}
	end := s.i + n
	if s.b[end-1] != '"' {
		return false
	}
	switch s.b[end-2] {
	case '\\', '{', '[', ':', ',', ' ', '\n', '\r', '\t':
		return false
	}
	if s.brace <= s.i {
		s.brace = s.find(s.i+1, '{')
	}
	if s.bracket < s.i {
		s.bracket = s.find(s.i, '[')
	}
	if s.picture < s.i {
		s.picture = len(s.b)
		if at := bytes.Index(s.b[s.i:], []byte(imagePath)); at >= 0 {
			s.picture = s.i + at
		}
	}
	for s.escape < s.i || s.escape < end && !s.spells() {
		s.escape = s.find(max(s.i, s.escape+1), '\\')
	}
	if min(s.brace, s.bracket, s.picture, s.escape) < end {
		return false
	}
	s.i = end + 1
	return true
}

// find is where the next c stands; the end for none.
func (s *linkScanner) find(from int, c byte) int {
	if from < len(s.b) {
		if at := bytes.IndexByte(s.b[from:], c); at >= 0 {
			return from + at
		}
	}
	return len(s.b)
}

// spells tells whether the backslash at escape can stand for a byte of [imagePath].
func (s *linkScanner) spells() bool {
	return s.escape+1 >= len(s.b) || s.b[s.escape+1] == '/' || s.b[s.escape+1] == 'u'
}

// entry reads one.
func (s *linkScanner) entry() {
	s.i++
	if s.space() == '}' {
		s.i++
		return
	}
	var path, url, alt, title []byte
	for !s.bad {
		key := s.key()
		if s.bad {
			return
		}
		switch value := s.value(); string(key) {
		case "path":
			path = value
		case "url":
			url = value
		case "alt":
			alt = value
		case "title":
			title = value
		}
		if !s.more('}') {
			break
		}
	}
	if string(plainText(path)) != imagePath || url == nil || alt == nil && title == nil {
		return
	}
	out := appendAttribute(append(s.images, `<img src="`...), url)
	if alt != nil {
		out = appendAttribute(append(out, `" alt="`...), alt)
	}
	if title != nil {
		out = appendAttribute(append(out, `" title="`...), title)
	}
	s.images = append(out, `">`...)
}

// appendAttribute appends a JSON string as an attribute's value in double quotes.
func appendAttribute(out, raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 { // and so without quotes
		return append(out, raw...)
	}
	for _, c := range appendUnescaped(nil, raw) {
		if c == '"' {
			out = append(out, "&quot;"...)
			continue
		}
		out = append(out, c)
	}
	return out
}
