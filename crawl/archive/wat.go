package archive

import (
	"net/http"
	"net/textproto"
	"strconv"
	"time"

	"github.com/pairloom/pairloom/shard"
)

// watScanner reads the JSON of a WAT record (Common Crawl's form) to what matters
// of a response. What its page said of pictures it writes as a small page, so that
// the extractor of pages decides on it by its own rules: archives of this form keep
// attributes as they stood in the markup.
type watScanner struct {
	walker
	found   bool // a response was
	kind    []byte
	uri     []byte
	date    []byte
	status  int
	header  http.Header
	html    bool // it has metadata of a page
	page    []byte
	base    []byte
	metas   []byte
	images  []byte
	scratch []byte
}

// linkFields are those of an entry of Links, as written.
type linkFields struct{ path, url, alt, title []byte }

// scan reads a record's JSON; false for what is not of the form.
func (s *watScanner) scan(text []byte) bool {
	s.walker = walker{b: text}
	s.found, s.kind, s.uri, s.date, s.status, s.html = false, nil, nil, nil, 0, false
	s.header = http.Header{}
	s.base, s.metas, s.images = s.base[:0], s.metas[:0], s.images[:0]
	s.object(func(key []byte) {
		if string(key) == "Envelope" {
			s.object(s.envelope)
			return
		}
		s.skip()
	})
	return !s.bad
}

func (s *watScanner) envelope(key []byte) {
	switch string(key) {
	case "WARC-Header-Metadata":
		s.object(func(key []byte) {
			switch string(key) {
			case "WARC-Type":
				s.kind = s.value()
			case "WARC-Target-URI":
				s.uri = s.value()
			case "WARC-Date":
				s.date = s.value()
			default:
				s.skip()
			}
		})
	case "Payload-Metadata":
		s.object(func(key []byte) {
			if string(key) != "HTTP-Response-Metadata" {
				s.skip()
				return
			}
			s.found = true
			s.object(s.response)
		})
	default:
		s.skip()
	}
}

func (s *watScanner) response(key []byte) {
	switch string(key) {
	case "Response-Message":
		s.object(func(key []byte) {
			if string(key) != "Status" {
				s.skip()
				return
			}
			begin := s.i
			if value := s.value(); value != nil {
				s.status, _ = strconv.Atoi(string(value))
			} else { // a bare number
				s.status, _ = strconv.Atoi(string(trimSpace(s.b[begin:s.i])))
			}
		})
	case "Headers":
		s.object(func(key []byte) {
			name := textproto.CanonicalMIMEHeaderKey(string(appendUnescaped(nil, key)))
			if s.space() == '[' {
				s.array(func() { s.field(name, s.value()) })
				return
			}
			s.field(name, s.value())
		})
	case "HTML-Metadata":
		s.html = true
		s.object(func(key []byte) {
			switch string(key) {
			case "Head":
				s.object(s.head)
			case "Links":
				s.links()
			default:
				s.skip()
			}
		})
	default:
		s.skip()
	}
}

func (s *watScanner) field(name string, value []byte) {
	if value != nil {
		s.header[name] = append(s.header[name], string(appendUnescaped(nil, value)))
	}
}

func (s *watScanner) head(key []byte) {
	switch string(key) {
	case "Base":
		if base := s.value(); base != nil {
			s.base = s.attribute(append(s.base[:0], `<base href="`...), base)
			s.base = append(s.base, `">`...)
		}
	case "Metas":
		s.array(func() {
			var name, content []byte
			s.object(func(key []byte) {
				switch string(key) {
				case "name":
					name = s.value()
				case "content":
					content = s.value()
				default:
					s.skip()
				}
			})
			if name != nil && content != nil {
				s.metas = s.attribute(append(s.metas, `<meta name="`...), name)
				s.metas = s.attribute(append(s.metas, `" content="`...), content)
				s.metas = append(s.metas, `">`...)
			}
		})
	default:
		s.skip()
	}
}

const imagePath = "IMG@/src"

// links reads the entries of pictures. It is where most of an archive's bytes lie:
// no function is called for a key here.
func (s *watScanner) links() {
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
		s.entry()
		if !s.more(']') {
			return
		}
	}
}

func (s *watScanner) entry() {
	if s.space() != '{' {
		s.skip()
		return
	}
	s.i++
	if s.space() == '}' {
		s.i++
		return
	}
	var l linkFields
	for !s.bad {
		key := s.text()
		if s.space() != ':' {
			s.bad = true
			return
		}
		s.i++
		switch value := s.value(); string(key) {
		case "path":
			l.path = value
		case "url":
			l.url = value
		case "alt":
			l.alt = value
		case "title":
			l.title = value
		}
		if !s.more('}') {
			break
		}
	}
	if string(l.path) != imagePath || l.url == nil || l.alt == nil && l.title == nil {
		return
	}
	out := s.attribute(append(s.images, `<img src="`...), l.url)
	if l.alt != nil {
		out = s.attribute(append(out, `" alt="`...), l.alt)
	}
	if l.title != nil {
		out = s.attribute(append(out, `" title="`...), l.title)
	}
	s.images = append(out, `">`...)
}

// attribute appends a JSON string as an attribute's value in double quotes.
func (s *watScanner) attribute(out, raw []byte) []byte {
	from := len(out)
	out = appendUnescaped(out, raw)
	for i := from; i < len(out); i++ {
		if out[i] == '"' {
			s.scratch = append(s.scratch[:0], out[i+1:]...)
			out = append(append(out[:i], "&quot;"...), s.scratch...)
		}
	}
	return out
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// metadata reads a WAT record.
func (x *Extractor) metadata(r *Record) ([]shard.Candidate, string) {
	s := &x.wat
	if r.Cut || !s.scan(r.Block) {
		return nil, BadMetadata
	}
	if !s.found || string(s.kind) != "response" && s.kind != nil {
		return nil, NotResponse
	}
	uri := r.URI
	if s.uri != nil {
		uri = string(appendUnescaped(nil, s.uri))
	}
	u, ok := pageURL(uri)
	if !ok {
		return nil, BadURL
	}
	if reason := rulesReason(u); reason != "" {
		return nil, reason
	}
	if reason := usable(s.status, s.header.Get("Content-Type")); reason != "" {
		return nil, reason
	}
	if !s.html {
		return nil, NotHTML
	}
	date := r.Date
	if s.date != nil {
		if at, err := time.Parse(time.RFC3339, string(s.date)); err == nil {
			date = at.Unix()
		}
	}
	s.page = append(append(append(s.page[:0], s.base...), s.metas...), s.images...)
	return x.read(u, s.header, s.page, "text/html; charset=utf-8", date)
}
