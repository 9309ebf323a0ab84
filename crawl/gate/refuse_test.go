package gate

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRefuse holds that what is refused is never asked for: not itself, not where a
// redirect leads to it, and not the robots.txt of its host.
func TestRefuse(t *testing.T) {
	var asked atomic.Int64
	refused := serve(t, map[string]http.HandlerFunc{"/": func(http.ResponseWriter, *http.Request) { asked.Add(1) }, "/robots.txt": func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "none", http.StatusNotFound)
	}})
	site := serve(t, map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("a page")) },
		"/away": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, refused.URL+"/", http.StatusFound)
		},
	})
	g := newGate(t, quick())
	g.Refuse(func(address string) (string, bool) { return "by hand", strings.HasPrefix(address, refused.URL) })
	for _, tt := range []struct {
		address string
		refused bool
	}{
		{site.URL + "/", false}, {refused.URL + "/", true}, {site.URL + "/away", true},
	} {
		req, err := http.NewRequest(http.MethodGet, tt.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := g.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		var refusal *Refusal
		if got := errors.As(err, &refusal) && refusal.Reason == Refused && refusal.Rule == "by hand"; got != tt.refused {
			t.Errorf("%s: %v", tt.address, err)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the refused host was asked %d times", n)
	}
}
