package archive

import (
	"bytes"
	"cmp"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/alttext"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/shard"
)

// Why a record gave no candidates, besides the statuses (http_404), the gate's
// reasons and those of [Reader]. A record of another type has that as its reason,
// such as "request" or "revisit".
const (
	NotHTML     = "not_html"      // another content type
	BadURL      = "bad_url"       // no http or https address
	BadResponse = "bad_response"  // not HTTP
	BadMetadata = "bad_metadata"  // a WAT record that is not of the form
	OptedOut    = "opt_out"       // the page, its headers or robots.txt ask for it
	OtherRecord = "other_record"  // a type that no standard names
	RobotsFile  = "robots_txt"    // read for its rules
	PolicyFile  = "tdmrep_json"   // read for its wishes
	NotResponse = "not_response"  // a WAT record of something else than a response
	NoRobots    = "robots_unread" // robots.txt could not be had when the archive was made
)

// Options say what an [Extractor] obeys and where it stops.
type Options struct {
	Token        string   // product token of our agent
	Respect      []string // as gate.Options.Respect
	Policies     bool     // obey tdmrep.json, as gate.Options.Policies
	MaxPageBytes int64    // of a decoded page; the rest is cut off
	Now          time.Time
}

// An Extractor makes candidates of records.
type Extractor struct {
	options Options
	robots  *Robots // may be nil
	html    alttext.Extractor
	wat     watScanner
	chunks  []byte
	decoded bytes.Buffer
	source  []byte
	site    string // of rules
	rules   siteRules
	asked   []uint64 // sites whose rules were looked up, some of them twice
	left    LeftOut
	later   time.Time
}

// LeftOut counts what the pages that were read said of pictures, and is not among
// their candidates; see [alttext.Page].
type LeftOut struct {
	Placeholders int64 `json:"placeholders"` // addresses that stand for many pictures
	Cut          int64 `json:"cut"`          // more than one page may have
}

// Later is when the next wish of the records so far begins to hold that does not yet
// (unavailable_after); zero for none.
func (x *Extractor) Later() time.Time { return x.later }

// LeftOut is the sum over all records so far.
func (x *Extractor) LeftOut() LeftOut { return x.left }

// NewExtractor returns one that obeys what robots says; nil says nothing.
func NewExtractor(o Options, robots *Robots) *Extractor {
	o.Token = cmp.Or(o.Token, "pairloom")
	return &Extractor{options: o, robots: robots, html: alttext.Extractor{NoLinks: true, Agent: o.Token}, wat: watScanner{token: o.Token}}
}

// Record returns what a record says of pictures, with reason "" when it is a page
// that was read, with or without pictures; else why it is none. name is that of
// the record's file.
func (x *Extractor) Record(r *Record, name string) (candidates []shard.Candidate, reason string) {
	switch r.Type {
	case "response":
		candidates, reason = x.response(r)
	case "metadata":
		if !bytes.HasPrefix(bytes.TrimLeft(r.Block, " \r\n\t"), []byte("{")) {
			return nil, r.Type
		}
		candidates, reason = x.metadata(r)
	case "warcinfo", "request", "revisit", "resource", "conversion", "continuation":
		return nil, r.Type
	default:
		return nil, OtherRecord
	}
	if reason != "" {
		return nil, reason
	}
	x.source = strconv.AppendInt(append(append(x.source[:0], name...), ':'), r.Offset, 10)
	source := string(x.source)
	for i := range candidates {
		candidates[i].Source = source
	}
	return candidates, ""
}

// pageURL reads the address of a page.
func pageURL(uri string) (*url.URL, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, false
	}
	u.Fragment, u.RawFragment = "", ""
	return u, true
}

// response reads a page that an archive holds whole.
func (x *Extractor) response(r *Record) ([]shard.Candidate, string) {
	u, ok := pageURL(r.URI)
	if !ok {
		return nil, BadURL
	}
	if reason := rulesReason(u); reason != "" {
		return nil, reason
	}
	resp, ok := parseResponse(r.Block)
	if !ok {
		return nil, BadResponse
	}
	contentType := resp.header.Get("Content-Type")
	if reason := usable(resp.status, contentType); reason != "" {
		return nil, reason
	}
	body, reason := x.body(&resp)
	if reason != "" {
		return nil, reason
	}
	if contentType == "" && !maybeHTML(http.DetectContentType(body)) {
		return nil, NotHTML
	}
	return x.read(u, resp.header, body, contentType, r.Date)
}

