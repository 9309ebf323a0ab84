package alttext

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/shard"
)

// Where a text stood, as in shard.Candidate.TextSource.
const (
	FromAlt        = "alt"
	FromTitle      = "title"
	FromAriaLabel  = "aria-label"
	FromFigcaption = "figcaption"
	FromOpenGraph  = "og:image:alt"
	FromJSONLD     = "json-ld"
)

// Bounds on what one page may yield: without them 5 MiB of markup could ask
// for gigabytes, by a long base address or caption shared by many images. They
// are looked at before any work is done; what lies beyond is not looked at.
const (
	maxCandidates = 20_000
	maxLinks      = 20_000
	maxTextBytes  = 4096 // a longer text is no caption and is left out
	maxURLBytes   = 4096
)

// Page is what one HTML page said.
type Page struct {
	// Candidates have all fields but Source and CrawlTime.
	Candidates []shard.Candidate
	// Placeholders counts the candidates that were dropped because their address
	// is a placeholder's or a logo's: it carries four or more different alts, or is
	// called one (blank.gif) and another picture has the same alt.
	Placeholders int
	// Cut counts what lay beyond the bounds on one page.
	Cut Cut
	// Links are absolute, without fragment, in page order, each once: those of a
	// and area elements, frames, and where the page leads by itself.
	Links     []Link
	Feeds     []string      // RSS and Atom feeds that the page names, absolute
	NoFollow  bool          // the page asks that its links be left alone; Links and Feeds are empty
	Canonical string        // link rel=canonical; "" when there is none
	Language  string        // of the html element, lower case
	Wishes    optout.Wishes // what the page's meta tags ask for
}

// Cut counts what was not looked at, since the page has more than one page may
// yield. Elements that say again what was said before count too.
type Cut struct {
	Candidates int // pictures with a text, and texts, behind the first 20,000
	Links      int // links behind the first 20,000, and feeds behind the first 100
	Sources    int // entries of a srcset behind its first 1,024
}

// String says what was cut off, in few words; "" for nothing.
func (c Cut) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.Candidates, "candidates"}, {c.Links, "links"}, {c.Sources, "entries of srcsets"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s more than a page may have", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// Total is the sum of the counts.
func (c Cut) Total() int { return c.Candidates + c.Links + c.Sources }

// A Link is an address that a page leads to.
type Link struct {
	URL  string
	Text string // of the first a or area element that leads there, cleaned, at most 200 bytes; "" for others
}

// An Extractor reads pages one after another and keeps its buffers between
// them. A worker has one; it may not be used by two goroutines at once, nor
// copied. Its zero value is ready.
type Extractor struct {
	// NoLinks leaves Links and Feeds empty, for those who follow none.
	NoLinks bool
	// Agent is the name under which a page's meta may speak to us alone; "" is
	// pairloom.
	Agent string

	reader reader
}

// Extract reads a page that came from pageURL (after redirects) with that
// Content-Type header. An error means that nothing could be read at all.
func (x *Extractor) Extract(body []byte, contentType string, pageURL *url.URL) (Page, error) {
	r := &x.reader
	r.noLinks, r.agent = x.NoLinks, cmp.Or(x.Agent, "pairloom")
	r.begin(pageURL.String())
	r.text, r.resolver.charset = decode(body, contentType, pageURL.Hostname())
	for r.read() {
		// A base element further down changes what was resolved before it. Only
		// the first counts, so that there is one second reading at most.
		r.rewind()
	}
	p := r.finish()
	r.end()
	return p, nil
}

// Extract reads one page, as [Extractor.Extract] does.
func Extract(body []byte, contentType string, pageURL *url.URL) (Page, error) {
	return new(Extractor).Extract(body, contentType, pageURL)
}

// finish makes the page of what was read.
func (r *reader) finish() Page {
	r.closeAnchor()
	r.popTo(0)
	r.jsonLD()
	p := &r.page
	r.candidates()
	if r.canonical >= 0 && r.canonical < len(p.Links) {
		// Pages are known by their canonical address: it comes first.
		link := p.Links[r.canonical]
		copy(p.Links[1:r.canonical+1], p.Links[:r.canonical])
		p.Links[0] = link
	}
	if p.NoFollow {
		p.Links, p.Feeds = nil, nil
	}
	return *p
}

// candidates compiles the page's entries.
func (r *reader) candidates() {
	p := &r.page
	all := len(r.entries) + len(r.graph) + len(r.linked)
	if all == 0 {
		return
	}
	words, from := "", ""
	if len(p.Wishes) > 0 {
		words, from = p.Wishes.Words(), p.Wishes.From()
	}
	drop, doubled := r.placeholders()
	p.Candidates = make([]shard.Candidate, 0, min(all, maxCandidates))
	for _, list := range [][]entry{r.entries, r.graph, r.linked} {
		for _, e := range list {
			text := e.text
			if e.figure >= 0 {
				text = r.figures[e.figure].caption
				if text == "" || !r.first(e.image, text, FromFigcaption, -1) {
					continue
				}
			}
			if e.source == FromOpenGraph {
				e.lang = p.Language
			}
			if drop[e.image] || doubled[placed{e.image, text}] {
				if e.instead == "" || !r.first(e.instead, text, e.source, -1) {
					p.Placeholders++
					continue
				}
				e.image = e.instead
			}
			if len(p.Candidates) == maxCandidates {
				p.Cut.Candidates++
				continue
			}
			c := shard.Candidate{
				PageURL: r.url, ImageURL: e.image, Text: text, TextSource: e.source,
				Language: e.lang, License: r.license, OptOut: words, OptOutFrom: from,
			}
			if len(r.licenses) > 0 {
				if license := r.licenses[e.image]; license != "" {
					c.License = license
				}
			}
			p.Candidates = append(p.Candidates, c)
		}
	}
}
