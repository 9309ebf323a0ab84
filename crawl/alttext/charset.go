package alttext

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// decode makes valid UTF-8 of a page as browsers do (HTML standard, 13.2.3.2):
// by byte order mark, header, meta, XML declaration, in that order, else by what
// the bytes look like and by hint. What means nothing in the character set
// becomes U+FFFD. charset is the one that queries are written in, nil for UTF-8.
// The text may be body.
func decode(body []byte, contentType string, hint string) (text []byte, charset encoding.Encoding) {
	charset, body = declared(body, []byte(contentType))
	if charset == nil && !utf8.Valid(body) {
		charset = undeclared(body, hint)
	} else if charset == nil && bytes.Contains(body, []byte("\x1b$")) {
		charset = shifted(body)
	}
	if charset == nil || charset == unicode.UTF8 {
		return validUTF8(body), nil
	}
	out, err := charset.NewDecoder().Bytes(body)
	if err != nil {
		return validUTF8(body), nil
	}
	if name, _ := htmlindex.Name(charset); strings.HasPrefix(name, "utf-16") {
		charset = nil
	}
	return validUTF8(out), charset
}

func validUTF8(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return bytes.ToValidUTF8(text, []byte("\uFFFD"))
}

// declared finds the character set that a page or its header states, nil for
// none. It takes a byte order mark off the body.
func declared(body, contentType []byte) (encoding.Encoding, []byte) {
	switch {
	case bytes.HasPrefix(body, []byte("\xef\xbb\xbf")):
		return unicode.UTF8, body[3:]
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), body[2:]
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), body[2:]
	}
	if charset := labelled(charsetIn(contentType)); charset != nil {
		return charset, body
	}
	switch {
	case bytes.HasPrefix(body, []byte("<\x00?\x00x\x00")):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), body
	case bytes.HasPrefix(body, []byte("\x00<\x00?\x00x")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), body
	}
	if charset := prescan(body, false); charset != nil {
		return charset, body
	}
	return xmlDeclared(body), body
}

// labelled is the encoding with that label, nil for none.
func labelled(label []byte) encoding.Encoding {
	if len(label) == 0 || len(label) > 40 {
		return nil
	}
	charset, err := htmlindex.Get(string(label))
	if err != nil {
		return nil
	}
	return charset
}

// inMarkup is what a declaration in ASCII bytes can mean: not UTF-16.
func inMarkup(charset encoding.Encoding) encoding.Encoding {
	if charset == nil {
		return nil
	}
	switch name, err := htmlindex.Name(charset); {
	case err != nil:
		return nil
	case name == "utf-16be", name == "utf-16le":
		return unicode.UTF8
	case name == "x-user-defined":
		return charmap.Windows1252
	}
	return charset
}

// prescanLeast is how far a declaration is looked for in any case. Beyond it
// browsers go on as long as they read what belongs into a head; 7 of 23 pages
// seen that were not UTF-8 state it there.
const prescanLeast = 1024

// prescan looks for a meta element that states the character set. Scripts,
// styles and comments are not looked into. When it looks through the whole page,
// a meta element in the body counts too.
func prescan(body []byte, whole bool) encoding.Encoding {
	s := scanner{text: body}
	head := true
	for whole || head || s.pos < prescanLeast {
		_, what := s.next()
		t := s.tag.what
		switch what {
		case end:
			return nil
		case declaration:
			s.skipDeclaration(false)
		case endTag:
			head = head && ofHead(t)
		case startTag:
			if t.kind == kindMeta {
				if closed, _ := s.readAttributes(); closed {
					if charset := s.metaCharset(); charset != nil {
						return charset
					}
				}
				continue
			}
			s.skipAttributes()
			head = head && (ofHead(t) || t.kind == kindHTML || foldEqual(s.tag.name, "head"))
			if t.marks&raw != 0 {
				s.rawText(t)
			}
		}
	}
	return nil
}

func ofHead(e *element) bool {
	switch e.kind {
	case kindMeta, kindLink, kindScript, kindBase:
		return true
	}
	switch e.name {
	case "style", "title", "noscript", "object":
		return true
	}
	return false
}

// metaCharset is what the meta element just read states.
func (s *scanner) metaCharset() encoding.Encoding {
	if label, ok := s.value("charset"); ok {
		if charset := labelled(bytes.TrimSpace(label)); charset != nil {
			return inMarkup(charset)
		}
	}
	pragma, _ := s.value("http-equiv")
	content, _ := s.value("content")
	if bytes.EqualFold(bytes.TrimSpace(pragma), []byte("content-type")) {
		return inMarkup(labelled(charsetIn(content)))
	}
	return nil
}

// charsetIn extracts the label from a content type, HTML standard 2.4.4.
func charsetIn(s []byte) []byte {
	for {
		n := indexFold(s, "charset")
		if n < 0 {
			return nil
		}
		s = bytes.TrimLeft(s[n+len("charset"):], space)
		if len(s) == 0 || s[0] != '=' {
			continue
		}
		s = bytes.TrimLeft(s[1:], space)
		if len(s) == 0 {
			return nil
		}
		if quote := s[0]; quote == '"' || quote == '\'' {
			end := bytes.IndexByte(s[1:], quote)
			if end < 0 {
				return nil
			}
			return bytes.TrimSpace(s[1 : 1+end])
		}
		if end := bytes.IndexAny(s, space+";,"); end >= 0 {
			s = s[:end]
		}
		return s
	}
}

func indexFold(s []byte, word string) int {
	for i := 0; i+len(word) <= len(s); i++ {
		if foldEqual(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// xmlDeclared reads the encoding of an XML declaration, which must be the first
// thing on the page.
func xmlDeclared(body []byte) encoding.Encoding {
	if !bytes.HasPrefix(body, []byte("<?xml")) {
		return nil
	}
	line := body[:min(len(body), prescanLeast)]
	end := bytes.IndexByte(line, '>')
	if end < 0 {
		return nil
	}
	line = line[:end]
	n := bytes.Index(line, []byte("encoding"))
	if n < 0 {
		return nil
	}
	line = bytes.TrimLeft(line[n+len("encoding"):], space)
	if len(line) == 0 || line[0] != '=' {
		return nil
	}
	line = bytes.TrimLeft(line[1:], space)
	if len(line) == 0 || line[0] != '"' && line[0] != '\'' {
		return nil
	}
	label, _, ok := bytes.Cut(line[1:], line[:1])
	if !ok {
		return nil
	}
	return inMarkup(labelled(bytes.TrimSpace(label)))
}
