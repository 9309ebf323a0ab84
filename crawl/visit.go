package crawl

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gocolly/colly/v2"

	"github.com/pairloom/pairloom/crawl/alttext"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
)

// visitor reads one page at a time. Each worker has one.
type visitor struct {
	gate     *gate.Gate
	scope    *scope
	attempts int
	now      func() time.Time

	collector *colly.Collector
	seen      response // of the visit under way
}

// response is what colly's callbacks saw.
type response struct {
	status      int
	header      http.Header
	contentType string
	body        []byte
	read        bool // the body came, with a status of success
	notHTML     bool
}

func newVisitor(ctx context.Context, g *gate.Gate, s *scope, attempts int, now func() time.Time) *visitor {
	v := &visitor{gate: g, scope: s, attempts: attempts, now: now}
	c := colly.NewCollector()
	// NewCollector reads settings from COLLY_ variables of the environment;
	// what matters is set after it. Robots, pace, identity, redirects, caps and
	// timeouts are the gate's and the frontier's.
	c.Context = gate.WithKind(ctx, gate.Page)
	c.UserAgent = g.UserAgent()
	c.IgnoreRobotsTxt, c.AllowURLRevisit = true, true
	c.Async, c.DetectCharset, c.ParseHTTPErrorResponse = false, false, false
	c.MaxBodySize, c.MaxDepth, c.MaxRequests, c.CacheDir = 0, 0, 0, ""
	c.AllowedDomains, c.DisallowedDomains, c.URLFilters, c.DisallowedURLFilters = nil, nil, nil, nil
	c.WithTransport(g)
	c.SetRequestTimeout(0)
	c.DisableCookies()
	c.SetRedirectHandler(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })
	c.OnResponseHeaders(func(r *colly.Response) {
		v.seen.status, v.seen.header = r.StatusCode, r.Headers.Clone()
		v.seen.contentType = r.Headers.Get("Content-Type")
		if r.StatusCode == http.StatusOK && !maybeHTML(v.seen.contentType) {
			v.seen.notHTML = true
			r.Request.Abort()
			return
		}
		// colly would recode the body by this header, and drop the page when it
		// does not know the character set. The extractor does it with more to
		// go by.
		r.Headers.Set("Content-Type", "text/html; charset=utf-8")
	})
	c.OnResponse(func(r *colly.Response) { v.seen.body, v.seen.read = r.Body, true })
	v.collector = c
	return v
}

// maybeHTML looks at the header; a page without one is looked into.
func maybeHTML(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && kind == "" {
		kind, _, _ = strings.Cut(contentType, ";")
	}
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "", "text/html", "application/xhtml+xml":
		return true
	}
	return false
}

// visit asks for a page and reads it. It reports false when the request was
// cut off by pairloom itself and says nothing about the page.
func (v *visitor) visit(l frontier.Lease) (frontier.Result, bool) {
	v.seen = response{}
	r := frontier.Result{Lease: l}
	page, err := url.Parse(l.URL)
	target := ""
	if err == nil {
		target, err = v.ask(&l)
	}
	r.Fetched, r.Status = v.now().Unix(), v.seen.status
	switch s := &v.seen; {
	case s.notHTML:
		r.Reason, r.Rule = NotHTML, "Content-Type: "+gate.OneLine(s.contentType)
	case s.read:
		v.read(&r, page)
	case s.status == http.StatusNotModified && l.Kept:
		r.Unchanged = true
		return r, true
	case redirects(s.status):
		v.redirect(&r, target)
	case s.status > 0 && (s.status < 200 || s.status >= 300):
		r.Reason, r.Rule = gate.StatusReason(s.status), http.StatusText(s.status)
	case s.status > 203 || s.status == 203:
		// Answered, but with no whole page: 204, 206.
		r.Reason, r.Rule = fmt.Sprintf("http_%d", s.status), http.StatusText(s.status)
	default:
		r.Reason, r.Rule = gate.Reason(err)
		var parse *url.Error
		if page == nil || r.Reason == "" || s.status == 0 && r.Reason == gate.NetworkError && !errors.As(err, &parse) {
			r.Reason, r.Rule = BadURL, gate.OneLine(fmt.Sprint(err))
		}
	}
	if r.Reason == gate.Canceled {
		return r, false
	}
	if gate.Transient(r.Reason) {
		switch {
		case l.Attempts+1 < v.attempts && worthwhile(r.Reason):
			r.Again = true
		case l.Kept: // the copy at hand is better than none
			r.Unchanged, r.Rule = true, "not refreshed: "+r.Reason+": "+r.Rule
		}
	}
	return r, true
}

