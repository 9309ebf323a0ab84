package optout

import (
	"fmt"
	"strings"
)

// AITxtPath is where a host keeps what it allows to be trained on.
const AITxtPath = "/ai.txt"

// MediaRules are what an ai.txt says of a host's files to one agent. The zero
// value allows all.
type MediaRules struct {
	rules []mediaRule
}

type mediaRule struct {
	pattern   Pattern
	extension string // "jpg" of *.jpg, lower case; then the pattern is not asked
	allow     bool
	line      Line
}

// ParseAITxt reads an ai.txt for the agent with that product token. It has the form
// of a robots.txt; a rule such as *.jpg is one on the names of files, whatever
// query follows and whatever the case. The agent's own groups hold if there are
// any, else those of *. Lines before any group hold for all.
func ParseAITxt(file []byte, token string) MediaRules {
	var own, all []mediaRule
	var ownFound, inAgents bool
	inOwn, inAll := true, true
	for l := range Lines(file) {
		switch l.Key {
		case "user-agent":
			if !inAgents {
				inOwn, inAll, inAgents = false, false, true
			}
			if strings.HasPrefix(l.Value, "*") {
				inAll = true
			} else if strings.EqualFold(ProductToken(l.Value), token) {
				inOwn, ownFound = true, true
			}
		case "allow", "disallow":
			inAgents = false
			if l.Value == "" {
				continue
			}
			r := mediaRule{pattern: NewPattern(l.Value), extension: extension(l.Value), allow: l.Key == "allow", line: l}
			if inOwn {
				own = append(own, r)
			}
			if inAll {
				all = append(all, r)
			}
		}
	}
	if ownFound {
		return MediaRules{own}
	}
	return MediaRules{all}
}

// extension is "jpg" for the rule *.jpg or /*.jpg, with or without a last $.
func extension(rule string) string {
	e, ok := strings.CutPrefix(strings.TrimPrefix(rule, "/"), "*.")
	e = strings.TrimSuffix(e, "$")
	if !ok || e == "" || strings.Trim(strings.ToLower(e), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return ""
	}
	return strings.ToLower(e)
}

// Wishes are those that hold for a file's path with its query, as in the request
// line. The longest rule wins, Allow wins a tie.
func (m MediaRules) Wishes(path string) Wishes {
	if len(m.rules) == 0 {
		return nil
	}
	path = NormalPath(path)
	name, _, _ := strings.Cut(path, "?")
	ending := strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	var found *mediaRule
	for i := range m.rules {
		r := &m.rules[i]
		if found != nil && (r.pattern.Octets() < found.pattern.Octets() || r.pattern.Octets() == found.pattern.Octets() && !r.allow) {
			continue
		}
		if r.extension != "" && r.extension == ending || r.extension == "" && r.pattern.Matches(path) {
			found = r
		}
	}
	if found == nil || found.allow {
		return nil
	}
	return Wishes{{Word: AITxt, Source: fmt.Sprintf("ai.txt line %d", found.line.Number), Value: found.line.Text}}
}
