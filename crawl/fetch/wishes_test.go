package fetch

import (
	"image/color"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
)

// A picture's host says in files of its own what it asks for; the row tells
// which of them said what, whether it is obeyed or not.
func TestWishesOfThePicturesHost(t *testing.T) {
	picture := pngOf(t, 128, 96, color.NRGBA{R: 50})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			http.NotFound(w, r)
		case optout.AITxtPath:
			io.WriteString(w, "User-Agent: *\nDisallow: /art/*.png\n")
		case optout.TDMRepPath:
			io.WriteString(w, `[{"location":"/art/","tdm-reservation":1}]`)
		default:
			w.Write(picture)
		}
	}))
	defer s.Close()
	const from = "tdm-reservation: tdmrep.json: location /art/: 1\nai.txt: ai.txt line 2: Disallow: /art/*.png"
	for _, tt := range []struct {
		name, path     string
		respect        []string
		status, detail string
		words, from    string
	}{
		{"free", "/free.png", gate.Wishes(), "", "", "", ""},
		{"the first is obeyed", "/art/a.png", gate.Wishes(), OptOut, "tdm-reservation: tdmrep.json: location /art/: 1", "ai.txt,tdm-reservation", from},
		{"only one is", "/art/a.png", []string{optout.AITxt}, OptOut, "ai.txt: ai.txt line 2: Disallow: /art/*.png", "ai.txt,tdm-reservation", from},
		{"none is, and all are recorded", "/art/a.png", nil, "", "", "ai.txt,tdm-reservation", from},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFetcher(t, 1, func(o *gate.Options) { o.Policies, o.Respect = true, tt.respect })
			row := fetchAll(t, f, s.URL+tt.path)[0]
			if row.Status != tt.status || row.Detail != tt.detail || row.OptOut != tt.words || row.OptOutFrom != tt.from {
				t.Errorf("%q (%s), %q from %q; want %q (%s), %q from %q", row.Status, row.Detail, row.OptOut, row.OptOutFrom, tt.status, tt.detail, tt.words, tt.from)
			}
			if (len(row.Bytes) == 0) != (tt.status != "") {
				t.Errorf("%d bytes kept, status %q", len(row.Bytes), row.Status)
			}
		})
	}
}
