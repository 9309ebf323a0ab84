package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/optout"
)

// handClock stands still until it is moved on, by hand or by a sleep.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func newHandClock() *handClock {
	return &handClock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func (c *handClock) Sleep(ctx context.Context, d time.Duration) error {
	c.move(d)
	return ctx.Err()
}

// ask gives the wishes of one response.
func ask(t *testing.T, g *Gate, kind Kind, address string) optout.Wishes {
	t.Helper()
	req, err := http.NewRequestWithContext(WithKind(t.Context(), kind), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := g.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return g.answered(resp.Header).At(g.clock.Now())
}

func TestWishesOfAResponse(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{
		"/robots.txt": text("User-agent: *\nDisallow: /closed\nContent-Signal: search=yes, ai-train=no\nContent-Usage: /free train-ai=y\nContent-Usage: train-ai=n\n"),
		"/.well-known/tdmrep.json": text(`[{"location":"/free/","tdm-reservation":0},
			{"location":"/","tdm-reservation":1,"tdm-policy":"https://example.org/p"}]`),
		"/ai.txt": text("User-Agent: *\nDisallow: *.jpg\n"),
		"/":       func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(wishHeader, "noai: forged") },
		"/open.jpg": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Tdm-Reservation", "0")
			w.Header().Set("X-Robots-Tag", "unavailable_after: 2026-01-01, noai")
		},
		"/later.jpg": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Robots-Tag", "unavailable_after: 2026-01-03")
		},
	})
	const (
		signal   = "content-signal: robots.txt line 3: Content-Signal: search=yes, ai-train=no"
		usage    = "content-usage: robots.txt line 5: Content-Usage: train-ai=n"
		reserved = "tdm-reservation: tdmrep.json: location /: 1, tdm-policy: https://example.org/p"
		media    = "ai.txt: ai.txt line 2: Disallow: *.jpg"
	)
	for _, tt := range []struct {
		name, path string
		kind       Kind
		policies   bool
		want       []string
	}{
		{"a page", "/a", Page, true, []string{signal, usage, reserved}},
		{"a picture", "/a.jpg", Picture, true, []string{signal, usage, reserved, media}},
		{"a page with a picture's name", "/a.jpg", Page, true, []string{signal, usage, reserved}},
		{"the longest rule, the first location", "/free/a.png", Picture, true, []string{signal}},
		{"a header goes before the file", "/open.jpg", Picture, true, []string{
			"unavailable_after: X-Robots-Tag: unavailable_after: 2026-01-01", "noai: X-Robots-Tag: noai", signal, usage, media}},
		{"a date that has not come", "/later.jpg", Page, true, []string{signal, usage, reserved}},
		{"files are not asked for", "/a.jpg", Picture, false, []string{signal, usage}},
		{"a sitemap", "/a", Sitemap, true, []string{signal, usage}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := quick()
			o.Policies, o.Clock, o.Respect = tt.policies, newHandClock(), []string{RespectRobots}
			if got := ask(t, newGate(t, o), tt.kind, s.URL+tt.path).From(); got != strings.Join(tt.want, "\n") {
				t.Errorf("%s\nwant\n%s", got, strings.Join(tt.want, "\n"))
			}
		})
	}
}

// What a site's files say against a picture is known before it is asked for, and
// obeyed then, on each hop of a redirect; a page is asked for all the same.
func TestOptedOutPicturesAreNotAskedFor(t *testing.T) {
	var asked atomic.Int64
	free := serve(t, map[string]http.HandlerFunc{"/moved": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	}})
	s := serve(t, map[string]http.HandlerFunc{
		"/robots.txt":              text("User-agent: *\nContent-Signal: /signed/ ai-train=no\nContent-Usage: /used/ train-ai=n"),
		"/ai.txt":                  text("Disallow: *.jpg\nDisallow: /signed/"),
		"/":                        func(http.ResponseWriter, *http.Request) { asked.Add(1) },
		"/.well-known/tdmrep.json": text(`[{"location":"/","tdm-reservation":1}]`),
	})
	moved := free.URL + "/moved?to=" + url.QueryEscape(s.URL)
	for _, tt := range []struct {
		address string
		kind    Kind
		respect []string
		want    string // the wishes that are told, or "" for an answer
	}{
		{s.URL + "/signed/a.png", Picture, Wishes(), "content-signal"},
		{s.URL + "/used/a.png", Picture, Wishes(), "content-usage"},
		{s.URL + "/a.jpg", Picture, Wishes(), "ai.txt"},
		{s.URL + "/signed/a.jpg", Picture, []string{optout.AITxt}, "ai.txt,content-signal"},
		{moved + "/a.jpg", Picture, Wishes(), "ai.txt"},
		{s.URL + "/a.png", Picture, Wishes(), ""}, // reserved, unless the answer says otherwise
		{s.URL + "/a.jpg", Picture, []string{optout.NoAI}, ""},
		{s.URL + "/signed/a.jpg", Page, Wishes(), ""},
		{s.URL + "/signed/map.xml", Sitemap, Wishes(), ""},
	} {
		o := quick()
		o.Policies, o.Respect = true, tt.respect
		before := asked.Load()
		_, _, err := get(newGate(t, o), tt.kind, tt.address)
		var refusal *Refusal
		got := ""
		if errors.As(err, &refusal) && refusal.Reason == OptOut {
			got = refusal.Wishes.Words()
		} else if err != nil {
			t.Error(err)
		}
		if got != tt.want || (asked.Load() == before) != (tt.want != "") {
			t.Errorf("%s, respecting %q: %q (%v), %d requests; want %q", tt.address, tt.respect, got, err, asked.Load()-before, tt.want)
		}
	}
}

