package crawl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/crawl/alttext"
	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/crawl/sitemap"
	"github.com/pairloom/pairloom/shard"
)

// visitor reads one page at a time. Each worker has one.
type visitor struct {
	ctx     context.Context // of all visits: its end cuts them off
	gate    *gate.Gate
	scope   *scope
	o       Options
	now     func() time.Time
	weigh   func(address, text string) int64 // priority of a link
	refused func(*shard.Candidate) bool      // may be nil
	warc    *archive.Writer                  // may be nil

	pages alttext.Extractor
	seen  response // of the visit under way
}

// response is an answer, and what it carried.
type response struct {
	status      int
	header      http.Header
	contentType string
	body        []byte
	bytes       int64 // read
	read        bool  // the body came, with a status of success
	notHTML     bool
	list        *list         // what a sitemap or feed said
	kind        frontier.Kind // of a seed's answer that is a sitemap or feed; else Page
}

func newVisitor(ctx context.Context, c *crawler) *visitor {
	return &visitor{
		ctx: ctx, gate: c.gate, scope: c.scope, o: c.o, now: c.now, weigh: c.weigh, warc: c.warc, refused: c.job.Refusals.Candidate,
		pages: alttext.Extractor{Agent: c.gate.Token()},
	}
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
	var verdict gate.Verdict // of an answer without a body
	if err == nil {
		target, err = v.ask(&l)
		if verdict = v.gate.Judge(v.now(), nil, v.seen.header); v.notModified(&l) && !verdict.Obeyed && asksMore(&l, verdict.Words) {
			l.ETag, l.Modified = "", ""
			target, err = v.ask(&l)
		}
		if v.seen.kind != frontier.Page { // a seed is what it answers, from now on
			l.Kind, r.Lease.Kind = v.seen.kind, v.seen.kind
			target, err = v.ask(&l)
		}
	}
	r.Fetched, r.Status, r.Bytes = v.now().Unix(), v.seen.status, v.seen.bytes
	switch s := &v.seen; {
	case s.list != nil:
		v.readList(&r)
	case s.status == http.StatusNotModified && l.Kind != frontier.Page && l.Asked:
		r.Reason, r.Rule, r.ETag, r.Modified, r.BodyHash = l.Reason, "not modified", l.ETag, l.Modified, l.BodyHash
	case s.notHTML:
		r.Reason, r.Rule = NotHTML, "Content-Type: "+gate.OneLine(s.contentType)
	case s.read:
		v.read(&r, page)
	case v.notModified(&l) && verdict.Obeyed: // what the page itself says cannot change that
		r.Reason, r.Rule, r.OptOut, r.BodyHash = OptedOut, verdict.Wish.String(), verdict.Words, l.BodyHash
	case v.notModified(&l):
		r.Unchanged = true
	case redirects(s.status):
		v.redirect(&r, target)
	case s.status > 0 && (s.status < 200 || s.status >= 300):
		r.Reason, r.Rule = gate.StatusReason(s.status), http.StatusText(s.status)
	case s.status > 203 || s.status == 203:
		// Answered, but with no whole page: 204, 206.
		r.Reason, r.Rule = fmt.Sprintf("http_%d", s.status), http.StatusText(s.status)
	default:
		r.Reason, r.Rule = gate.Reason(err)
		if page == nil || r.Reason == "" || errors.Is(err, errNoRequest) {
			r.Reason, r.Rule = BadURL, gate.OneLine(fmt.Sprint(err))
		}
	}
	if r.Reason == gate.Canceled {
		return r, false
	}
	if gate.Transient(r.Reason) {
		switch {
		case l.Attempts+1 < v.o.Attempts && worthwhile(r.Reason):
			r.Again = true
			return r, true
		case l.Kept: // the copy at hand is better than none
			r.Unchanged, r.Due, r.Rule = true, true, "not refreshed: "+r.Reason+": "+r.Rule
		}
		r.Pace = l.Pace // it says nothing of the page
	} else {
		r.Pace = v.pace(&r)
	}
	if l.Sitemaps && page != nil {
		v.sitemaps(&r, page)
	}
	return r, true
}

// notModified tells whether the answer is that the copy of a page at hand is good.
func (v *visitor) notModified(l *frontier.Lease) bool {
	return v.seen.status == http.StatusNotModified && l.Kept
}

// asksMore tells whether words, of the answer that a page is unchanged, in its
// headers or in the site's files, are more than the copy was recorded with.
func asksMore(l *frontier.Lease, words string) bool {
	for word := range strings.SplitSeq(words, ",") {
		if word != "" && !slices.Contains(strings.Split(l.OptOut, ","), word) {
			return true
		}
	}
	return false
}

// pace is the page's pace from now on: what it was given at first, until a second
// visit tells whether it has changed.
func (v *visitor) pace(r *frontier.Result) int {
	if !r.Lease.Asked || gate.Transient(r.Lease.Reason) {
		return r.Lease.Pace
	}
	changed := !r.Unchanged && (r.Reason != r.Lease.Reason || r.BodyHash != r.Lease.BodyHash)
	return paceAfter(r.Lease.Pace, changed, v.o.RevisitAfter)
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
		if _, in := v.scope.judge(next, l.Kind, 0); !cookies || !in {
			return elsewhere(next)
		}
		at = next
	}
}

func redirects(status int) bool {
	return status >= 300 && status < 400 && status != http.StatusNotModified
}

// errNoRequest says that no request can be made for an address.
var errNoRequest = errors.New("no request can be made for it")

