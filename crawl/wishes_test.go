package crawl

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
)

// Whatever a site says of a page, in the page, in its answer or in the site's
// files, is told with each candidate of the page, and where it stood.
func TestWishesOfAPage(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/robots.txt":
			io.WriteString(w, "User-agent: *\nContent-Usage: /old/ train-ai=n\n")
		case optout.AITxtPath:
			io.WriteString(w, "Disallow: /") // of pictures, not of pages
		case optout.TDMRepPath:
			io.WriteString(w, `[{"location":"/new/","tdm-reservation":1}]`)
		default:
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("X-Robots-Tag", "otherbot: noai, pairloom: noimageai")
			io.WriteString(w, `<meta name=robots content="noindex, unavailable_after: 2999-01-01"><img src=a.png alt="A fox">`)
		}
	}))
	defer s.Close()
	for _, tt := range []struct {
		name, path string
		respect    []string
		reason     string
		rule       string
		from       string
	}{
		{"all are obeyed", "/new/a", gate.Wishes(), OptedOut, "noindex: meta robots: noindex",
			"noindex: meta robots: noindex\nnoimageai: X-Robots-Tag: pairloom: noimageai\ntdm-reservation: tdmrep.json: location /new/: 1"},
		{"one is obeyed", "/old/a", []string{optout.ContentUsage}, OptedOut, "content-usage: robots.txt line 2: Content-Usage: /old/ train-ai=n",
			"noindex: meta robots: noindex\nnoimageai: X-Robots-Tag: pairloom: noimageai\ncontent-usage: robots.txt line 2: Content-Usage: /old/ train-ai=n"},
		{"none is", "/a", nil, "", "", "noindex: meta robots: noindex\nnoimageai: X-Robots-Tag: pairloom: noimageai"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := gateOptions()
			o.Policies, o.Respect = true, tt.respect
			g, err := gate.New(o, "1.0")
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			scope, err := newScope(options(s.URL+"/"), []string{s.URL + "/"})
			if err != nil {
				t.Fatal(err)
			}
			r, _ := newVisitor(t.Context(), &crawler{gate: g, scope: scope, o: Options{Attempts: 1}, now: clock}).visit(frontier.Lease{URL: s.URL + tt.path})
			if r.Reason != tt.reason || r.Rule != tt.rule {
				t.Errorf("%q (%s), want %q (%s)", r.Reason, r.Rule, tt.reason, tt.rule)
			}
			if len(r.Candidates) != 1 || r.Candidates[0].OptOutFrom != tt.from {
				t.Errorf("candidates %+v, want one with\n%s", r.Candidates, tt.from)
			}
		})
	}
}

// A page is judged again when the files of wishes are asked for from now on, or
// no longer.
func TestPoliciesSwitched(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case optout.TDMRepPath:
			io.WriteString(w, `[{"location":"/","tdm-reservation":1}]`)
		case "/":
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, `<img src=a.png alt="A fox">`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	dir := t.TempDir()
	for i, policies := range []bool{false, true, false} {
		g := gateOptions()
		g.Policies = policies
		var out strings.Builder
		if _, err := runWith(t.Context(), dir, options(s.URL+"/"), g, &out, clock); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "A fox"); got == policies {
			t.Errorf("run %d, gate.policies = %v: the page has candidates: %v", i, policies, got)
		}
	}
}