// TestJudge: one decision for pages and pictures, live or from an archive.
func TestJudge(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	later := func(hours int, word string) optout.Wish {
		return optout.Wish{Word: word, Source: "s", Value: "v", After: now.Add(time.Duration(hours) * time.Hour)}
	}
	noai, file := optout.Wish{Word: optout.NoAI, Source: "meta robots", Value: "noai"}, optout.Wish{Word: optout.AITxt, Source: "ai.txt line 2", Value: "x"}
	const both = "noai: meta robots: noai\nai.txt: ai.txt line 2: x"
	for _, tt := range []struct {
		name        string
		respect     []string
		own, answer optout.Wishes
		want        Verdict
	}{
		{"nothing is asked for", Wishes(), nil, nil, Verdict{}},
		{"the first of all", Wishes(), optout.Wishes{noai}, optout.Wishes{file}, Verdict{"ai.txt,noai", both, noai, true, time.Time{}}},
		{"the first that is obeyed", []string{optout.AITxt, RespectRobots}, optout.Wishes{noai}, optout.Wishes{file}, Verdict{"ai.txt,noai", both, file, true, time.Time{}}},
		{"another is obeyed", []string{optout.NoIndex}, optout.Wishes{noai}, optout.Wishes{file}, Verdict{"ai.txt,noai", both, optout.Wish{}, false, time.Time{}}},
		{"none is", nil, optout.Wishes{noai}, nil, Verdict{"noai", noai.String(), optout.Wish{}, false, time.Time{}}},
		{"not yet", Wishes(), optout.Wishes{later(2, optout.UnavailableAfter)}, optout.Wishes{later(1, optout.UnavailableAfter)}, Verdict{Later: now.Add(time.Hour)}},
		{"by now", Wishes(), optout.Wishes{later(0, optout.UnavailableAfter), later(3, optout.NoAI)}, nil,
			Verdict{"unavailable_after", "unavailable_after: s: v", later(0, optout.UnavailableAfter), true, now.Add(3 * time.Hour)}},
	} {
		if got := Judge(tt.respect, now, tt.own, tt.answer); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// Each file is asked for once in its time, however many wait for it; an old copy
// stands in for one that cannot be read, but not for ever.
func TestPolicyFilesGrowOld(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	status := http.StatusOK
	s := serve(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path]++
		switch r.URL.Path {
		case "/.well-known/tdmrep.json", "/ai.txt":
			w.WriteHeader(status)
			if r.URL.Path == "/ai.txt" {
				io.WriteString(w, "Disallow: /")
			} else {
				io.WriteString(w, `[{"location":"/","tdm-reservation":1}]`)
			}
		case "/robots.txt":
			w.WriteHeader(http.StatusNotFound)
		}
	}})
	clock := newHandClock()
	o := quick()
	o.Policies, o.Clock, o.Retries, o.RobotsTTL = true, clock, 0, 24*time.Hour
	o.Respect = []string{RespectRobots}
	g := newGate(t, o)
	const both, none = "ai.txt,tdm-reservation", ""
	for _, tt := range []struct {
		name       string
		after      time.Duration
		status     int
		want       string
		tdmrep, ai int // asked for so far
	}{
		{"at first", 0, 200, both, 1, 1},
		{"within its time", 23 * time.Hour, 404, both, 1, 1},
		{"old, and gone", 2 * time.Hour, 404, none, 2, 2},
		{"within its time, gone", 23 * time.Hour, 200, none, 2, 2},
		{"back", 2 * time.Hour, 200, both, 3, 3},
		{"broken: the old copy", 25 * time.Hour, 503, both, 4, 4},
		{"not asked for again within the hour", 59 * time.Minute, 503, both, 4, 4},
		{"still broken", 2 * time.Minute, 429, both, 5, 5},
		{"broken for 30 days", 30 * 24 * time.Hour, 500, none, 6, 6},
		{"mended", 2 * time.Hour, 200, both, 7, 7},
	} {
		clock.move(tt.after)
		mu.Lock()
		status = tt.status
		mu.Unlock()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if got := ask(t, g, Picture, s.URL+"/a.jpg").Words(); got != tt.want {
					t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
				}
			})
		}
		wg.Wait()
		mu.Lock()
		if asked["/.well-known/tdmrep.json"] != tt.tdmrep || asked["/ai.txt"] != tt.ai {
			t.Errorf("%s: asked %v; want tdmrep.json %d times, ai.txt %d times", tt.name, asked, tt.tdmrep, tt.ai)
		}
		mu.Unlock()
	}
}

