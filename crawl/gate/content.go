package gate

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pairloom/pairloom/crawl/optout"
)

// Decode undoes the content codings that the headers name, while it is read. known
// is false for a coding that is not read; without a coding, body is returned as it
// is. An error of bytes that are not of their coding has the reason BadEncoding.
func Decode(h http.Header, body io.ReadCloser) (decoded io.ReadCloser, known bool) {
	coding := contentCoding(h)
	if coding == "" {
		return body, true
	}
	return undo(body, coding)
}

// A Verdict is what wishes come to.
type Verdict struct {
	Words  string      // of all that hold, as records have them
	From   string      // where these stood, a line each
	Wish   optout.Wish // the first that is obeyed
	Obeyed bool        // there is one
	// Later is when the next wish begins to hold that does not yet; zero for none.
	Later time.Time
}

// Judge decides what wishes come to at that time where the words of respect are
// obeyed: those of a page or picture itself, then those of its answer and its
// site's files. It decides for pages and pictures, live or from an archive.
func Judge(respect []string, now time.Time, own, answer optout.Wishes) Verdict {
	if len(own) == 0 && len(answer) == 0 {
		return Verdict{}
	}
	all := slices.Concat(own, answer)
	hold := all.At(now)
	v := Verdict{Words: hold.Words(), From: hold.From()}
	for _, w := range all {
		if w.After.After(now) && (v.Later.IsZero() || w.After.Before(v.Later)) {
			v.Later = w.After
		}
	}
	if i := slices.IndexFunc(hold, func(w optout.Wish) bool { return slices.Contains(respect, w.Word) }); i >= 0 {
		v.Wish, v.Obeyed = hold[i], true
	}
	return v
}

// Judge is [Judge] for a response with these headers, which came through the gate,
// and the wishes of what it carried, by the gate's own settings.
func (g *Gate) Judge(now time.Time, own optout.Wishes, h http.Header) Verdict {
	return Judge(g.opts.Respect, now, own, g.answered(h))
}

// Site is where the rules of u's robots.txt hold: scheme, host and port in one
// spelling.
func Site(u *url.URL) string { return u.Scheme + "://" + hostKey(u) }

// PathOf is what robots.txt speaks of: u's path and query as the request line has
// them.
func PathOf(u *url.URL) string { return requestPath(u) }