// usable tells by status and type whether there is a page to read.
func usable(status int, contentType string) string {
	switch {
	case status != http.StatusOK:
		if reason := gate.StatusReason(status); reason != "" {
			return reason
		}
		return "http_" + strconv.Itoa(status)
	case !maybeHTML(contentType):
		return NotHTML
	}
	return ""
}

// maybeHTML looks at the header; a page without one is looked into.
func maybeHTML(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "", "text/html", "application/xhtml+xml":
		return true
	}
	if kind, _, err := mime.ParseMediaType(contentType); err == nil {
		return kind == "text/html" || kind == "application/xhtml+xml"
	}
	return false
}

// body undoes what the transfer did, where the archive has not: some keep a
// response as it came, others its headers alone, and a body that is not of its
// coding is taken as it is when it looks like a page.
func (x *Extractor) body(resp *response) (body []byte, reason string) {
	body = unchunk(resp, x.chunks)
	if len(resp.header["Transfer-Encoding"]) > 0 && len(body) > 0 && cap(body) > cap(x.chunks) && &body[0] != &resp.body[0] {
		x.chunks = body[:0]
	}
	most := int(min(x.options.MaxPageBytes, maxBlockBytes))
	if len(resp.header["Content-Encoding"]) == 0 {
		return body[:min(len(body), most)], ""
	}
	raw := io.NopCloser(bytes.NewReader(body))
	in, known := gate.Decode(resp.header, raw)
	if known {
		x.decoded.Reset()
		_, err := x.decoded.ReadFrom(io.LimitReader(in, int64(most)))
		in.Close()
		if err == nil || x.decoded.Len() > 0 { // as far as it goes: see Reader on what breaks off
			return x.decoded.Bytes(), ""
		}
	}
	if maybeHTML(http.DetectContentType(body)) {
		return body[:min(len(body), most)], ""
	}
	return nil, gate.BadEncoding
}

// read decides on a page and returns its candidates.
func (x *Extractor) read(u *url.URL, h http.Header, body []byte, contentType string, date int64) ([]shard.Candidate, string) {
	rules := x.rulesOf(u)
	path := gate.PathOf(u)
	if obeyed := x.respects(gate.RespectRobots); obeyed {
		if rules.unread {
			return nil, NoRobots
		}
		if ok, _ := rules.robots.Allowed(path); !ok {
			return nil, gate.RobotsDisallowed
		}
	}
	var p alttext.Page
	if len(body) > 0 {
		var err error
		if p, err = x.html.Extract(body, contentType, u); err != nil {
			return nil, NotHTML
		}
	}
	verdict := gate.Judge(x.options.Respect, x.options.Now, p.Wishes, rules.wishes(path, h, x.options.Token))
	if later := verdict.Later; !later.IsZero() && (x.later.IsZero() || later.Before(x.later)) {
		x.later = later
	}
	if verdict.Obeyed {
		return nil, OptedOut
	}
	x.left.Placeholders += int64(p.Placeholders)
	x.left.Cut += int64(p.Cut.Total())
	for i := range p.Candidates {
		c := &p.Candidates[i]
		c.OptOut, c.OptOutFrom, c.CrawlTime = verdict.Words, verdict.From, date
	}
	return p.Candidates, ""
}

func (x *Extractor) respects(word string) bool {
	for _, w := range x.options.Respect {
		if w == word {
			return true
		}
	}
	return false
}

// rulesOf are those of u's site. Pages of a site often lie together.
func (x *Extractor) rulesOf(u *url.URL) siteRules {
	if x.robots == nil {
		return siteRules{robots: &gate.RobotsRules{}}
	}
	if site := gate.Site(u); site != x.site {
		x.site, x.rules = site, x.robots.of(site)
		if !x.options.Policies {
			x.rules.reserved = optout.Reservations{}
		}
		if x.asked = append(x.asked, siteKey(site)); len(x.asked) >= 1<<16 {
			x.Sites() // without repeats
		}
	}
	return x.rules
}
