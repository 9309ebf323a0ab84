package alttext

import "bytes"

// scanner cuts markup into tags as the tokenizer of the HTML standard does,
// 13.2.5. It builds no tree and decodes nothing; it moves forward only.
type scanner struct {
	text  []byte
	pos   int
	tag   tag // the last one found
	attrs []attribute
	names []byte // scratch: names that had capitals
}

// attribute is one of a tag's attributes.
type attribute struct {
	name  []byte // ASCII letters in lower case
	value []byte // as it stands: character references are not decoded
}

// maxAttributes bounds what is looked at in one tag.
const maxAttributes = 1024

// tag is a start or an end tag whose attributes have not been read.
type tag struct {
	name []byte
	key  uint64
	what *element // never nil
}

// nameBytes has the lower-case form of each byte of a tag's name, 0 for what
// ends it; attributeEnds what ends an attribute's name.
var nameBytes, attributeEnds = classes()

func classes() (names [256]byte, ends [256]bool) {
	for i := range names {
		names[i] = lower(byte(i))
	}
	names[0] = 0xff
	for _, c := range "\t\n\f\r />" {
		names[c], ends[c] = 0, true
	}
	ends['='] = true
	return names, ends
}

func letter(c byte) bool { c |= 0x20; return 'a' <= c && c <= 'z' }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

// token is what next found.
type token uint8

const (
	nothing     token = iota // a comment of some kind, or a bracket that is text
	startTag                 // its attributes are to be read or skipped
	endTag                   // its attributes were skipped
	declaration              // pos is behind <!
	end                      // of the text
)

// next finds the next token, and what stands before it. A tag is in s.tag.
func (s *scanner) next() (words []byte, what token) {
	text := s.text
	n := bytes.IndexByte(text[s.pos:], '<')
	if n < 0 || s.pos+n+1 >= len(text) {
		words, s.pos = text[s.pos:], len(text)
		return words, end
	}
	words = text[s.pos : s.pos+n]
	s.pos += n + 1
	switch c := text[s.pos]; {
	case letter(c):
		s.readName()
		return words, startTag
	case c == '/':
		s.pos++
		if s.pos >= len(text) || !letter(text[s.pos]) {
			s.past([]byte(">"))
			return words, nothing
		}
		s.readName()
		if s.pos < len(text) && text[s.pos] == '>' {
			s.pos++
		} else if whole, _ := s.skipAttributes(); !whole {
			return words, end
		}
		return words, endTag
	case c == '!':
		s.pos++
		return words, declaration
	case c == '?':
		s.past([]byte(">"))
		return words, nothing
	}
	return text[s.pos-n-1 : s.pos], nothing
}

// readName reads the name of a tag at pos.
func (s *scanner) readName() {
	var key uint64
	text, i := s.text, s.pos
	for n := 0; i < len(text); i, n = i+1, n+1 {
		c := nameBytes[text[i]]
		if c == 0 {
			break
		}
		if n < 8 {
			key = key<<8 | uint64(c)
		}
	}
	name := text[s.pos:i]
	s.pos = i
	s.tag = tag{name, key, elements.find(key, name)}
}

// attribute reads the next attribute from pos, which lies inside a tag, and
// reports false at the end of the tag; pos is then behind it, or at the end of
// the text when the tag is cut off, and the tag is none.
func (s *scanner) attribute() (name, value []byte, more bool) {
	text, i := s.text, s.pos
	for i < len(text) && (isSpace(text[i]) || text[i] == '/') {
		i++
	}
	if i >= len(text) || text[i] == '>' {
		s.pos = i
		return nil, nil, false
	}
	start := i
	i++ // even when it is an equals sign
	for i < len(text) && !attributeEnds[text[i]] {
		i++
	}
	name = text[start:i]
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	if i >= len(text) || text[i] != '=' {
		s.pos = i
		return name, nil, true
	}
	i++
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	if i >= len(text) {
		s.pos = i
		return nil, nil, false
	}
	switch quote := text[i]; quote {
	case '"', '\'':
		n := bytes.IndexByte(text[i+1:], quote)
		if n < 0 {
			s.pos = len(text)
			return nil, nil, false
		}
		value, i = text[i+1:i+1+n], i+n+2
	case '>': // no value
	default:
		start := i
		for i < len(text) && text[i] != '>' && !isSpace(text[i]) {
			i++
		}
		value = text[start:i]
	}
	s.pos = i
	return name, value, true
}

// closed ends the reading of a tag: it steps over the bracket, and reports
// whether there is one, and whether a slash stands before it.
func (s *scanner) closed() (whole, selfClosing bool) {
	if s.pos >= len(s.text) {
		return false, false
	}
	s.pos++
	return true, s.text[s.pos-2] == '/'
}

