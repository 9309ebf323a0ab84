package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// crawlOf is a crawl of a small site: a home and two pages. before is called for
// each page.
func crawlOf(t *testing.T, before func(path string)) Crawl {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/", "/a", "/b":
			before(r.URL.Path)
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<img src=/i.jpg alt='picture of %s'><a href=/a><a href=/b>", r.URL.Path)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return Crawl{
		Dir:     t.TempDir(),
		Options: crawl.Options{Seeds: []string{s.URL + "/"}, Scope: "host", MaxHops: 3, Workers: 1, Attempts: 1, RevisitAfter: 48 * time.Hour, PartCandidates: 10},
		Gate: gate.Options{Contact: "mailto:test@example.org", UserAgent: "pairloom", AllowAddresses: []string{"127.0.0.1"}, ConnectionsPerHost: 1,
			DialTimeout: time.Hour, HeaderTimeout: time.Hour, TotalTimeout: time.Hour, MaxPageBytes: 1 << 16, RobotsMaxBytes: 1 << 12, RobotsTTL: time.Hour},
		Now: func() time.Time { return time.Unix(1_700_000_000, 0) },
	}
}

// A crawl that is stopped says what is kept, and leaves candidates to the stages
// behind it.
func TestStoppedCrawl(t *testing.T) {
	ctx, stop := context.WithCancelCause(context.Background())
	c := crawlOf(t, func(path string) {
		if path != "/" {
			stop(ErrTerminated)
		}
	})
	s := c.Stage()
	out, err := s.Run(ctx, func(int64, int64) {})
	var stopped *StoppedError
	if !errors.As(err, &stopped) || err.Error() != "terminated; 2 of 3 pages are kept; run again to go on" || out.Tally.Kept != 2 {
		t.Errorf("%v, %+v", err, out)
	}
	if rows := rowsOf[shard.Candidate](t, c.Dir, s.Folder); len(rows) != 2 {
		t.Errorf("%d candidates, want 2", len(rows))
	}
	if why, err := s.Stale(); why != "1 pages are due" || err != nil {
		t.Errorf("stale: %q, %v", why, err)
	}
	if out, err = s.Run(context.Background(), func(int64, int64) {}); err != nil || out.Tally.Kept != 3 {
		t.Errorf("%+v, %v", out, err)
	}
	if why, err := s.Stale(); why != "" || err != nil {
		t.Errorf("stale in the end: %q, %v", why, err)
	}
}

// The stage is stale when it would find pages to ask for: those due by the clock,
// those whose server was down, and those that a setting refused that has changed.
func TestStaleCrawl(t *testing.T) {
	var down atomic.Bool
	c := crawlOf(t, func(string) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
	})
	run := func() int64 {
		t.Helper()
		s := c.Stage()
		out, err := s.Run(context.Background(), func(int64, int64) {})
		if err != nil {
			t.Fatal(err)
		}
		return out.Tally.Kept
	}
	stale := func(want string) {
		t.Helper()
		s := c.Stage()
		if why, err := s.Stale(); why != want || err != nil {
			t.Errorf("stale: %q, %v; want %q", why, err, want)
		}
	}
	stale("it is not finished")
	down.Store(true)
	run()
	stale("1 pages are due")
	down.Store(false)
	if kept := run(); kept != 3 {
		t.Errorf("%d pages kept", kept)
	}
	stale("")
	now := c.Now()
	c.Now = func() time.Time { return now.Add(48 * time.Hour) }
	stale("3 pages are due")
	run()
	stale("")
	c.Gate.AllowAddresses = nil
	c.Options.RevisitAfter = 0
	if kept := run(); kept != 0 {
		t.Errorf("%d pages kept while the address is refused", kept)
	}
	c.Options.RevisitAfter = 1000 * time.Hour
	c.Gate.AllowAddresses = []string{"127.0.0.1"}
	stale("its settings changed")
	if kept := run(); kept != 3 {
		t.Errorf("%d pages kept once the address is allowed", kept)
	}
	stale("")
}
