package sitemap

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
)

// Kind is what a list is.
type Kind string

// The kinds of lists.
const (
	URLs  Kind = "sitemap"
	Index Kind = "sitemap index" // its entries are sitemaps
	RSS   Kind = "RSS feed"
	Atom  Kind = "Atom feed"
)

// Entry is one address of a list.
type Entry struct {
	URL      string        // as it stands there, without white space around it
	Modified time.Time     // zero when the list does not say
	Every    time.Duration // how often it changes, by the list; 0 when it does not say
	// Bases are the xml:base attributes around the address, outermost first: each is
	// relative to the one before it, the first to the list's own address.
	Bases []string
}

// Limits bound what is read of one list.
type Limits struct {
	Bytes   int64 // decompressed
	Entries int
}

// Protocol are the limits of sitemaps.org.
var Protocol = Limits{Bytes: 50 << 20, Entries: 50_000}

// ErrNoList says that the document is no list of a kind that Read knows.
var ErrNoList = errors.New("neither a sitemap nor a feed")

var (
	errBytes   = errors.New("longer than the cap on bytes")
	errEntries = errors.New("more entries than the cap")
	errDeep    = errors.New("nested deeper than 64 elements")
	errToken   = errors.New("1 MiB without an end of markup")
)

const (
	maxDepth = 64
	maxToken = 1 << 20
	maxURL   = 4096 // bytes; a longer one is passed over
)

// Read calls each for the entries of a list, in order. An error that is not
// ErrNoList tells why it ended early; the entries before it count.
func Read(r io.Reader, limits Limits, each func(Entry)) (Kind, error) {
	in := bufio.NewReader(r)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrNoList, err)
		}
		defer z.Close()
		in = bufio.NewReader(z)
	}
	in = bufio.NewReader(&capped{r: in, left: limits.Bytes})
	recode := charset.NewReaderLabel
	if mark, _ := in.Peek(2); string(mark) == "\xff\xfe" || string(mark) == "\xfe\xff" {
		in = bufio.NewReader(unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Reader(in))
		recode = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	} else if mark, _ := in.Peek(3); string(mark) == "\xef\xbb\xbf" {
		in.Discard(3)
	}
	w := walker{each: each, left: limits.Entries}
	first, err := firstByte(in)
	if err != nil {
		return "", fmt.Errorf("%w: it is empty", ErrNoList)
	}
	if first != '<' {
		return w.lines(in)
	}
	d := xml.NewDecoder(&marked{r: in})
	d.Strict, d.CharsetReader, d.Entity = false, recode, xml.HTMLEntity
	return w.document(d)
}

// sniffed is how much of a document Sniff looks at.
const sniffed = 4 << 10

// Sniff tells by its beginning, of which it takes nothing, whether a document is a
// list, and of which kind: by its root element, or as lines of addresses. It is ""
// for another.
func Sniff(in *bufio.Reader) Kind {
	begin, _ := in.Peek(sniffed)
	if bytes.HasPrefix(begin, []byte("\x1f\x8b")) {
		z, err := gzip.NewReader(bytes.NewReader(begin))
		if err != nil {
			return ""
		}
		plain := make([]byte, sniffed)
		n, _ := io.ReadFull(z, plain) // it breaks off, as what was peeked at does
		begin = plain[:n]
	}
	begin = bytes.TrimSpace(bytes.TrimPrefix(begin, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(begin, []byte("http://")) || bytes.HasPrefix(begin, []byte("https://")) {
		return URLs
	}
	kind, _ := Read(bytes.NewReader(begin), Limits{Bytes: sniffed, Entries: 1}, func(Entry) {})
	return kind
}

// firstByte skips white space.
func firstByte(in *bufio.Reader) (byte, error) {
	for range maxToken {
		c, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, in.UnreadByte()
		}
	}
	return 0, errToken
}

// capped ends with errBytes.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errBytes
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// marked bounds what the parser must hold at one time.
type marked struct {
	r     io.Reader
	since int // bytes since the last end of markup
}

func (m *marked) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if i := bytes.LastIndexByte(p[:n], '>'); i >= 0 {
		m.since = n - i - 1
	} else if m.since += n; m.since > maxToken {
		return 0, errToken
	}
	return n, err
}

// walker gathers entries.
type walker struct {
	each  func(Entry)
	left  int
	kind  Kind
	path  []string // open elements, by local name
	bases []base   // xml:base attributes of those
	entry Entry
	guid  string // an RSS item's, when it is an address
	text  strings.Builder
	err   error
}

// base is an xml:base attribute, and how many elements were open with its own.
type base struct {
	depth   int
	address string
}

// within are the bases of the innermost element.
func (w *walker) within() (bases []string) {
	for _, b := range w.bases {
		bases = append(bases, b.address)
	}
	return bases
}

func (w *walker) add(e Entry) {
	if e.URL = strings.TrimSpace(e.URL); e.URL == "" || len(e.URL) > maxURL {
		return
	}
	if w.left == 0 {
		w.err = errEntries
		return
	}
	w.left--
	w.each(e)
}

