package gate

import (
	"net/http"
	"slices"
	"strings"
)

// robotsOptOutHeader carries the verdict of robots.txt from RoundTrip to
// OptOut. What a server sends under this name is removed first.
const robotsOptOutHeader = "Pairloom-Robots-Opt-Out"

// verdicts is a small set of words of Wishes.
type verdicts []string

func (v *verdicts) add(word string) {
	if word != "" && !slices.Contains(*v, word) {
		*v = append(*v, word)
	}
}

func (v verdicts) String() string {
	slices.Sort(v)
	return strings.Join(v, ",")
}

// OptOut reads what a response's headers say to the agent with that product
// token: X-Robots-Tag, tdm-reservation, Content-Usage, and what robots.txt said
// of the same URL. It returns "" or words of Wishes, sorted and joined by
// commas.
func OptOut(h http.Header, token string) string {
	var v verdicts
	for _, line := range h.Values("X-Robots-Tag") {
		for _, word := range RobotsDirectives(line, token) {
			v.add(directiveVerdict(word))
		}
	}
	if strings.TrimSpace(h.Get("Tdm-Reservation")) == "1" {
		v.add(TDMReservation)
	}
	for _, line := range h.Values("Content-Usage") {
		if deny, _ := trainingDenied(line); deny {
			v.add(ContentUsage)
		}
	}
	for word := range strings.SplitSeq(h.Get(robotsOptOutHeader), ",") {
		v.add(word)
	}
	return v.String()
}

// RobotsDirectives splits an X-Robots-Tag or meta robots value into its words
// in lower case. A value that starts with another agent's name has none.
func RobotsDirectives(line, token string) []string {
	var words []string
	for i, word := range strings.Split(line, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		if name, rest, found := strings.Cut(word, ":"); found {
			switch name = strings.TrimSpace(name); {
			case name == "unavailable_after", strings.HasPrefix(name, "max-"):
				continue
			case name != "*" && name != strings.ToLower(token):
				if i == 0 {
					return nil
				}
				return words // an agent's name further on opens a list of its own
			}
			word = strings.TrimSpace(rest)
		}
		if word != "" {
			words = append(words, word)
		}
	}
	return words
}

// JoinOptOut unites verdicts.
func JoinOptOut(parts ...string) string {
	var v verdicts
	for _, p := range parts {
		for word := range strings.SplitSeq(p, ",") {
			v.add(word)
		}
	}
	return v.String()
}

func directiveVerdict(word string) string {
	switch word {
	case NoIndex, "none":
		return NoIndex
	case NoImageIndex, NoAI, NoImageAI:
		return word
	}
	return ""
}
