package lists

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/pairloom/pairloom/crawl/alttext"
	"github.com/pairloom/pairloom/shard"
)

const (
	mostRow     = 1 << 20 // bytes of a row of a text format, and of a sample's JSON
	mostText    = 64 << 10
	mostAddress = 4 << 10 // as alttext.Resolve has it
)

// Sink is told what a file holds, row by row.
type Sink struct {
	// Keep takes a candidate, which is overwritten after it returns; its strings are not.
	Keep func(c *shard.Candidate) error
	// Drop counts a row that gives none.
	Drop func(reason string)
	// Advance is told how many more bytes of the file were read; its error, such as that
	// the run was stopped, ends the reading.
	Advance func(bytes int64) error
}

// row is what one row of a list says.
type row struct {
	url, text               []byte
	page, license, language []byte
	place                   string // of the picture, where the list brought it along
	name                    string // of such a picture within the list, for one without an address
	file                    []byte // the path that the row gives its picture, for candidates.find
	reason                  string // it is to be dropped for
}

// candidates makes candidates of rows.
type candidates struct {
	sink     *Sink
	list     string // its name
	modified int64  // when the file was, which says when the list was made
	// find, which may be nil, finds the picture that a row names by its file, or gives the
	// reason why there is none.
	find func(r *row) (reason string)

	address alttext.Whole
	scratch []byte
	more    more
	out     shard.Candidate
}

// take makes the candidate of a row that stands at source in its file.
func (k *candidates) take(r *row, source string) error {
	reason := r.reason
	if reason == "" && k.find != nil {
		reason = k.find(r)
	}
	if reason == "" {
		reason = k.candidate(r)
	}
	if reason != "" {
		k.sink.Drop(reason)
		return nil
	}
	k.out.Source = source
	k.out.More = k.more.object()
	if err := k.sink.Keep(&k.out); err != nil {
		return &sinkFault{err}
	}
	return nil
}

// advance tells how many more bytes of the file were read.
func (k *candidates) advance(n int64) error {
	if err := k.sink.Advance(n); err != nil {
		return &sinkFault{err}
	}
	return nil
}

// sinkFault is an error of the one who takes the rows, and not the file's.
type sinkFault struct{ err error }

func (e *sinkFault) Error() string { return e.err.Error() }
func (e *sinkFault) Unwrap() error { return e.err }

// candidate fills k.out, or gives the reason why there is none.
func (k *candidates) candidate(r *row) (reason string) {
	k.out = shard.Candidate{TextSource: "list", CrawlTime: k.modified, PictureAt: r.place}
	if r.place == "" || len(r.url) > 0 {
		if reason := k.imageURL(r.url); reason != "" && r.place == "" {
			return reason
		}
	}
	if k.out.ImageURL == "" {
		k.out.ImageURL = "list:" + k.list + "/" + r.name
	}
	switch {
	case len(r.text) > mostText:
		return ReasonTooLong
	case bytes.IndexByte(r.text, 0) >= 0:
		return ReasonNUL
	case !utf8.Valid(r.text):
		return ReasonBadEncoding
	}
	if k.scratch = alttext.AppendClean(k.scratch[:0], r.text); len(k.scratch) == 0 {
		return ReasonNoText
	}
	k.out.Text = string(k.scratch)
	if page, ok := k.address.Address(r.page); ok {
		k.out.PageURL = string(page)
	}
	if len(r.license) > 0 && len(r.license) <= mostAddress && utf8.Valid(r.license) && string(r.license) != "?" {
		k.out.License = alttext.Clean(string(r.license))
	}
	if len(r.language) > 0 && len(r.language) <= 35 && utf8.Valid(r.language) { // RFC 5646, 4.4.1
		k.out.Language = strings.ToLower(alttext.Clean(string(r.language)))
	}
	return ""
}

// imageURL sets the address.
func (k *candidates) imageURL(url []byte) (reason string) {
	url = bytes.TrimSpace(url)
	switch {
	case len(url) == 0:
		return ReasonNoAddress
	case hasPrefixFold(url, "data:"):
		return ReasonDataAddress
	case len(url) > mostAddress:
		return ReasonTooLong
	case bytes.IndexByte(url, 0) >= 0:
		return ReasonNUL
	case !utf8.Valid(url):
		return ReasonBadEncoding
	}
	address, ok := k.address.Address(url)
	if !ok && isPath(url) {
		return ReasonFilePath
	}
	if !ok {
		return ReasonBadAddress
	}
	k.out.ImageURL = string(address)
	return ""
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && strings.EqualFold(string(b[:len(prefix)]), prefix)
}

// isPath tells whether what is no address is the path of a file.
func isPath(b []byte) bool {
	if hasPrefixFold(b, "file:") || b[0] == '/' || b[0] == '.' || b[0] == '~' || len(b) > 2 && b[1] == ':' && (b[2] == '\\' || b[2] == '/') {
		return true
	}
	return !bytes.Contains(b, []byte("://")) && isPicture(string(b))
}

// isPicture tells a picture by the end of its name.
func isPicture(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return false
	}
	switch strings.ToLower(name[i+1:]) {
	case "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jp2", "jxl", "ico", "img", "image":
		return true
	}
	return false
}

// more builds the JSON object of the columns that are kept.
type more struct{ b []byte }

func (m *more) reset() { m.b = m.b[:0] }

// raw adds a value that is JSON.
func (m *more) raw(name string, value []byte) {
	if len(m.b) == 0 {
		m.b = append(m.b, '{')
	} else {
		m.b = append(m.b, ',')
	}
	m.b = append(appendJSONText(m.b, []byte(name)), ':')
	m.b = append(m.b, value...)
}

// text adds a value that is a text.
func (m *more) text(name string, value []byte) {
	m.raw(name, nil)
	m.b = appendJSONText(m.b, value)
}

// object is the JSON, "" when nothing was added.
func (m *more) object() string {
	if len(m.b) == 0 {
		return ""
	}
	return string(append(m.b, '}'))
}

// appendJSONText appends a JSON string; what is not UTF-8 becomes U+FFFD.
func appendJSONText(b, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			quoted, _ := json.Marshal(string(text)) // which is always possible
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}
