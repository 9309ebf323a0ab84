package crawl

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/crawl/alttext"
	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/sitemap"
)

const (
	maxStep     = 4   // sitemaps behind a host's pages: indexes three deep, and what the last names
	maxHostMaps = 100 // sitemaps that one robots.txt may name
	listed      = 2   // times crawl.max_per_host, the addresses to which lists may bring a host
)

// list is what a sitemap or feed said.
type list struct {
	kind    sitemap.Kind
	hash    uint64
	bytes   int64
	entries []sitemap.Entry
	fault   error // why it ended early
}

// collect reads a list; what broke off by the network's fault is an error.
func (v *visitor) collect(l *frontier.Lease, body io.Reader) (*list, error) {
	in := &tapped{r: body, hash: xxhash.New()}
	all := &list{}
	all.kind, all.fault = sitemap.Read(in, sitemap.Protocol, func(e sitemap.Entry) { all.entries = append(all.entries, e) })
	if in.fault != nil {
		return nil, in.fault
	}
	all.hash, all.bytes = in.hash.Sum64(), in.bytes
	v.seen.bytes = in.bytes
	return all, nil
}

// tapped hashes and counts what is read, and keeps the reader's own fault.
type tapped struct {
	r     io.Reader
	hash  *xxhash.Digest
	bytes int64
	fault error
}

func (t *tapped) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.hash.Write(p[:n])
	t.bytes += int64(n)
	if err != nil && err != io.EOF {
		t.fault = err
	}
	return n, err
}

// readList takes in what a list said. Its addresses are pages one link further
// than the host's first page, or sitemaps.
func (v *visitor) readList(r *frontier.Result) {
	all := v.seen.list
	if errors.Is(all.fault, sitemap.ErrNoList) {
		r.Reason, r.Rule = NoList, gate.OneLine(all.fault.Error())
		return
	}
	r.Reason = IsSitemap
	if r.Lease.Kind == frontier.Feed {
		r.Reason = IsFeed
	}
	r.ETag, r.Modified = v.seen.header.Get("ETag"), v.seen.header.Get("Last-Modified")
	r.BodyHash = all.hash
	at, err := url.Parse(r.Lease.URL)
	if err != nil { // it was asked for, so that it can be
		return
	}
	now := v.now()
	r.Most = listed * int64(v.o.MaxPerHost)
	for _, e := range all.entries {
		if all.kind == sitemap.Index {
			v.follow(r, e.URL, frontier.Sitemap)
			continue
		}
		base := at
		for _, b := range e.Bases {
			if next, err := base.Parse(strings.TrimSpace(b)); err == nil {
				base = next
			}
		}
		address, ok := alttext.Resolve(base, e.URL)
		if !ok {
			continue
		}
		l, in := v.scope.judge(address, frontier.Page, r.Lease.Level.Hops+1)
		if !in {
			r.Foreign++
			continue
		}
		if e.Every > 0 {
			l.Pace = paceFor(e.Every.Seconds(), v.o.RevisitAfter)
		}
		if !e.Modified.IsZero() && !e.Modified.After(now) {
			l.Changed = e.Modified.Unix()
		}
		if v.o.Steer && l.Reason == "" {
			l.Priority = v.weigh(address, "")
		}
		r.Links = append(r.Links, l)
	}
	r.Rule = fmt.Sprintf("%s of %d addresses, %d of them out of scope", all.kind, len(all.entries), r.Foreign)
	if all.fault != nil {
		r.Rule += "; ends early: " + gate.OneLine(all.fault.Error())
	}
}

// follow adds a sitemap or feed that the page or list names.
func (v *visitor) follow(r *frontier.Result, address string, kind frontier.Kind) {
	if r.Lease.Level.Step >= maxStep {
		return
	}
	at, err := url.Parse(r.Lease.URL)
	if err != nil {
		return
	}
	full, ok := alttext.Resolve(at, address)
	if !ok || full == r.Lease.URL {
		return
	}
	l, in := v.scope.judge(full, kind, r.Lease.Level.Hops)
	if !in {
		r.Foreign++
		return
	}
	r.Links = append(r.Links, l)
}

// sitemaps adds those that the robots.txt of the page's host names.
func (v *visitor) sitemaps(r *frontier.Result, page *url.URL) {
	if !v.o.Sitemaps {
		return
	}
	lines, err := v.gate.Sitemaps(v.ctx, page)
	if err != nil { // why nothing on the host may be asked for: the page says it
		return
	}
	for _, line := range lines[:min(len(lines), maxHostMaps)] {
		v.follow(r, line, frontier.Sitemap)
	}
}

// words are what an address says, with spaces between.
func words(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	text := u.Path
	if query, err := url.QueryUnescape(u.RawQuery); err == nil {
		text += " " + query
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return ' '
	}, text)
}
