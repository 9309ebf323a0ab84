package archive

import "bytes"

const imagePath = "IMG@/src"

// linkScanner reads the Links of a WAT record, where most of an archive's bytes lie,
// to those of pictures.
type linkScanner struct {
	*walker
	images []byte // img elements

	// Where in the text, not before the walker, the next of each stands.
	opens, ends, picture, escape int
}

// begin forgets what was read.
func (s *linkScanner) begin() { s.images = s.images[:0] }

// read reads the value that w is at.
func (s *linkScanner) read(w *walker) {
	s.walker = w
	defer func() { s.walker = nil }()
	s.opens, s.ends, s.picture, s.escape = -1, -1, -1, -1
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
		if s.space() == '{' {
			s.jump()
			s.entry()
		} else {
			s.skip()
		}
		if !s.more(']') {
			return
		}
	}
}

// jump goes to a later entry where it is certain, without reading what lies between,
// that no picture's does and where an entry begins; else it stays.
//
// A picture's path stands in an entry as written, or there are backslashes that can
// stand for some of it. Up to the next of either, and to the next square bracket, no
// array opens or ends, so that in JSON an object that follows a comma is an entry. The
// comma is in no string if it follows a brace behind the end of one.
func (s *linkScanner) jump() {
	const edge = `"},{`
	if s.opens < s.i {
		s.opens = s.find(s.i, '[')
	}
	if s.ends < s.i {
		s.ends = s.find(s.i, ']')
	}
	if s.picture < s.i {
		s.picture = len(s.b)
		if at := bytes.Index(s.b[s.i:], []byte(imagePath)); at >= 0 {
			s.picture = s.i + at
		}
	}
	limit := min(s.opens, s.ends, s.picture)
	for s.escape < s.i || s.escape < limit && !s.spells() {
		s.escape = s.find(max(s.i, s.escape+1), '\\')
	}
	limit = min(limit, s.escape)
	for at := limit - len(edge); at > max(s.i, limit-maxJumpBack); at-- {
		if s.b[at] == edge[0] && string(s.b[at:at+len(edge)]) == edge {
			if s.endsText(at) {
				s.i = at + len(edge) - 1
			}
			return
		}
	}
}

// maxJumpBack is how far before the next picture the entry that it may stand in is
// looked for.
const maxJumpBack = 1 << 10

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
