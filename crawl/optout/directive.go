package optout

import (
	"net/http"
	"strings"
	"time"
)

// Where a wish stood.
const (
	FromRobotsTag   = "X-Robots-Tag"
	FromMetaRobots  = "meta robots"
	FromTDMHeader   = "tdm-reservation header"
	FromTDMMeta     = "meta tdm-reservation"
	FromTDMRep      = "tdmrep.json"
	FromUsageHeader = "Content-Usage header"
)

// Headers are the wishes in a response's headers that concern the agent with
// that product token: X-Robots-Tag, tdm-reservation and Content-Usage. Those
// with a date are wishes only from then on: see At.
func Headers(h http.Header, token string) Wishes {
	var w Wishes
	for _, line := range h.Values("X-Robots-Tag") {
		w = w.directives(robotsTag(line, token), FromRobotsTag)
	}
	if ReservationStated(h) && strings.TrimSpace(h.Get("Tdm-Reservation")) == "1" {
		w = append(w, Wish{Word: TDMReservation, Source: FromTDMHeader, Value: reservation(h.Get("Tdm-Policy"))})
	}
	usage := strings.Join(h.Values("Content-Usage"), ", ")
	if denied, _ := Training(usage); denied {
		w = append(w, Wish{Word: ContentUsage, Source: FromUsageHeader, Value: oneLine(usage)})
	}
	return w
}

// ReservationStated tells whether a response's headers say anything, 0 or 1, of
// its reservation: then tdmrep.json does not count for it.
func ReservationStated(h http.Header) bool {
	value := strings.TrimSpace(h.Get("Tdm-Reservation"))
	return value == "0" || value == "1"
}

// NoFollow tells whether the headers ask that a page's links be left alone.
func NoFollow(h http.Header, token string) bool {
	for _, line := range h.Values("X-Robots-Tag") {
		if noFollow(robotsTag(line, token)) {
			return true
		}
	}
	return false
}

// Meta are the wishes of a page's meta element with that name and content, and
// whether it asks that the page's links be left alone. Names of other agents
// have none.
func Meta(name, content, token string) (wishes Wishes, nofollow bool) {
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case "robots", strings.ToLower(token):
		list := metaRobots(content)
		return wishes.directives(list, FromMetaRobots), noFollow(list)
	case TDMReservation:
		if strings.TrimSpace(content) == "1" {
			wishes = Wishes{{Word: TDMReservation, Source: FromTDMMeta, Value: "1"}}
		}
	}
	return wishes, false
}

// reservation is the value of a wish of TDMRep.
func reservation(policy string) string {
	if policy = oneLine(policy); policy != "" {
		return "1, tdm-policy: " + policy
	}
	return "1"
}

// directive is one item of a list of directives.
type directive struct {
	word string    // lower case
	date time.Time // of unavailable_after
	text string    // as it stood
}

func (w Wishes) directives(list []directive, source string) Wishes {
	for _, d := range list {
		word := d.word
		switch word {
		case "none":
			word = NoIndex
		case NoIndex, NoImageIndex, NoAI, NoImageAI, UnavailableAfter:
		default:
			continue
		}
		w = append(w, Wish{Word: word, Source: source, Value: oneLine(d.text), After: d.date})
	}
	return w
}

func noFollow(list []directive) bool {
	for _, d := range list {
		if d.word == "nofollow" || d.word == "none" {
			return true
		}
	}
	return false
}

// robotsTag reads an X-Robots-Tag. An agent's name goes before what is asked of
// it, and holds up to the next name: "otherbot: noindex, noai, pairloom: none".
func robotsTag(line, token string) []directive {
	var list []directive
	ours, agent := true, ""
	for items := strings.Split(line, ","); len(items) > 0; items = items[1:] {
		item := strings.TrimSpace(items[0])
		name, rest, named := strings.Cut(item, ":")
		if named && !valued(name) {
			agent = strings.TrimSpace(name)
			ours = agent == "*" || strings.EqualFold(ProductToken(agent), token)
			item = strings.TrimSpace(rest)
		}
		d, more := readDirective(item, items[1:])
		items = items[more:]
		if ours && d.word != "" {
			if agent != "" {
				d.text = agent + ": " + d.text
			}
			list = append(list, d)
		}
	}
	return list
}

// metaRobots reads the content of a meta element, where commas are often left
// out.
func metaRobots(content string) []directive {
	var list []directive
	for items := strings.Split(content, ","); len(items) > 0; items = items[1:] {
		item := strings.TrimSpace(items[0])
		if !strings.Contains(item, ":") {
			for word := range strings.FieldsSeq(item) {
				list = append(list, directive{word: strings.ToLower(word), text: word})
			}
			continue
		}
		d, more := readDirective(item, items[1:])
		items = items[more:]
		list = append(list, d)
	}
	return list
}

// valued tells whether a name before a colon is that of a directive with a value
// and not an agent's.
func valued(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	return name == UnavailableAfter || strings.HasPrefix(name, "max-")
}

// readDirective reads one item; more is the number of the following ones that
// belong to it, since some dates hold commas. A date that cannot be read is no
// wish: there is no telling from when it would be one.
func readDirective(item string, following []string) (d directive, more int) {
	name, value, _ := strings.Cut(item, ":")
	if !strings.EqualFold(strings.TrimSpace(name), UnavailableAfter) {
		return directive{word: strings.ToLower(item), text: item}, 0
	}
	for {
		if date, ok := parseDate(value); ok {
			return directive{UnavailableAfter, date, UnavailableAfter + ": " + strings.TrimSpace(value)}, more
		}
		if more == len(following) || more == 2 {
			return directive{}, 0
		}
		value += "," + following[more]
		more++
	}
}
