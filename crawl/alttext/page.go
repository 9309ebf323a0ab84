package alttext

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

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
// for gigabytes, by a long base address or caption shared by many images.
const (
	maxCandidates = 20_000
	maxLinks      = 20_000
	maxTextBytes  = 4096 // a longer text is no caption and is left out
	maxURLBytes   = 4096
)

// agentMeta is the name under which a page's meta may speak to us alone.
const agentMeta = "pairloom"

// Page is what one HTML page said.
type Page struct {
	// Candidates have all fields but Source and CrawlTime.
	Candidates []shard.Candidate
	// Links are absolute, without fragment, in page order, each once: those of a
	// and area elements, frames, and where the page leads by itself.
	Links     []Link
	Feeds     []string      // RSS and Atom feeds that the page names, absolute
	NoFollow  bool          // the page asks that its links be left alone; Links and Feeds are empty
	Canonical string        // link rel=canonical; "" when there is none
	Language  string        // of the html element, lower case
	Wishes    optout.Wishes // what the page's meta tags ask for
	// Flattened says that the markup was too deep for the parser.
	Flattened bool
}

// A Link is an address that a page leads to.
type Link struct {
	URL  string
	Text string // of the first a or area element that leads there, cleaned, at most 200 bytes; "" for others
}

// reader is the work on one page.
type reader struct {
	page     Page
	url      string
	base     *url.URL
	license  string            // of the page
	licenses map[string]string // of single pictures, from JSON-LD
	seen     map[shard.Candidate]bool
	captions map[*html.Node]string
	links    map[string]bool
}

// Extract reads a page that came from pageURL (after redirects) with that
// Content-Type header. An error means that nothing could be read at all.
func Extract(body []byte, contentType string, pageURL *url.URL) (Page, error) {
	text := decode(body, contentType)
	r := &reader{
		url: pageURL.String(), base: pageURL,
		licenses: map[string]string{}, seen: map[shard.Candidate]bool{},
		captions: map[*html.Node]string{}, links: map[string]bool{},
	}
	// Without scripting the parser treats what noscript holds as markup.
	noScript := html.ParseOptionEnableScripting(false)
	root, err := html.ParseWithOptions(bytes.NewReader(text), noScript)
	if err != nil {
		r.page.Flattened = true
		if root, err = html.ParseWithOptions(bytes.NewReader(flatten(text)), noScript); err != nil {
			return Page{}, err
		}
	}
	doc := goquery.NewDocumentFromNode(root)
	r.head(doc)
	r.walk(root, "", nil)
	r.openGraph(doc)
	r.jsonLD(doc)
	words, from := r.page.Wishes.Words(), r.page.Wishes.From()
	for i := range r.page.Candidates {
		c := &r.page.Candidates[i]
		c.OptOut, c.OptOutFrom = words, from
		if c.License = r.licenses[c.ImageURL]; c.License == "" {
			c.License = r.license
		}
	}
	if r.page.NoFollow {
		r.page.Links = nil
	}
	return r.page, nil
}

// visible leaves out what stands inside template.
func visible(s *goquery.Selection) *goquery.Selection {
	return s.FilterFunction(func(_ int, s *goquery.Selection) bool {
		for n := s.Nodes[0].Parent; n != nil; n = n.Parent {
			if n.DataAtom == atom.Template {
				return false
			}
		}
		return true
	})
}