// lines reads a sitemap of one address a line.
func (w *walker) lines(in *bufio.Reader) (Kind, error) {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxToken)
	for n := 0; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if !strings.HasPrefix(line, "http://") && !strings.HasPrefix(line, "https://") || strings.ContainsAny(line, " \t") {
			if line == "" {
				continue
			}
			if n == 0 {
				return "", ErrNoList
			}
			return URLs, fmt.Errorf("line %d is no address", n+1)
		}
		if w.add(Entry{URL: line}); w.err != nil {
			return URLs, w.err
		}
	}
	return URLs, s.Err()
}

func (w *walker) document(d *xml.Decoder) (Kind, error) {
	for w.err == nil {
		t, err := d.RawToken()
		if err == io.EOF {
			if len(w.path) > 0 {
				w.err = io.ErrUnexpectedEOF
			}
			break
		}
		if err != nil {
			if w.kind == "" {
				return "", fmt.Errorf("%w: %w", ErrNoList, err)
			}
			return w.kind, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			w.open(t)
		case xml.EndElement:
			w.shut(t.Name.Local)
		case xml.CharData:
			if w.wanted() && w.text.Len()+len(t) <= 2*maxURL {
				w.text.Write(t)
			}
		}
	}
	if w.kind == "" && w.err == nil {
		w.err = ErrNoList
	}
	return w.kind, w.err
}

func (w *walker) open(t xml.StartElement) {
	name := t.Name.Local
	if w.kind == "" {
		switch strings.ToLower(name) {
		case "urlset":
			w.kind = URLs
		case "sitemapindex":
			w.kind = Index
		case "rss", "rdf":
			w.kind = RSS
		case "feed":
			w.kind = Atom
		default:
			w.err = ErrNoList
			return
		}
	}
	if len(w.path) == maxDepth {
		w.err = errDeep
		return
	}
	w.path = append(w.path, name)
	w.text.Reset()
	for _, a := range t.Attr {
		if a.Name.Space == "xml" && a.Name.Local == "base" && len(a.Value) <= maxURL {
			w.bases = append(w.bases, base{len(w.path), a.Value})
		}
	}
	switch {
	case w.entryElement(name):
		w.entry, w.guid = Entry{}, ""
	case w.kind == Atom && name == "link" && w.in("entry"):
		rel, href := attribute(t, "rel"), attribute(t, "href")
		if (rel == "" || rel == "alternate") && w.entry.URL == "" {
			w.entry.URL, w.entry.Bases = href, w.within()
		}
	case w.kind == RSS && name == "guid" && attribute(t, "isPermaLink") == "false":
		w.guid = "-"
	}
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// in tells whether the innermost element stands in one of the name given.
func (w *walker) in(parent string) bool {
	return len(w.path) >= 2 && w.path[len(w.path)-2] == parent
}

func (w *walker) entryElement(name string) bool {
	switch w.kind {
	case URLs:
		return name == "url"
	case Index:
		return name == "sitemap"
	case RSS:
		return name == "item"
	}
	return name == "entry"
}

// wanted tells whether the innermost element's text says something of an entry.
func (w *walker) wanted() bool {
	if len(w.path) < 2 || !w.entryElement(w.path[len(w.path)-2]) {
		return false
	}
	switch w.path[len(w.path)-1] {
	case "loc", "lastmod", "changefreq", "link", "guid", "pubDate", "date", "updated":
		return true
	}
	return false
}

// shut ends an element, and those in it that the document left open.
func (w *walker) shut(name string) {
	depth := len(w.path)
	for depth > 0 && w.path[depth-1] != name {
		depth--
	}
	if depth == 0 {
		return // never opened
	}
	w.path = w.path[:depth]
	text := strings.TrimSpace(w.text.String())
	switch {
	case w.entryElement(name):
		if w.entry.URL == "" && strings.HasPrefix(w.guid, "http") {
			w.entry.URL = w.guid
		}
		w.add(w.entry)
		w.entry, w.guid = Entry{}, ""
	case w.wanted():
		w.note(name, text)
	}
	w.path = w.path[:depth-1]
	w.text.Reset()
	for len(w.bases) > 0 && w.bases[len(w.bases)-1].depth >= depth {
		w.bases = w.bases[:len(w.bases)-1]
	}
}

func (w *walker) note(name, text string) {
	switch {
	case name == "loc" && (w.kind == URLs || w.kind == Index), name == "link" && w.kind == RSS:
		if w.entry.URL == "" {
			w.entry.URL, w.entry.Bases = text, w.within()
		}
	case name == "guid" && w.guid == "":
		w.guid = text
	case name == "changefreq":
		w.entry.Every = every[strings.ToLower(text)]
	case name == "lastmod", name == "pubDate", name == "date", name == "updated":
		w.entry.Modified = when(text)
	}
}

const day = 24 * time.Hour

// every are the words of changefreq.
var every = map[string]time.Duration{
	"always": time.Hour, "hourly": time.Hour, "daily": day, "weekly": 7 * day, "monthly": 30 * day, "yearly": 365 * day, "never": 365 * day,
}

// when reads the dates of W3C's profile of ISO 8601, and those of RFC 822 with
// years of four digits; zero when it is neither.
func when(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01", "2006",
		time.RFC1123Z, time.RFC1123, "Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05 -0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
