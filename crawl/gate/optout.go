package gate

import (
	"net/http"
	"strings"

	"github.com/pairloom/pairloom/crawl/optout"
)

// RespectRobots is the word of Options.Respect for Allow and Disallow of
// robots.txt; the others are those of package optout.
const RespectRobots = "robots"

// Wishes lists the words that Options.Respect may hold.
func Wishes() []string { return append([]string{RespectRobots}, optout.Words()...) }

// wishHeader carries what a site's files say of a path from RoundTrip to Judge, a
// wish a line. What a server sends under this name is removed.
const wishHeader = "Pairloom-Wish"

// wishField ends the word and the place of a wish in a wishHeader; the fields of
// a wish hold no such octet.
const wishField = "\x1f"

// carry puts what the site's files say into the response.
func (w siteWishes) carry(h http.Header) {
	delete(h, wishHeader)
	if optout.ReservationStated(h) {
		w.reserved = nil
	}
	for _, list := range []optout.Wishes{w.robots, w.reserved, w.media} {
		for _, wish := range list {
			h[wishHeader] = append(h[wishHeader], wish.Word+wishField+wish.Source+wishField+wish.Value)
		}
	}
}

// answered are the wishes of a response with these headers, which came through a
// gate, whether they hold already or not: its X-Robots-Tag, tdm-reservation and
// Content-Usage, and what the site's robots.txt, tdmrep.json and (for a picture)
// ai.txt say of its URL.
func (g *Gate) answered(h http.Header) optout.Wishes {
	w := optout.Headers(h, g.opts.UserAgent)
	for _, line := range h[wishHeader] {
		if f := strings.Split(line, wishField); len(f) == 3 {
			w = append(w, optout.Wish{Word: f[0], Source: f[1], Value: f[2]})
		}
	}
	return w
}