// head reads what holds for the whole page: base, robots, licence, canonical.
func (r *reader) head(doc *goquery.Document) {
	visible(doc.Find("base[href]")).EachWithBreak(func(_ int, s *goquery.Selection) bool {
		// The first valid one counts, resolved against the page's URL.
		href, ok := Resolve(r.base, s.AttrOr("href", ""))
		if !ok {
			return true
		}
		u, err := url.Parse(href)
		if err == nil {
			r.base = u
		}
		return err != nil
	})
	var words []string
	visible(doc.Find("meta[name]")).Each(func(_ int, s *goquery.Selection) {
		content := s.AttrOr("content", "")
		switch strings.ToLower(strings.TrimSpace(s.AttrOr("name", ""))) {
		case "robots", agentMeta:
			for word := range strings.FieldsFuncSeq(strings.ToLower(content), func(c rune) bool { return c == ',' || c == ' ' }) {
				words = append(words, word)
			}
		case "tdm-reservation":
			if strings.TrimSpace(content) == "1" {
				words = append(words, "tdm-reservation")
			}
		}
	})
	wish := func(word string) {
		r.page.Wishes = append(r.page.Wishes, optout.Wish{Word: word, Source: "meta robots", Value: word})
	}
	for _, word := range words {
		switch word {
		case "none":
			wish(optout.NoIndex)
			r.page.NoFollow = true
		case "nofollow":
			r.page.NoFollow = true
		case "noindex", "noimageindex", "noai", "noimageai", "tdm-reservation":
			wish(word)
		}
	}
	visible(doc.Find("link[rel][href], a[rel][href]")).Each(func(_ int, s *goquery.Selection) {
		target, ok := Resolve(r.base, s.AttrOr("href", ""))
		if !ok {
			return
		}
		for rel := range strings.FieldsSeq(strings.ToLower(s.AttrOr("rel", ""))) {
			switch {
			case rel == "license" && r.license == "":
				r.license = target
			case rel == "canonical" && r.page.Canonical == "" && goquery.NodeName(s) == "link":
				r.page.Canonical = target
				r.link(target)
			}
		}
	})
	r.page.Language = language(doc.Find("html").AttrOr("lang", doc.Find("html").AttrOr("xml:lang", "")))
}

func language(tag string) string {
	tag = strings.ToLower(strings.TrimSpace(tag))
	if len(tag) > 35 {
		return ""
	}
	for _, c := range tag {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return ""
		}
	}
	return tag
}

// walk visits the page in order. Depth is bounded by the parser.
func (r *reader) walk(n *html.Node, lang string, figure *html.Node) {
	if n.Type == html.ElementNode {
		for _, key := range []string{"xml:lang", "lang"} {
			if v, ok := attr(n, key); ok {
				lang = language(v)
			}
		}
		switch n.DataAtom {
		case atom.Template:
			return
		case atom.Figure:
			figure = n
		case atom.Img:
			r.image(n, lang, figure)
		case atom.Meta:
			name, _ := attr(n, "http-equiv")
			if content, ok := attr(n, "content"); ok && strings.EqualFold(strings.TrimSpace(name), "refresh") {
				if target, ok := Refresh(r.base, content); ok {
					r.link(target)
				}
			}
		case atom.Frame, atom.Iframe:
			if src, ok := attr(n, "src"); ok && strings.TrimSpace(src) != "" {
				if target, ok := Resolve(r.base, src); ok {
					r.link(target)
				}
			}
		case atom.A, atom.Area:
			rel, _ := attr(n, "rel")
			if href, ok := attr(n, "href"); ok && !slices.Contains(strings.Fields(strings.ToLower(rel)), "nofollow") {
				if target, ok := Resolve(r.base, href); ok {
					r.link(target)
				}
			}
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		r.walk(c, lang, figure)
	}
}

func (r *reader) link(target string) {
	if len(r.page.Links) < maxLinks && !r.links[target] {
		r.links[target] = true
		r.page.Links = append(r.page.Links, Link{URL: target})
	}
}

// add keeps a candidate once. The text is cleaned here.
func (r *reader) add(imageURL, text, source, lang string) {
	text = Clean(text)
	if imageURL == "" || text == "" || len(text) > maxTextBytes || len(r.page.Candidates) >= maxCandidates {
		return
	}
	key := shard.Candidate{ImageURL: imageURL, Text: text, TextSource: source}
	if r.seen[key] {
		return
	}
	r.seen[key] = true
	key.PageURL, key.Language = r.url, lang
	r.page.Candidates = append(r.page.Candidates, key)
}

func attr(n *html.Node, key string) (string, bool) {
	for i := range n.Attr {
		if n.Attr[i].Key == key && n.Attr[i].Namespace == "" {
			return n.Attr[i].Val, true
		}
	}
	return "", false
}