// request asks once, conditionally when there is a copy at hand.
func (v *visitor) request(l *frontier.Lease, address, cookies string) error {
	v.seen = response{}
	kind, accept := gate.Page, "text/html,application/xhtml+xml"
	switch l.Kind {
	case frontier.Feed:
		accept = "application/rss+xml,application/atom+xml,application/xml,text/xml"
	case frontier.Sitemap:
		kind, accept = gate.Sitemap, "application/xml,text/xml,text/plain,application/gzip"
	}
	req, err := http.NewRequestWithContext(gate.WithKind(v.ctx, kind), http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoRequest, err)
	}
	req.Header.Set("Accept", accept)
	if cookies != "" {
		req.Header.Set("Cookie", cookies)
	}
	if (l.Kept || l.Kind != frontier.Page) && address == l.URL {
		if l.ETag != "" {
			req.Header.Set("If-None-Match", l.ETag)
		}
		if l.Modified != "" {
			req.Header.Set("If-Modified-Since", l.Modified)
		}
	}
	resp, err := v.gate.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s := &v.seen
	s.status, s.header, s.contentType = resp.StatusCode, resp.Header, resp.Header.Get("Content-Type")
	switch {
	case s.status > http.StatusAccepted || s.status < http.StatusOK:
		// A short body is read to its end, so that the connection can be used again.
		_, err = io.CopyN(io.Discard, resp.Body, 64<<10)
		if err == io.EOF {
			err = nil
		}
		return err
	case l.Kind != frontier.Page:
		s.list, err = v.collect(l, resp.Body)
		return err
	}
	body := io.Reader(resp.Body)
	if l.Level == (frontier.Level{}) {
		in := bufio.NewReader(resp.Body)
		if s.kind = listKind(in); s.kind != frontier.Page {
			return nil
		}
		body = in
	}
	if s.status == http.StatusOK && !maybeHTML(s.contentType) {
		s.notHTML = true
		return nil
	}
	s.body, err = io.ReadAll(body)
	s.bytes, s.read = int64(len(s.body)), err == nil
	return err
}

// listKind is what a seed's answer is to be asked for as: of a list, with the bounds
// of lists.
func listKind(in *bufio.Reader) frontier.Kind {
	switch sitemap.Sniff(in) {
	case sitemap.URLs, sitemap.Index:
		return frontier.Sitemap
	case sitemap.RSS, sitemap.Atom:
		return frontier.Feed
	}
	return frontier.Page
}

// worthwhile tells whether trying again in this run may help: statuses the gate
// has tried again already, and a robots.txt that failed it remembers, as it does
// which host asked to be left alone.
func worthwhile(reason string) bool {
	return reason != gate.RobotsUnreachable && reason != gate.HostBusy && !strings.HasPrefix(reason, "http_")
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
	if v.warc != nil { // its first error ends the run, see Run
		_ = v.warc.Write(archive.Exchange{URL: page, Time: v.now(), Status: v.seen.status, Header: v.seen.header, Body: body, Cut: int64(len(body)) >= v.gate.MaxPageBytes()})
	}
	p, err := v.pages.Extract(body, contentType, page)
	if err != nil {
		r.Reason, r.Rule = NotHTML, gate.OneLine(err.Error())
		return
	}
	r.ETag, r.Modified = v.seen.header.Get("ETag"), v.seen.header.Get("Last-Modified")
	r.BodyHash = xxhash.Sum64(body)
	verdict := v.gate.Judge(v.now(), p.Wishes, v.seen.header)
	if !verdict.Later.IsZero() {
		r.ETag, r.Modified = "", "" // a wish holds from a later time on, whether the page has changed or not
	}
	r.OptOut = verdict.Words
	if int64(len(body)) >= v.gate.MaxPageBytes() {
		r.Rule = fmt.Sprintf("%s = %d", cutOff, v.gate.MaxPageBytes())
	}
	if r.Placeholders, r.Cut = p.Placeholders, p.Cut.Total(); r.Cut > 0 {
		r.Rule = strings.TrimPrefix(r.Rule+"; cut off: "+p.Cut.String(), "; ")
	}
	if verdict.Obeyed {
		r.Reason, r.Rule = OptedOut, verdict.Wish.String()
	}
	r.Candidates = p.Candidates
	for i := range r.Candidates {
		c := &r.Candidates[i]
		c.OptOut, c.OptOutFrom, c.Source, c.CrawlTime = verdict.Words, verdict.From, "live", r.Fetched
	}
	if v.refused != nil {
		all := len(r.Candidates)
		r.Candidates = slices.DeleteFunc(r.Candidates, func(c shard.Candidate) bool {
			c.PageURL = r.Lease.URL
			return v.refused(&c)
		})
		if n := all - len(r.Candidates); n > 0 { // the page is to come whole when they may be used
			r.Rule = frontier.RefusedRule(r.Rule, n)
			r.ETag, r.Modified = "", ""
		}
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
		l, in := v.scope.judge(link.URL, frontier.Page, r.Lease.Level.Hops+1)
		if !in {
			r.Foreign++
			continue
		}
		if v.o.Steer && l.Reason == "" {
			l.Text, l.Priority = link.Text, v.weigh(link.URL, link.Text)
		}
		r.Links = append(r.Links, l)
	}
	// Pages deep in a site name feeds of their own, such as of their comments.
	if v.o.Sitemaps && (r.Lease.Level.Hops == 0 || page.EscapedPath() == "/" || page.EscapedPath() == "") {
		for _, feed := range p.Feeds {
			v.follow(r, feed, frontier.Feed)
		}
	}
}

// redirect makes the target a page to ask for; "" is an address that is none.
func (v *visitor) redirect(r *frontier.Result, target string) {
	hops := r.Lease.Level.Hops
	if r.Lease.Kind == frontier.Page {
		hops++
	}
	l, in := v.scope.judge(target, r.Lease.Kind, hops)
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