// ask requests a page. When it redirects, target is where to. A redirect that
// sets a cookie is followed in passing, through the gate and within scope, with
// the cookies of this chain alone: sites that look for cookies so send a client
// back to where it came from. When the chain ends there, its end is the page;
// when it ends elsewhere, that is the target, a page of its own.
func (v *visitor) ask(l *frontier.Lease) (target string, err error) {
	jar := gate.NewCookies()
	cookies := false // the chain has set one
	type request struct{ address, cookies string }
	var asked []request
	var first response
	elsewhere := func(target string) (string, error) {
		v.seen = first
		return target, nil
	}
	for at := l.URL; ; {
		u, err := url.Parse(at)
		if err != nil {
			return "", err
		}
		now := request{at, gate.CookieLine(jar, u)}
		if slices.Contains(asked, now) || len(asked) > v.gate.MaxRedirects() {
			return elsewhere(at)
		}
		err = v.request(l, now.address, now.cookies)
		if asked = append(asked, now); len(asked) == 1 {
			first = v.seen
		}
		next := ""
		if location := v.seen.header.Get("Location"); location != "" && redirects(v.seen.status) {
			next, _ = alttext.Resolve(u, location)
		}
		reason, _ := gate.Reason(err)
		switch {
		case next == "" && (at == l.URL || reason == gate.Canceled):
			return "", err
		case next == "":
			return elsewhere(at)
		}
		set := (&http.Response{Header: v.seen.header}).Cookies()
		jar.SetCookies(u, set)
		cookies = cookies || len(set) > 0
		if _, in := v.scope.judge(next, 0); !cookies || !in {
			return elsewhere(next)
		}
		at = next
	}
}

func redirects(status int) bool {
	return status >= 300 && status < 400 && status != http.StatusNotModified
}

// request asks once, conditionally when there is a copy at hand.
func (v *visitor) request(l *frontier.Lease, address, cookies string) error {
	v.seen = response{}
	header := http.Header{"Accept": {"text/html,application/xhtml+xml"}}
	if cookies != "" {
		header.Set("Cookie", cookies)
	}
	if l.Kept && l.ETag != "" && address == l.URL {
		header.Set("If-None-Match", l.ETag)
	}
	if l.Kept && l.Modified != "" && address == l.URL {
		header.Set("If-Modified-Since", l.Modified)
	}
	return v.collector.Request(http.MethodGet, address, nil, nil, header)
}

// worthwhile tells whether trying again in this run may help: statuses the gate
// has tried again already, and a robots.txt that failed it remembers.
func worthwhile(reason string) bool {
	return reason != gate.RobotsUnreachable && !strings.HasPrefix(reason, "http_")
}

// read takes in the body of a page.
func (v *visitor) read(r *frontier.Result, page *url.URL) {
	body, contentType := v.seen.body, v.seen.contentType
	if contentType == "" {
		if guess := http.DetectContentType(body); !maybeHTML(guess) {
			r.Reason, r.Rule = NotHTML, "no Content-Type, looks like "+guess
			return
		}
	}
	p, err := alttext.Extract(body, contentType, page)
	if err != nil {
		r.Reason, r.Rule = NotHTML, gate.OneLine(err.Error())
		return
	}
	r.ETag, r.Modified = v.seen.header.Get("ETag"), v.seen.header.Get("Last-Modified")
	r.BodyHash = xxhash.Sum64(body)
	wishes := append(p.Wishes.At(v.now()), v.gate.Wishes(v.seen.header)...)
	from := wishes.From()
	r.OptOut = wishes.Words()
	if int64(len(body)) >= v.gate.MaxPageBytes() {
		r.Rule = fmt.Sprintf("cut off at gate.max_page_bytes = %d", v.gate.MaxPageBytes())
	}
	if wish, obeyed := v.gate.Respects(wishes); obeyed {
		r.Reason, r.Rule = OptedOut, wish.String()
	}
	r.Candidates = p.Candidates
	for i := range r.Candidates {
		c := &r.Candidates[i]
		c.OptOut, c.OptOutFrom, c.Source, c.CrawlTime = r.OptOut, from, "live", r.Fetched
	}
	if optout.NoFollow(v.seen.header, v.gate.Token()) {
		return
	}
	links := p.Links
	if target, ok := alttext.Refresh(page, v.seen.header.Get("Refresh")); ok && !p.NoFollow {
		links = append(links, alttext.Link{URL: target})
	}
	for _, link := range links {
		if link.URL == r.Lease.URL {
			continue
		}
		if l, in := v.scope.judge(link.URL, r.Lease.Hops+1); in {
			r.Links = append(r.Links, l)
		} else {
			r.Foreign++
		}
	}
}

// redirect makes the target a page to ask for; "" is an address that is none.
func (v *visitor) redirect(r *frontier.Result, target string) {
	l, in := v.scope.judge(target, r.Lease.Hops+1)
	switch {
	case target == "":
		r.Reason, r.Rule = gate.BadRedirect, fmt.Sprintf("status %d, Location: %s", r.Status, gate.OneLine(v.seen.header.Get("Location")))
	case target == r.Lease.URL:
		r.Reason, r.Rule = gate.RedirectLoop, "to itself"
	case !in:
		r.Reason, r.Rule = OutOfScope, "redirects to "+gate.OneLine(target)
	case r.Lease.Redirects >= v.gate.MaxRedirects():
		r.Reason, r.Rule = gate.TooManyRedirects, fmt.Sprintf("more than gate.max_redirects = %d, next %s", v.gate.MaxRedirects(), gate.OneLine(target))
	default:
		r.Reason, r.Rule, r.Target = Redirected, "to "+gate.OneLine(target), target
		r.Links = []frontier.Link{l}
	}
}
