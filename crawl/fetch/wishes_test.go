package fetch

import (
	"image/color"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
)

// A picture's host says in files of its own what it asks for; the row tells
// which of them said what, whether it is obeyed or not.
func TestWishesOfThePicturesHost(t *testing.T) {
	picture := pngOf(t, 128, 96, color.NRGBA{R: 50})
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			io.WriteString(w, "User-agent: *\nContent-Signal: /signed/ ai-train=no\n")
		case optout.AITxtPath:
			io.WriteString(w, "User-Agent: *\nDisallow: /art/*.png\n")
		case optout.TDMRepPath:
			io.WriteString(w, `[{"location":"/art/","tdm-reservation":1}]`)
		default:
			asked.Add(1)
			w.Write(picture)
		}
	}))
	defer s.Close()
	const (
		reserved = "tdm-reservation: tdmrep.json: location /art/: 1"
		media    = "ai.txt: ai.txt line 2: Disallow: /art/*.png"
		signal   = "content-signal: robots.txt line 2: Content-Signal: /signed/ ai-train=no"
	)
	for _, tt := range []struct {
		name, path     string
		respect        []string
		status, detail string
		words, from    string
		asked          int64 // for pictures, so far
	}{
		{"free", "/free.png", gate.Wishes(), "", "", "", "", 1},
		{"no need to ask", "/art/a.png", gate.Wishes(), OptOut, media, "ai.txt", media, 1},
		{"nor for a file of wishes", "/signed/a.png", gate.Wishes(), OptOut, signal, "content-signal", signal, 1},
		{"its answer might say otherwise", "/art/a.png", []string{optout.TDMReservation}, OptOut, reserved, "ai.txt,tdm-reservation", reserved + "\n" + media, 2},
		{"none is obeyed, and all are recorded", "/art/a.png", nil, "", "", "ai.txt,tdm-reservation", reserved + "\n" + media, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFetcher(t, 1, func(o *gate.Options) { o.Policies, o.Respect = true, tt.respect })
			row := fetchAll(t, f, s.URL+tt.path)[0]
			if row.Status != tt.status || row.Detail != tt.detail || row.OptOut != tt.words || row.OptOutFrom != tt.from {
				t.Errorf("%q (%s), %q from %q; want %q (%s), %q from %q", row.Status, row.Detail, row.OptOut, row.OptOutFrom, tt.status, tt.detail, tt.words, tt.from)
			}
			if asked.Load() != tt.asked {
				t.Errorf("%d pictures were asked for, want %d", asked.Load(), tt.asked)
			}
			if (len(row.Bytes) == 0) != (tt.status != "") {
				t.Errorf("%d bytes kept, status %q", len(row.Bytes), row.Status)
			}
		})
	}
}
