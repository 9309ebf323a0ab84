package crawl

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
)

// scope decides which links are followed.
type scope struct {
	kind    string
	hosts   map[string]bool // with port, without www.
	domains map[string]bool
	maxHops int
	refuse  func(address string) (rule string, refused bool) // may be nil
}

func newScope(o Options, seeds []string) (*scope, error) {
	s := &scope{kind: o.Scope, hosts: map[string]bool{}, domains: map[string]bool{}, maxHops: o.MaxHops}
	for _, seed := range seeds {
		u, err := url.Parse(seed)
		if err != nil {
			return nil, fmt.Errorf("read seed %s: %w", seed, err)
		}
		s.hosts[plainHost(u.Host)] = true
		s.domains[domainOf(u.Hostname())] = true
	}
	for _, h := range o.Hosts {
		s.hosts[plainHost(strings.ToLower(h))] = true
	}
	return s, nil
}

func plainHost(host string) string { return strings.TrimPrefix(host, "www.") }

// domainOf is the registered domain, such as example.co.uk, or an IP address.
func domainOf(host string) string {
	if net.ParseIP(host) != nil {
		return host
	}
	if d, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return d
	}
	return host
}

func (s *scope) contains(u *url.URL) bool {
	switch {
	case s.kind == "any", s.hosts[plainHost(u.Host)]:
		return true
	case s.kind == "domain":
		return s.domains[domainOf(u.Hostname())]
	}
	return false
}

// judge looks at an address found hops links away from a seed. It reports
// false for one that is out of scope; else a link, with a reason when it is
// not to be asked for. Sitemaps and feeds are where their site says, so that only
// their length is looked at.
func (s *scope) judge(raw string, kind frontier.Kind, hops int) (frontier.Link, bool) {
	u, err := url.Parse(raw)
	if err != nil || !s.contains(u) {
		return frontier.Link{}, false
	}
	l := frontier.Link{URL: raw, Kind: kind}
	if s.refuse != nil {
		if rule, refused := s.refuse(raw); refused {
			l.Reason, l.Rule = gate.Refused, rule
			return l, true
		}
	}
	switch {
	case kind != frontier.Page && len(raw) > maxURLLength:
		l.Reason, l.Rule = TrapURLLength, fmt.Sprintf("%d characters, limit %d", len(raw), maxURLLength)
	case kind == frontier.Page && hops > 0:
		l.Reason, l.Rule = trap(u, len(raw))
	}
	if l.Reason == "" && hops > s.maxHops {
		l.Reason, l.Rule = TrapHops, fmt.Sprintf("%d links from a seed, crawl.max_hops = %d", hops, s.maxHops)
	}
	return l, true
}

// trap recognises addresses that would go on for ever, or are no pages.
func trap(u *url.URL, length int) (reason, rule string) {
	if length > maxURLLength {
		return TrapURLLength, fmt.Sprintf("%d characters, limit %d", length, maxURLLength)
	}
	segments := strings.FieldsFunc(u.EscapedPath(), func(c rune) bool { return c == '/' })
	if len(segments) > maxPathDepth {
		return TrapDepth, fmt.Sprintf("%d path segments, limit %d", len(segments), maxPathDepth)
	}
	uses := map[string]int{}
	for i, s := range segments {
		if uses[s]++; uses[s] > maxSegmentUses {
			return TrapRepeat, fmt.Sprintf("path segment %q more than %d times", s, maxSegmentUses)
		}
		if strings.Contains(strings.ToLower(s), ";jsessionid=") {
			return TrapSession, "path parameter jsessionid"
		}
		if strings.EqualFold(s, "calendar") && i+1 < len(segments) {
			if _, err := strconv.Atoi(segments[i+1]); err == nil {
				return TrapCalendar, "path " + s + "/" + segments[i+1]
			}
		}
	}
	// Wikis have pages about files, under names such as File:Fox.jpg.
	if kind := fileKind(path.Ext(u.Path)); kind != "" && !strings.Contains(path.Base(u.Path), ":") {
		return NotHTML, "file name ends in ." + kind
	}
	var year, part bool
	for pair := range strings.FieldsFuncSeq(u.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		key, _, _ := strings.Cut(pair, "=")
		switch key = strings.ToLower(key); key {
		case "sid", "sessid", "sessionid", "session_id", "session-id", "phpsessid", "jsessionid", "cfid", "cftoken":
			return TrapSession, "query parameter " + key
		case "calendar", "cal_date", "tribe-bar-date":
			return TrapCalendar, "query parameter " + key
		case "year", "yr":
			year = true
		case "month", "mon", "week", "day":
			part = true
		}
		if strings.HasPrefix(key, "aspsessionid") {
			return TrapSession, "query parameter " + key
		}
	}
	if year && part {
		return TrapCalendar, "query parameters for a year and a part of it"
	}
	return "", ""
}

// fileKind is the extension when it never names a page.
func fileKind(ext string) string {
	switch ext = strings.TrimPrefix(strings.ToLower(ext), "."); ext {
	case "jpg", "jpeg", "png", "gif", "webp", "avif", "svg", "ico", "bmp", "tif", "tiff",
		"mp3", "mp4", "m4a", "m4v", "mov", "avi", "mkv", "ogg", "ogv", "wav", "flac", "webm",
		"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "epub", "djvu",
		"zip", "gz", "tgz", "bz2", "xz", "7z", "rar", "tar", "iso", "exe", "dmg", "deb", "rpm", "apk":
		return ext
	}
	return ""
}
