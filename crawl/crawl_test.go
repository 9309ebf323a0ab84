package crawl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// childEnv makes the test binary a crawler that can be killed: its value is the
// folder, the seed, the number of workers and the budget of pages, one a line; a
// fifth line has it keep the pages as WARC files.
const childEnv = "PAIRLOOM_TEST_CRAWL"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		part := strings.Split(job, "\n")
		workers, _ := strconv.Atoi(part[2])
		o := options(part[1])
		o.Workers = workers
		o.MaxPages, _ = strconv.ParseInt(part[3], 10, 64)
		o.WARC = len(part) > 4
		if _, err := run(context.Background(), part[0], o, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func options(seed string) Options {
	return Options{Seeds: []string{seed}, Scope: "host", MaxHops: 6, Workers: 4, Attempts: 2, RevisitAfter: time.Hour, PartCandidates: 10, MaxPerHost: 1000}
}

// ample is longer than any machine takes: a test that hangs is ended by go
// test's own limit.
const ample = time.Hour

func gateOptions() gate.Options {
	return gate.Options{
		Contact: "mailto:test@example.org", UserAgent: "pairloom", AllowAddresses: []string{"127.0.0.1"},
		Respect: gate.Wishes(), MaxDelay: 50 * time.Millisecond, ConnectionsPerHost: 1,
		DialTimeout: ample, HeaderTimeout: ample, TotalTimeout: ample,
		MaxRedirects: 3, MaxPageBytes: 1 << 16, MaxPictureBytes: 1 << 16, RobotsMaxBytes: 1 << 12,
		RobotsTTL: time.Hour, Retries: 1,
	}
}

// clock is a fixed time, so that two crawls are equal to the byte.
func clock() time.Time { return time.Unix(1_700_000_000, 0) }

// run crawls and writes the candidates to out, one a line.
func run(ctx context.Context, dir string, o Options, out io.Writer) (*shard.Tally, error) {
	return runAt(ctx, dir, o, out, clock)
}

func runAt(ctx context.Context, dir string, o Options, out io.Writer, now func() time.Time) (*shard.Tally, error) {
	return runWith(ctx, dir, o, gateOptions(), out, now)
}

func runWith(ctx context.Context, dir string, o Options, gates gate.Options, out io.Writer, now func() time.Time) (*shard.Tally, error) {
	g, err := gate.New(gates, "1.0")
	if err != nil {
		return nil, err
	}
	defer g.Close()
	sink := func(_ *shard.Tally, rows iter.Seq2[shard.Candidate, error]) error {
		w := bufio.NewWriter(out)
		for c, err := range rows {
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%+v\n", c)
		}
		return w.Flush()
	}
	r, err := Run(ctx, Job{Dir: dir, Options: o, Gate: g, Manners: gates, Now: now, Write: sink, Progress: func(done, total int64) {
		if done > total {
			panic("more done than there is")
		}
	}})
	if r == nil {
		return nil, err
	}
	return r.Tally, err
}

// want is the account of the whole site.
func want() map[string]int64 {
	return map[string]int64{
		gate.RobotsDisallowed: 1, "http_404": 1, gate.ConnectionReset: 2, gate.RedirectLoop: 3,
		Redirected: 4, gate.TooManyRedirects: 1, OutOfScope: 1, OptedOut: 1, NotHTML: 2, TrapSession: 1, TrapRepeat: 1,
		TrapCalendar: 1, TrapURLLength: 1, TrapDepth: 1, "http_204": 1, "http_500": 1,
	}
}

func TestCrawl(t *testing.T) {
	s := newSite(t)
	var first string
	for _, workers := range []int{1, 2, 8} {
		dir := t.TempDir()
		o := options(s.URL)
		o.Workers = workers
		var out strings.Builder
		tally, err := run(context.Background(), dir, o, &out)
		if err != nil {
			t.Fatal(err)
		}
		if err := tally.Check(); err != nil {
			t.Error(err)
		}
		// Home, p/1 to p/63, noise, moved-here, endless, flaky, changing.
		if tally.Kept != 69 || !maps.Equal(tally.Dropped, want()) {
			t.Errorf("%d workers: kept %d, dropped %v; want 69 and %v", workers, tally.Kept, tally.Dropped, want())
		}
		if n := int64(strings.Count(out.String(), "\n")); n != tally.Out {
			t.Errorf("%d workers: %d candidates written, %d in the tally", workers, n, tally.Out)
		}
		if strings.Contains(out.String(), "never") || strings.Contains(out.String(), "mine") {
			t.Error("a page that opted out has candidates")
		}
		if first == "" {
			first = out.String()
		}
		if out.String() != first {
			t.Errorf("%d workers give other candidates than 1", workers)
		}
	}
}

// TestTimeout has a page that never answers. The limit grows until the site's
// robots.txt keeps it, however slow the machine is.
func TestTimeout(t *testing.T) {
	s := newSite(t)
	s.hangs.Store(true)
	g := gateOptions()
	for g.HeaderTimeout = 50 * time.Millisecond; ; g.HeaderTimeout *= 2 {
		tally, err := runWith(context.Background(), t.TempDir(), options(s.URL+"/hang"), g, io.Discard, clock)
		if err != nil {
			t.Fatal(err)
		}
		if tally.Dropped[gate.RobotsUnreachable] > 0 {
			continue
		}
		if !maps.Equal(tally.Dropped, map[string]int64{gate.Timeout: 1}) || tally.Kept != 0 {
			t.Errorf("%+v, want one page dropped as %s", tally, gate.Timeout)
		}
		return
	}
}

// asked is the number of pages that requests were made for; those that are
// not_html are left out, as most of them are known by their name.
func asked(t *shard.Tally) int64 {
	n := t.In - t.Dropped[NotHTML]
	for _, reason := range []string{HostCap, TrapSession, TrapRepeat, TrapCalendar, TrapURLLength, TrapDepth} {
		n -= t.Dropped[reason]
	}
	return n
}

func TestBudgetCutsAtTheSamePlace(t *testing.T) {
	s := newSite(t)
	for _, budget := range []int64{1, 7, 30} {
		var first string
		for _, workers := range []int{1, 8} {
			o := options(s.URL)
			o.Workers, o.MaxPages = workers, budget
			dir := t.TempDir()
			var out strings.Builder
			tally, err := run(context.Background(), dir, o, &out)
			if err != nil {
				t.Fatal(err)
			}
			if n := asked(tally); n > budget || n < budget-1 { // text is not_html, and was asked for
				t.Errorf("budget %d: %d pages asked for", budget, n)
			}
			if first == "" {
				first = out.String()
			}
			if out.String() != first {
				t.Errorf("budget %d: 8 workers give other candidates than 1", budget)
			}
			if budget == 7 {
				continue
			}
			// The next run goes on where the budget ended.
			o.MaxPages = 0
			tally, err = run(context.Background(), dir, o, io.Discard)
			if err != nil || tally.Kept != 69 {
				t.Errorf("budget %d, then none: %+v, %v", budget, tally, err)
			}
		}
	}
}

func TestHostCap(t *testing.T) {
	s := newSite(t)
	o := options(s.URL)
	o.MaxPerHost = 5
	tally, err := run(context.Background(), t.TempDir(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if n := asked(tally); tally.Dropped["max_per_host"] == 0 || n > 5 || n < 4 {
		t.Errorf("%d pages asked for with a cap of 5: %+v", n, tally)
	}
}

func TestCancelAndGoOn(t *testing.T) {
	s := newSite(t)
	var whole strings.Builder
	if _, err := run(context.Background(), t.TempDir(), options(s.URL), &whole); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, after := range []int64{1, 2, 9, 30} {
		ctx, cancel := context.WithCancel(context.Background())
		start := s.requests.Load()
		notify := func(n int64) {
			if n == start+after {
				cancel()
			}
		}
		s.notify.Store(&notify)
		var out strings.Builder
		_, err := run(ctx, dir, options(s.URL), &out)
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled after %d: error %v", after, err)
		}
		// What is in hand is written, and the run is not over.
		c, err := State(dir)
		if n := int64(strings.Count(out.String(), "\n")); err != nil || !c.Running || n != c.Candidates {
			t.Fatalf("cancelled after %d: %d candidates written, %+v, %v", after, n, c, err)
		}
	}
	s.notify.Store(nil)
	var out strings.Builder
	tally, err := run(context.Background(), dir, options(s.URL), &out)
	if err != nil || tally.Kept != 69 {
		t.Fatalf("%+v, %v", tally, err)
	}
	if out.String() != whole.String() {
		t.Error("a crawl that was cancelled four times gives other candidates")
	}
}

// TestKill kills the crawler with SIGKILL at several requests, then lets it
// finish; a budget holds over all of it.
func TestKill(t *testing.T) {
	s := newSite(t)
	for _, budget := range []int64{0, 40} {
		o := options(s.URL)
		o.MaxPages = budget
		var whole strings.Builder
		if _, err := run(context.Background(), t.TempDir(), o, &whole); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		child := func(out io.Writer) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%s\n4\n%d", childEnv, dir, s.URL, budget))
			cmd.Stdout, cmd.Stderr = out, os.Stderr
			return cmd
		}
		// Less in all than the budget, so that no crawler comes to its end.
		for _, after := range []int64{1, 3, 10, 17} {
			if killed, err := s.killAfter(t, child(io.Discard), after); !killed {
				t.Fatalf("the crawler ended before request %d: %v", after, err)
			}
		}
		var out strings.Builder
		if err := child(&out).Run(); err != nil {
			t.Fatal(err)
		}
		if out.String() != whole.String() {
			t.Errorf("budget %d: a crawl that was killed four times gives other candidates", budget)
		}
	}
}

func TestRevisit(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	at := clock()
	crawl := func() string {
		t.Helper()
		var out strings.Builder
		if _, err := runAt(context.Background(), dir, options(s.URL), &out, func() time.Time { return at }); err != nil {
			t.Fatal(err)
		}
		i := strings.Index(out.String(), "Text:version")
		if i < 0 {
			return ""
		}
		return out.String()[i+len("Text:") : i+len("Text:version 0")]
	}
	if got := crawl(); got != "version 0" {
		t.Fatalf("first run: %q", got)
	}
	before := s.requests.Load()
	s.version.Store(1)
	at = at.Add(time.Minute)
	if got := crawl(); got != "version 0" || s.cached.Load() != 0 {
		t.Errorf("not due: %q after %d conditional requests", got, s.cached.Load())
	}
	// Only robots.txt and what failed in passing are asked for, each a few
	// times, but none of the 69 pages.
	if n := s.requests.Load() - before; n > 30 {
		t.Errorf("not due: %d requests", n)
	}
	// What failed in passing, /hang, /reset and /error, is due at any time.
	if n, err := Due(dir, at, options(s.URL)); err != nil || n != 3 {
		t.Errorf("%d pages due, want those that failed in passing; %v", n, err)
	}
	at = at.Add(2 * time.Hour)
	if n, err := Due(dir, at, options(s.URL)); err != nil || n < 69 {
		t.Errorf("%d pages due, want all that were read; %v", n, err)
	}
	if got := crawl(); got != "version 1" || s.cached.Load() != 1 {
		t.Errorf("due and changed: %q after %d conditional requests", got, s.cached.Load())
	}
	at = at.Add(2 * time.Hour)
	if got := crawl(); got != "version 1" || s.cached.Load() != 2 {
		t.Errorf("due and unchanged: %q after %d conditional requests", got, s.cached.Load())
	}
	at = at.Add(2 * time.Hour)
	s.down.Store(true)
	if got := crawl(); got != "version 1" {
		t.Errorf("due and out of reach: %q, want the copy at hand", got)
	}
}

func TestChangedScope(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	o := options(s.URL)
	o.MaxHops = 1
	tally, err := run(context.Background(), dir, o, io.Discard)
	if err != nil || tally.Dropped[TrapHops] == 0 || tally.Kept >= 69 {
		t.Fatalf("%+v, %v", tally, err)
	}
	tally, err = run(context.Background(), dir, options(s.URL), io.Discard)
	if err != nil || tally.Kept != 69 || tally.Dropped[TrapHops] != 0 {
		t.Fatalf("after max_hops was raised: %+v, %v", tally, err)
	}
	o = options(s.URL + "/p/9")
	o.Hosts = []string{"example.org"}
	if tally, err = run(context.Background(), dir, o, io.Discard); err != nil || tally.Kept != 69 {
		t.Fatalf("another seed: %+v, %v", tally, err)
	}
}

func TestExplain(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	if _, err := State(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("State of an empty folder: %v", err)
	}
	if _, err := run(context.Background(), dir, options(s.URL), io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, reason, rule string }{
		{"/", "", ""},
		{"", "", ""},
		{"/private/x", gate.RobotsDisallowed, "robots.txt line 2: Disallow: /private"},
		{"/missing", "http_404", "Not Found"},
		{"/moved", Redirected, "/moved-here"},
		{"/text", NotHTML, "text/plain"},
		{"/photo.jpg#x", NotHTML, ".jpg"},
		{"/noai", OptedOut, "noai"},
		{"/endless", "", "max_page_bytes"},
		{"/calendar/2026/01", TrapCalendar, "calendar/2026"},
	} {
		r, ok, err := Explain(dir, s.URL+tt.path)
		if err != nil || !ok || r.State != "decided" || r.Reason != tt.reason || !strings.Contains(r.Rule, tt.rule) {
			t.Errorf("%s: %+v, %v, %v; want %q (%s)", tt.path, r, ok, err, tt.reason, tt.rule)
		}
	}
	if r, ok, err := Explain(dir, "http://elsewhere.example/"); !ok || err != nil || r.State != "unknown" || r.Reason != OutOfScope {
		t.Errorf("out of scope: %+v, %v, %v", r, ok, err)
	}
	if _, ok, err := Explain(dir, s.URL+"/never-linked"); ok || err != nil {
		t.Errorf("never linked: known %v, error %v", ok, err)
	}
	c, err := State(dir)
	if err != nil || c.Kept != 69 || c.Pending != 0 || c.Hosts != 1 || c.Running {
		t.Errorf("State = %+v, %v", c, err)
	}
}

func TestDamagedFrontier(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(File(dir), []byte(strings.Repeat("no database at all ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := run(context.Background(), dir, options("http://127.0.0.1/"), io.Discard)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "crawl.db")) || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("error %v, want the file's name and the cure", err)
	}
}

// Frames and refreshes lead on like links: within scope, robots.txt and hops.
func TestFramesAndRefreshes(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		hops    int
		want    []string
		reasons map[string]int64
	}{
		{6, []string{"in an inner page", "in the last page"}, map[string]int64{gate.RobotsDisallowed: 1}},
		{2, []string{"in an inner page"}, map[string]int64{gate.RobotsDisallowed: 1, TrapHops: 1}},
	} {
		dir := t.TempDir()
		o := options(s.URL + "/frames")
		o.MaxHops = tt.hops
		var out strings.Builder
		tally, err := run(context.Background(), dir, o, &out)
		if err != nil || !maps.Equal(tally.Dropped, tt.reasons) || tally.Out != int64(len(tt.want)) {
			t.Errorf("%d hops: %+v, %v; want %d candidates, dropped %v", tt.hops, tally, err, len(tt.want), tt.reasons)
		}
		for _, text := range tt.want {
			if !strings.Contains(out.String(), "Text:"+text) {
				t.Errorf("%d hops: no candidate %q", tt.hops, text)
			}
		}
	}
}

// Sites that want to see their cookie come back are read, and no cookie
// outlives its chain of redirects.
func TestCookieWalls(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	o := options(s.URL)
	o.Seeds = []string{s.URL + "/wall", s.URL + "/gate", s.URL + "/welcome", s.URL + "/counter"}
	o.MaxHops = 1
	g := gateOptions()
	g.MaxRedirects = 5
	var out strings.Builder
	if _, err := runWith(context.Background(), dir, o, g, &out, clock); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"behind the wall", "brought 0 cookies", "past the gate"} {
		if strings.Count(out.String(), "Text:"+text) != 1 {
			t.Errorf("no candidate %q in\n%s", text, out.String())
		}
	}
	for path, want := range map[string]string{"/wall": "", "/echo": "", "/gate": "", "/welcome": Redirected, "/counter": gate.RedirectLoop} {
		if r, ok, err := Explain(dir, s.URL+path); err != nil || !ok || r.Reason != want {
			t.Errorf("%s: %+v, %v, %v; want reason %q", path, r, ok, err, want)
		}
	}
}

// TestHostsTakeTurns crawls three hosts with one worker: while one host rests,
// the others are asked.
func TestHostsTakeTurns(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	var seeds []string
	for n := 2; n <= 4; n++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:0", n))
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked = append(asked, r.Host)
			mu.Unlock()
			if r.URL.Path == "/robots.txt" {
				http.NotFound(w, r)
				return
			}
			fmt.Fprint(w, "<html><img src=/a.png alt=a>")
		}))
		s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
		for p := range 5 {
			seeds = append(seeds, fmt.Sprintf("%s/%d", s.URL, p))
		}
	}
	g := gateOptions()
	g.AllowAddresses, g.Delay = []string{"127.0.0.0/8"}, 60*time.Millisecond
	o := options(seeds[0])
	o.Seeds, o.Workers = seeds, 1
	tally, err := runWith(context.Background(), t.TempDir(), o, g, io.Discard, clock)
	if err != nil || tally.Kept != 15 {
		t.Fatalf("%+v, %v", tally, err)
	}
	row := 0
	for i := 1; i < len(asked); i++ {
		if asked[i] != asked[i-1] {
			row = 0
		} else if row++; row > 2 { // robots.txt, its page, and one more
			t.Fatalf("one host was asked %d times in a row: %v", row+1, asked)
		}
	}
}

// TestDuration stops taking pages when the time is up, and counts as done. The
// site has more pages than fit into it, at their delay.
func TestDuration(t *testing.T) {
	s := newSite(t)
	o := options(s.URL + "/p/1")
	o.MaxDuration, o.Workers = 200*time.Millisecond, 1
	g := gateOptions()
	g.Delay = 100 * time.Millisecond
	dir := t.TempDir()
	var out strings.Builder
	if _, err := runWith(context.Background(), dir, o, g, &out, clock); err != nil {
		t.Fatal(err)
	}
	c, err := State(dir)
	if err != nil || c.Running || c.Pending == 0 {
		t.Errorf("%+v, %v: want a finished run with pages left", c, err)
	}
	if n := int64(strings.Count(out.String(), "\n")); n != c.Candidates {
		t.Errorf("%d candidates written, %d known", n, c.Candidates)
	}
}