// readAttributes reads a tag to its end into attrs.
func (s *scanner) readAttributes() (whole, selfClosing bool) {
	s.attrs, s.names = s.attrs[:0], s.names[:0]
	unquotedEnd := -1
	for {
		name, value, more := s.attribute()
		if !more {
			break
		}
		if len(s.attrs) == maxAttributes {
			continue
		}
		for i, c := range name {
			if 'A' <= c && c <= 'Z' {
				name = s.lowered(name, i)
				break
			}
		}
		s.attrs = append(s.attrs, attribute{name, value})
		unquotedEnd = s.pos
	}
	whole, selfClosing = s.closed()
	// The slash may belong to a value without quotes.
	return whole, selfClosing && s.pos-1 != unquotedEnd
}

func (s *scanner) lowered(name []byte, from int) []byte {
	start := len(s.names)
	s.names = append(s.names, name...)
	name = s.names[start:len(s.names):len(s.names)]
	for i := from; i < len(name); i++ {
		name[i] = lower(name[i])
	}
	return name
}

// skipAttributes reads a tag to its end, and tells whether it has one and
// whether it says a language.
func (s *scanner) skipAttributes() (whole, language bool) {
	for {
		name, _, more := s.attribute()
		if !more {
			whole, _ = s.closed()
			return whole, language
		}
		if n := len(name); n == 4 && foldEqual(name, "lang") || n == 8 && foldEqual(name, "xml:lang") {
			language = true
		}
	}
}

// value is that of the first attribute of that name.
func (s *scanner) value(name string) ([]byte, bool) {
	for i := range s.attrs {
		if string(s.attrs[i].name) == name {
			return s.attrs[i].value, true
		}
	}
	return nil, false
}

// skipDeclaration skips what begins with an exclamation mark, which pos is
// behind: a comment, a doctype, or in foreign content a section of character data.
func (s *scanner) skipDeclaration(foreign bool) {
	rest := s.text[s.pos:]
	switch {
	case bytes.HasPrefix(rest, []byte("--")):
		s.pos += 2
		s.comment()
	case foreign && bytes.HasPrefix(rest, []byte("[CDATA[")):
		s.past([]byte("]]>"))
	default:
		s.past([]byte(">"))
	}
}

// past moves behind the next mark, or to the end.
func (s *scanner) past(mark []byte) {
	if n := bytes.Index(s.text[s.pos:], mark); n >= 0 {
		s.pos += n + len(mark)
		return
	}
	s.pos = len(s.text)
}

// comment skips one whose start pos is behind.
func (s *scanner) comment() {
	rest := s.text[s.pos:]
	if bytes.HasPrefix(rest, []byte(">")) || bytes.HasPrefix(rest, []byte("->")) {
		s.past([]byte(">"))
		return
	}
	for {
		n := bytes.Index(s.text[s.pos:], []byte("--"))
		if n < 0 {
			s.pos = len(s.text)
			return
		}
		s.pos += n + 1
		rest := s.text[s.pos+1:]
		if bytes.HasPrefix(rest, []byte(">")) || bytes.HasPrefix(rest, []byte("!>")) {
			s.past([]byte(">"))
			return
		}
	}
}

// rawText returns what stands up to the end tag of a raw text element, and
// moves behind that tag.
func (s *scanner) rawText(what *element) []byte {
	start := s.pos
	if what.name == "plaintext" {
		s.pos = len(s.text)
		return s.text[start:]
	}
	// In a script that holds a comment that holds a script, the end tag is one
	// of the inner script: script data escaped and double escaped states.
	escaped, double := false, false
	for s.pos < len(s.text) {
		n := bytes.IndexByte(s.text[s.pos:], '<')
		if n < 0 {
			break
		}
		if escaped {
			if m := bytes.Index(s.text[s.pos:s.pos+n], []byte("-->")); m >= 0 {
				s.pos += m + 3
				escaped, double = false, false
				continue
			}
		}
		s.pos += n + 1
		rest := s.text[s.pos:]
		switch {
		case bytes.HasPrefix(rest, []byte("/")) && named(rest[1:], what.name):
			if double {
				double = false
				continue
			}
			end := s.pos - 1
			s.pos += 1 + len(what.name)
			s.skipAttributes()
			return s.text[start:end]
		case what.kind == kindScript && bytes.HasPrefix(rest, []byte("!--")):
			if !escaped {
				escaped = true
				// The dashes may already be those of the end.
				s.pos++
			}
		case escaped && named(rest, what.name):
			double = true
		}
	}
	s.pos = len(s.text)
	return s.text[start:]
}

// named tells whether a tag begins with that whole name.
func named(rest []byte, name string) bool {
	return len(rest) > len(name) && nameBytes[rest[len(name)]] == 0 && foldEqual(rest[:len(name)], name)
}
