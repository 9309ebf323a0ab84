package gate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/optout"
)

// Bounds on the sitemaps that one robots.txt may name.
const (
	maxSitemaps     = 1000
	maxSitemapBytes = 4096 // of one address
)

// RobotsRules are the rules of one robots.txt for one agent (RFC 9309). The zero
// value allows everything.
type RobotsRules struct {
	rules      []rule
	prefs      []preference
	sitemaps   []string
	crawlDelay time.Duration
}

type rule struct {
	pattern optout.Pattern
	allow   bool
	line    string // for people: number and text
}

// preference is a Content-Signal or Content-Usage line.
type preference struct {
	pattern optout.Pattern // path it holds for; the zero one is any
	denied  bool
	wish    optout.Wish // what it asks for when it denies
}

// ParseRobots reads body for the agent with that product token. Lines that
// make no sense are skipped; no input is an error.
func ParseRobots(body []byte, token string) *RobotsRules {
	var own, all RobotsRules
	var sitemaps []string
	var ownFound bool
	// Which of the two the current group's lines belong to. Lines before any
	// group hold for no agent, but for preferences, which hold for all.
	var inOwn, inAll, inAgents bool
	for l := range optout.Lines(body) {
		var add func(*RobotsRules)
		switch key := spelling(l.Key); key {
		case "user-agent":
			if !inAgents {
				inOwn, inAll, inAgents = false, false, true
			}
			if strings.HasPrefix(l.Value, "*") {
				inAll = true
			} else if strings.EqualFold(optout.ProductToken(l.Value), token) {
				inOwn, ownFound = true, true
			}
			continue
		case "allow", "disallow":
			inAgents = false
			if l.Value == "" { // "Disallow:" with nothing forbids nothing
				continue
			}
			r := rule{pattern: optout.NewPattern(l.Value), allow: key == "allow", line: fmt.Sprintf("robots.txt line %d: %s", l.Number, l.Text)}
			add = func(g *RobotsRules) { g.rules = append(g.rules, r) }
		case "crawl-delay":
			inAgents = false
			seconds, err := strconv.ParseFloat(l.Value, 64)
			if err != nil || !(seconds >= 0) {
				continue
			}
			d := time.Duration(min(seconds, 1e6) * float64(time.Second))
			add = func(g *RobotsRules) { g.crawlDelay = max(g.crawlDelay, d) }
		case optout.ContentSignal, optout.ContentUsage:
			p, ok := parsePreference(l)
			if !ok {
				continue
			}
			add = func(g *RobotsRules) { g.prefs = append(g.prefs, p) }
			if !inOwn && !inAll && !inAgents {
				add(&all)
				add(&own)
				continue
			}
			inAgents = false
		case "sitemap": // of no group
			if len(sitemaps) < maxSitemaps && l.Value != "" && len(l.Value) <= maxSitemapBytes {
				sitemaps = append(sitemaps, l.Value)
			}
			continue
		default: // unknown keys do not end a list of agents
			continue
		}
		if inOwn {
			add(&own)
		}
		if inAll {
			add(&all)
		}
	}
	chosen := &all
	if ownFound {
		chosen = &own
	}
	chosen.sitemaps = sitemaps
	return chosen
}

// spelling is the key that was meant by one that is often seen.
func spelling(key string) string {
	switch key {
	case "useragent", "user agent":
		return "user-agent"
	case "dissallow", "dissalow", "disalow", "diasllow", "disallaw":
		return "disallow"
	case "site-map":
		return "sitemap"
	}
	return key
}

// Allowed tells whether path (escaped, with its query, as in the request line)
// may be asked for, and the line that decided, "" when none did. The longest
// rule wins, Allow wins a tie.
func (r *RobotsRules) Allowed(path string) (allowed bool, line string) {
	if len(r.rules) == 0 {
		return true, ""
	}
	path = optout.NormalPath(path)
	if path == "/robots.txt" {
		return true, ""
	}
	allowed = true
	longest := -1
	for i := range r.rules {
		rule := &r.rules[i]
		octets := rule.pattern.Octets()
		if octets < longest || (octets == longest && !rule.allow) || !rule.pattern.Matches(path) {
			continue
		}
		longest, allowed, line = octets, rule.allow, rule.line
	}
	return allowed, line
}

// CrawlDelay is the delay that the file asks for; 0 when it does not.
func (r *RobotsRules) CrawlDelay() time.Duration { return r.crawlDelay }

// Sitemaps are the addresses of the file's Sitemap lines, as they stand.
func (r *RobotsRules) Sitemaps() []string { return r.sitemaps }

// Wishes are what Content-Signal and Content-Usage lines ask for on path, as in
// Allowed. Of each the longest rule holds, of two equal ones the stricter.
func (r *RobotsRules) Wishes(path string) optout.Wishes {
	if len(r.prefs) == 0 {
		return nil
	}
	path = optout.NormalPath(path)
	var wishes optout.Wishes
	for _, word := range []string{optout.ContentSignal, optout.ContentUsage} {
		var holds *preference
		for i := range r.prefs {
			p := &r.prefs[i]
			if p.wish.Word != word || !p.pattern.Matches(path) {
				continue
			}
			if holds == nil || p.pattern.Octets() > holds.pattern.Octets() || p.pattern.Octets() == holds.pattern.Octets() && p.denied {
				holds = p
			}
		}
		if holds != nil && holds.denied {
			wishes = append(wishes, holds.wish)
		}
	}
	return wishes
}

// parsePreference reads "search=yes, ai-train=no" and "/path train-ai=n".
func parsePreference(l optout.Line) (p preference, ok bool) {
	value := l.Value
	if strings.HasPrefix(value, "/") {
		end := strings.IndexAny(value, " \t")
		if end < 0 {
			return p, false
		}
		p.pattern, value = optout.NewPattern(value[:end]), value[end:]
	}
	p.wish = optout.Wish{Word: l.Key, Source: fmt.Sprintf("robots.txt line %d", l.Number), Value: l.Text}
	p.denied, ok = optout.Training(value)
	return p, ok
}
