package archive

import (
	"bytes"
	"net/http"
	"net/textproto"
	"strconv"
	"time"

	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/shard"
)

// watScanner reads the JSON of a WAT record (Common Crawl's form) to what matters
// of a response. What its page said of pictures it writes as a small page, so that
// the extractor of pages decides on it by its own rules: archives of this form keep
// attributes as they stood in the markup.
type watScanner struct {
	walker
	token  string // product token of our agent
	record watRecord
	names  map[string]string // headers' names as they are written, and as http.Header has them
	values []string          // of the headers
	links  linkScanner
	page   []byte
	base   []byte
	metas  []byte
}

// watRecord is what a record says beside its page. Of a key that stands twice the
// last counts, as for encoding/json.
type watRecord struct {
	found  bool // it has metadata of a response
	kind   []byte
	uri    []byte
	date   []byte
	status int
	header http.Header
	html   bool // it has metadata of a page
}

// mayBeResponse tells of JSON that is not broken off whether it can have metadata of a
// response: half of an archive's records are of requests and need not be read.
func mayBeResponse(text []byte) bool {
	return !bytes.HasSuffix(bytes.TrimRight(text, " \r\n\t"), []byte("}}")) ||
		bytes.Contains(text, []byte("HTTP-Response-Metadata")) || bytes.Contains(text, []byte(`\u00`))
}

// scan reads a record's JSON; false for what is not of the form.
func (s *watScanner) scan(text []byte) bool {
	s.walker = walker{b: text, slash: -1}
	s.begin()
	s.object(func(key []byte) {
		if string(key) == "Envelope" {
			s.begin()
			s.object(s.envelope)
			return
		}
		s.skip()
	})
	return !s.bad
}

// begin forgets the record before.
func (s *watScanner) begin() {
	s.record = watRecord{header: s.record.header}
	s.beginResponse()
}

func (s *watScanner) beginResponse() {
	r := &s.record
	r.found, r.status = false, 0
	s.beginHeader()
	s.beginPage()
}

func (s *watScanner) beginHeader() {
	if s.record.header == nil {
		s.record.header = http.Header{}
	}
	clear(s.record.header)
	s.values = s.values[:0]
}

func (s *watScanner) beginPage() {
	s.record.html = false
	s.base, s.metas = s.base[:0], s.metas[:0]
	s.links.begin()
}

func (s *watScanner) envelope(key []byte) {
	switch string(key) {
	case "WARC-Header-Metadata":
		r := &s.record
		r.kind, r.uri, r.date = nil, nil, nil
		s.object(func(key []byte) {
			switch string(key) {
			case "WARC-Type":
				r.kind = s.value()
			case "WARC-Target-URI":
				r.uri = s.value()
			case "WARC-Date":
				r.date = s.value()
			default:
				s.skip()
			}
		})
	case "Payload-Metadata":
		s.beginResponse()
		s.object(func(key []byte) {
			if string(key) != "HTTP-Response-Metadata" {
				s.skip()
				return
			}
			s.beginResponse()
			s.record.found = true
			s.object(s.response)
		})
	default:
		s.skip()
	}
}

func (s *watScanner) response(key []byte) {
	switch string(key) {
	case "Response-Message":
		s.record.status = 0
		s.object(func(key []byte) {
			if string(key) != "Status" {
				s.skip()
				return
			}
			begin := s.i
			value := s.value()
			if value == nil { // a bare number
				value = bytes.TrimSpace(s.b[begin:s.i])
			}
			s.record.status, _ = strconv.Atoi(string(value))
		})
	case "Headers":
		s.beginHeader()
		s.object(func(key []byte) {
			name := s.name(key)
			if s.space() == '[' {
				s.array(func() { s.field(name, s.value()) })
				return
			}
			s.field(name, s.value())
		})
	case "HTML-Metadata":
		s.beginPage()
		s.record.html = true
		s.object(func(key []byte) {
			switch string(key) {
			case "Head":
				s.base, s.metas = s.base[:0], s.metas[:0]
				s.object(s.head)
			case "Links":
				s.links.begin()
				s.links.read(&s.walker)
			default:
				s.skip()
			}
		})
	default:
		s.skip()
	}
}

// maxNames bounds the names that are kept: files have a few hundred.
const maxNames = 4096

// name is a header's name as http.Header has it.
func (s *watScanner) name(key []byte) string {
	name, known := s.names[string(key)]
	if !known {
		if s.names == nil || len(s.names) >= maxNames {
			s.names = map[string]string{}
		}
		name = textproto.CanonicalMIMEHeaderKey(string(key))
		s.names[string(key)] = name
	}
	return name
}

func (s *watScanner) field(name string, value []byte) {
	if value == nil {
		return
	}
	text := string(plainText(value))
	if all := s.record.header[name]; all != nil {
		s.record.header[name] = append(all, text)
		return
	}
	s.values = append(s.values, text)
	n := len(s.values)
	s.record.header[name] = s.values[n-1 : n : n]
}

// idle tells of a meta element that it certainly says nothing to the extractor of
// pages: it asks for nothing, and is not Open Graph's. Most are, and a page without
// others and without pictures need not be read.
func (s *watScanner) idle(name, content []byte) bool {
	for _, text := range [][]byte{name, content} {
		if bytes.IndexByte(text, '&') >= 0 || bytes.IndexByte(text, '\\') >= 0 {
			return false
		}
	}
	if name = bytes.TrimSpace(name); len(name) > 3 && bytes.EqualFold(name[:3], []byte("og:")) {
		return false
	}
	wishes, noFollow := optout.Meta(string(name), string(content), s.token)
	return len(wishes) == 0 && !noFollow
}

func (s *watScanner) head(key []byte) {
	switch string(key) {
	case "Base":
		s.base = s.base[:0]
		if base := s.value(); base != nil {
			s.base = appendAttribute(append(s.base, `<base href="`...), base)
			s.base = append(s.base, `">`...)
		}
	case "Metas":
		s.metas = s.metas[:0]
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
			if name != nil && content != nil && !s.idle(name, content) {
				s.metas = appendAttribute(append(s.metas, `<meta name="`...), name)
				s.metas = appendAttribute(append(s.metas, `" content="`...), content)
				s.metas = append(s.metas, `">`...)
			}
		})
	default:
		s.skip()
	}
}

// metadata reads a WAT record.
func (x *Extractor) metadata(r *Record) ([]shard.Candidate, string) {
	s := &x.wat
	if !r.Cut && !mayBeResponse(r.Block) {
		return nil, NotResponse
	}
	if r.Cut || !s.scan(r.Block) {
		return nil, BadMetadata
	}
	w := &s.record
	if !w.found || string(w.kind) != "response" && w.kind != nil {
		return nil, NotResponse
	}
	uri := r.URI
	if w.uri != nil {
		uri = string(appendUnescaped(nil, w.uri))
	}
	u, ok := pageURL(uri)
	if !ok {
		return nil, BadURL
	}
	if reason := rulesReason(u); reason != "" {
		return nil, reason
	}
	if reason := usable(w.status, w.header.Get("Content-Type")); reason != "" {
		return nil, reason
	}
	if !w.html {
		return nil, NotHTML
	}
	date := r.Date
	if w.date != nil {
		if at, err := time.Parse(time.RFC3339, string(w.date)); err == nil {
			date = at.Unix()
		}
	}
	s.page = append(append(s.page[:0], s.metas...), s.links.images...)
	if len(s.page) > 0 {
		s.page = append(append(append(s.page[:0], s.base...), s.metas...), s.links.images...)
	}
	return x.read(u, w.header, s.page, "text/html; charset=utf-8", date)
}