// What a site's robots.txt forbids is not asked for, these files included, and
// each request waits for the host's turn.
func TestPolicyFilesPassTheGate(t *testing.T) {
	var asked []string
	s := serve(t, map[string]http.HandlerFunc{
		"/robots.txt": text("User-agent: *\nDisallow: /.well-known/\nCrawl-delay: 7"),
		"/":           func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.Path) },
	})
	clock := newHandClock()
	o := quick()
	o.Policies, o.Clock, o.MaxDelay = true, clock, time.Minute
	g := newGate(t, o)
	begin := clock.Now()
	ask(t, g, Picture, s.URL+"/a.jpg")
	if want := []string{"/ai.txt", "/a.jpg"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	if took := clock.Now().Sub(begin); took != 14*time.Second {
		t.Errorf("three requests took %v of the clock, want 14s", took)
	}
	// A redirect to an address inside is refused, and is no file.
	inside := serve(t, map[string]http.HandlerFunc{"/.well-known/tdmrep.json": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
	}, "/": text("x")})
	if got := ask(t, g, Page, inside.URL+"/").Words(); got != "" {
		t.Errorf("wishes %q of a site without any", got)
	}
}

// robots.txt over its cap ends with its last whole line: half of one would be
// another rule.
func TestRobotsOverTheCap(t *testing.T) {
	const head = "User-agent: *\n"
	for _, tt := range []struct {
		name, file string
		most       int64
		want       string // what /a/b is
	}{
		{"within the cap", head + "Disallow: /a/b/c\n", 100, ""},
		{"as long as the cap", head + "Disallow: /a", int64(len(head)) + 12, RobotsDisallowed},
		{"cut within a rule", head + "Disallow: /a/b/c\n", int64(len(head)) + 12, ""},
		{"cut at its end", head + "Disallow: /a\nAllow: /a/b\n", int64(len(head)) + 12, RobotsDisallowed},
		{"cut after its end", head + "Disallow: /a\nAllow: /a/b\n", int64(len(head)) + 13, RobotsDisallowed},
		{"cut within the next", head + "Disallow: /a\rAllow: /a/b\n", int64(len(head)) + 13 + 10, RobotsDisallowed},
		{"one line and no end", "Disallow: /" + strings.Repeat("a", 100), 50, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{"/robots.txt": text(tt.file), "/": text("x")})
			o := quick()
			o.RobotsMaxBytes = tt.most
			_, _, err := get(newGate(t, o), Page, s.URL+"/a/b")
			if reason, rule := Reason(err); reason != tt.want {
				t.Errorf("%q (%s), want %q", reason, rule, tt.want)
			}
		})
	}
}

func TestSitemaps(t *testing.T) {
	var file atomic.Pointer[string]
	s := serve(t, map[string]http.HandlerFunc{"/robots.txt": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, *file.Load()) }})
	var many strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, "Sitemap: /s%d.xml\n", i)
	}
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"none", "User-agent: *\nDisallow: /", nil},
		{"in any group, each once", "Sitemap: https://a.org/1.xml\nUser-agent: otherbot\nSitemap: https://a.org/1.xml\nSITEMAP : /2.xml?x=1\nsite-map: //b.org/3.xml",
			[]string{"https://a.org/1.xml", s.URL + "/2.xml?x=1", "http://b.org/3.xml"}},
		{"no addresses", "Sitemap: ftp://a.org/\nSitemap:\nSitemap: http://a.org:99999/\nSitemap: https:// /\nSitemap: /" + strings.Repeat("x", 5000), nil},
	} {
		file.Store(&tt.file)
		u, err := url.Parse(s.URL + "/page")
		if err != nil {
			t.Fatal(err)
		}
		got, err := newGate(t, quick()).Sitemaps(t.Context(), u)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	if n := len(ParseRobots([]byte(many.String()), "pairloom").Sitemaps()); n != maxSitemaps {
		t.Errorf("%d sitemaps of 2,000, want %d", n, maxSitemaps)
	}
	if _, err := newGate(t, quick()).Sitemaps(t.Context(), &url.URL{Scheme: "http", Host: "10.0.0.1"}); err == nil {
		t.Error("no error for a host that may not be asked")
	}
}
