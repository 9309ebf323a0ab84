package gate

import (
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/pairloom/pairloom/crawl/optout"
)

// Decode undoes the content coding that the headers name, while it is read. known
// is false for a coding that is not read; without a coding, body is returned as it
// is. An error of bytes that are not of their coding has the reason BadEncoding.
func Decode(h http.Header, body io.ReadCloser) (decoded io.ReadCloser, known bool) {
	coding := contentCoding(h)
	if coding == "" {
		return body, true
	}
	open := decoder(coding)
	if open == nil {
		return body, false
	}
	return newDecodedBody(body, open), true
}

// Obeyed returns the first wish whose word is among those that are respected. It
// decides for pages and pictures, live or from an archive.
func Obeyed(respect []string, w optout.Wishes) (optout.Wish, bool) {
	i := slices.IndexFunc(w, func(wish optout.Wish) bool { return slices.Contains(respect, wish.Word) })
	if i < 0 {
		return optout.Wish{}, false
	}
	return w[i], true
}

// Site is where the rules of u's robots.txt hold: scheme, host and port in one
// spelling.
func Site(u *url.URL) string { return u.Scheme + "://" + hostKey(u) }

// PathOf is what robots.txt speaks of: u's path and query as the request line has
// them.
func PathOf(u *url.URL) string { return requestPath(u) }
