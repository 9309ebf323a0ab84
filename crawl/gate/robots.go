package gate

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// RobotsRules are the rules of one robots.txt for one agent (RFC 9309). The zero
// value allows everything.
type RobotsRules struct {
	rules      []rule
	prefs      []preference
	crawlDelay time.Duration
}

type rule struct {
	pattern string // normalised; may hold * and end in $
	allow   bool
	line    string // for people: number and text
}

// preference is a Content-Signal or Content-Usage line.
type preference struct {
	pattern string // path it holds for; "" for all
	verdict string // ContentSignal or ContentUsage
	deny    bool
}

// ParseRobots reads body for the agent with that product token. Lines that
// make no sense are skipped; no input is an error.
func ParseRobots(body []byte, token string) *RobotsRules {
	var own, all RobotsRules
	var ownFound bool
	// Which of the two the current group's lines belong to. Lines before any
	// group hold for no agent, but for preferences, which hold for all.
	var inOwn, inAll, inAgents bool
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	for n := 1; len(body) > 0; n++ {
		var raw []byte
		raw, body = nextLine(body)
		key, value, ok := splitLine(raw)
		if !ok {
			continue
		}
		if key == "user-agent" {
			if !inAgents {
				inOwn, inAll, inAgents = false, false, true
			}
			if strings.HasPrefix(value, "*") {
				inAll = true
			} else if strings.EqualFold(productToken(value), token) {
				inOwn, ownFound = true, true
			}
			continue
		}
		var add func(*RobotsRules)
		switch key {
		case "allow", "disallow":
			inAgents = false
			if value == "" { // "Disallow:" with nothing forbids nothing
				continue
			}
			r := rule{pattern: normalPattern(value), allow: key == "allow", line: "robots.txt line " + strconv.Itoa(n) + ": " + OneLine(strings.TrimSpace(string(raw)))}
			add = func(g *RobotsRules) { g.rules = append(g.rules, r) }
		case "crawl-delay":
			inAgents = false
			seconds, err := strconv.ParseFloat(value, 64)
			if err != nil || !(seconds >= 0) {
				continue
			}
			d := time.Duration(min(seconds, 1e6) * float64(time.Second))
			add = func(g *RobotsRules) { g.crawlDelay = max(g.crawlDelay, d) }
		case "content-signal", "content-usage":
			p, ok := parsePreference(key, value)
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
		default: // Sitemap and unknown keys do not end a list of agents
			continue
		}
		if inOwn {
			add(&own)
		}
		if inAll {
			add(&all)
		}
	}
	if ownFound {
		return &own
	}
	return &all
}

// Allowed tells whether path (escaped, with its query, as in the request line)
// may be asked for, and the line that decided, "" when none did. The longest
// rule wins, Allow wins a tie.
func (r *RobotsRules) Allowed(path string) (allowed bool, line string) {
	if path == "/robots.txt" {
		return true, ""
	}
	path = normalPath(path)
	allowed = true
	longest := -1
	for i := range r.rules {
		rule := &r.rules[i]
		if len(rule.pattern) < longest || (len(rule.pattern) == longest && !rule.allow) || !matches(rule.pattern, path) {
			continue
		}
		longest, allowed, line = len(rule.pattern), rule.allow, rule.line
	}
	return allowed, line
}

// CrawlDelay is the delay that the file asks for; 0 when it does not.
func (r *RobotsRules) CrawlDelay() time.Duration { return r.crawlDelay }

// OptOut is the verdict of Content-Signal and Content-Usage lines on path: ""
// or words of Wishes, joined by commas.
func (r *RobotsRules) OptOut(path string) string {
	path = normalPath(path)
	var v verdicts
	for _, name := range []string{ContentSignal, ContentUsage} {
		longest, deny := -1, false
		for _, p := range r.prefs {
			if p.verdict != name || len(p.pattern) < longest || !matches(p.pattern, path) {
				continue
			}
			// Of two equal ones the stricter holds.
			deny = p.deny || (deny && len(p.pattern) == longest)
			longest = len(p.pattern)
		}
		if deny {
			v.add(name)
		}
	}
	return v.String()
}

// parsePreference reads "search=yes, ai-train=no" and "/path train-ai=n".
func parsePreference(key, value string) (p preference, ok bool) {
	if strings.HasPrefix(value, "/") {
		path, rest, _ := strings.Cut(value, " ")
		p.pattern, value = normalPattern(path), rest
	}
	p.verdict = ContentSignal
	if key == "content-usage" {
		p.verdict = ContentUsage
	}
	deny, stated := trainingDenied(value)
	p.deny = deny
	return p, stated
}

// trainingDenied reads a dictionary of uses: train-ai=n, ai-train=no. Stated is
// false when it says nothing about training.
func trainingDenied(value string) (deny, stated bool) {
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == ';' }) {
		use, answer, _ := strings.Cut(part, "=")
		switch strings.ToLower(strings.TrimSpace(use)) {
		case "train-ai", "ai-train", "train-genai":
			stated = true
			switch strings.ToLower(strings.Trim(strings.TrimSpace(answer), `"`)) {
			case "n", "no", "?0":
				deny = true
			}
		}
	}
	return deny, stated
}

func nextLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	if b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n' {
		return b[:i], b[i+2:]
	}
	return b[:i], b[i+1:]
}

func splitLine(raw []byte) (key, value string, ok bool) {
	if i := bytes.IndexByte(raw, '#'); i >= 0 {
		raw = raw[:i]
	}
	k, v, ok := strings.Cut(string(raw), ":")
	return strings.ToLower(strings.TrimSpace(k)), strings.TrimSpace(v), ok
}

// productToken is the leading product token of an agent name (RFC 9309, 2.2.1).
func productToken(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && s[i] != '-' && s[i] != '_' {
			return s[:i]
		}
	}
	return s
}

// normalPattern is normalPath with runs of * as one, so that matching stays
// cheap.
func normalPattern(s string) string {
	s = normalPath(s)
	for strings.Contains(s, "**") {
		s = strings.ReplaceAll(s, "**", "*")
	}
	return s
}

// normalPath spells equal octets equally (RFC 9309, 2.2.2): unreserved ones
// plain, others that were escaped or are not ASCII as %XX in upper case.
func normalPath(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c, escaped := s[i], false
		if c == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 {
				c, escaped = byte(hi<<4|lo), true
				i += 2
			}
		}
		switch {
		case c >= 0x80 || c <= ' ' || c == 0x7f, escaped && !unreserved(c):
			b = append(b, '%', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func unreserved(c byte) bool {
	l := c | 0x20
	return l >= 'a' && l <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// matches tells whether pattern is a prefix of path, where * stands for any
// run of octets and a last $ for the end. Time is at most the product of both
// lengths: there is no backtracking past the last *.
func matches(pattern, path string) bool {
	pattern, anchored := strings.CutSuffix(pattern, "$")
	if !anchored {
		pattern = strings.TrimSuffix(pattern, "*")
	}
	p, s := 0, 0
	star, mark := -1, 0
	for {
		switch {
		case p == len(pattern) && (!anchored || s == len(path)):
			return true
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, s
			p++
		case p < len(pattern) && s < len(path) && pattern[p] == path[s]:
			p++
			s++
		case star >= 0 && mark < len(path):
			mark++
			p, s = star+1, mark
		default:
			return false
		}
	}
}
