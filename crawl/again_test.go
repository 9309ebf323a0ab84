package crawl

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/gate"
)

// What a setting refused is asked for by the next run once that setting has
// changed, and by none before.
func TestChangedSettings(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  func(*crawling)
		reason string // of /x at first; "" for kept
		change func(*crawling)
		asked  string // by the run after the change
		then   string // reason after it
	}{
		{"an address is allowed", func(c *crawling) { c.manners.AllowAddresses = nil }, gate.AddressRefused,
			func(c *crawling) { c.manners.AllowAddresses = []string{"127.0.0.1"} }, "/ /cut /long /mine /secret /wide/1 /wide/2 /x", ""},
		{"robots.txt is no longer obeyed", func(c *crawling) {}, "",
			func(c *crawling) {
				c.manners.Respect = slices.DeleteFunc(gate.Wishes(), func(w string) bool { return w == gate.RespectRobots })
			}, "/mine /secret", ""},
		{"robots.txt is obeyed from now on", func(c *crawling) { c.manners.Respect = nil }, "",
			func(c *crawling) { c.manners.Respect = []string{gate.RespectRobots} }, "/ /cut /mine /wide/3 /x", ""},
		{"a wish is no longer obeyed", func(c *crawling) {}, "",
			func(c *crawling) { c.manners.Respect = []string{gate.RespectRobots} }, "/mine", ""},
		{"a wish is obeyed from now on", func(c *crawling) { c.manners.Respect = []string{gate.RespectRobots} }, "",
			func(c *crawling) { c.manners.Respect = gate.Wishes() }, "/mine", ""},
		{"more redirects", func(c *crawling) { c.manners.MaxRedirects = 1 }, "",
			func(c *crawling) { c.manners.MaxRedirects = 3 }, "/wide/2 /wide/3", ""},
		{"longer pages", func(c *crawling) { c.manners.MaxPageBytes = 250 }, "",
			func(c *crawling) { c.manners.MaxPageBytes = 1 << 16 }, "/cut", ""},
		{"more pages a host", func(c *crawling) { c.options.MaxPerHost = 1 }, HostCap,
			func(c *crawling) { c.options.MaxPerHost = 100 }, "/cut /long /mine /wide/1 /wide/2 /wide/3 /x", ""},
		{"more hops", func(c *crawling) { c.options.MaxHops = 0 }, TrapHops,
			func(c *crawling) { c.options.MaxHops = 9 }, "/cut /long /mine /wide/1 /wide/2 /wide/3 /x", ""},
		{"something else", func(c *crawling) {}, "",
			func(c *crawling) {
				c.options.Workers, c.manners.Retries, c.options.PartCandidates = 3, 2, 7
			}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWeb(t, "127.0.0.1")
			w.set("/robots.txt", "User-agent: *\nDisallow: /secret")
			w.set("/", img("home", "/secret", "/mine", "/long", "/cut", "/x", "/wide/1"))
			for _, p := range []string{"/secret", "/mine", "/x", "/wide/3"} {
				w.set(p, img(p))
			}
			w.header("/mine", "X-Robots-Tag", "noai")
			w.set("/long", "-> /gone")
			w.set("/wide/1", "-> /wide/2")
			w.set("/wide/2", "-> /wide/3")
			w.set("/cut", strings.Repeat(" ", 300)+img("cut"))
			// Which pages are asked for again is listed; whether a page is gone is not.
			asked := func() string {
				return strings.Join(slices.DeleteFunc(strings.Fields(w.take()), func(p string) bool { return p == "/gone" }), " ")
			}
			c := newCrawling(t, w.URL+"/")
			tt.first(c)
			c.run()
			address := w.URL + "/x"
			if tt.reason == gate.AddressRefused { // nothing else is known
				address = w.URL + "/"
			}
			if got := c.reason(address); got != tt.reason {
				t.Fatalf("%s at first: %q, want %q", address, got, tt.reason)
			}
			asked()
			c.run()
			if got := asked(); got != "" {
				t.Errorf("with nothing changed: asked for %s", got)
			}
			tt.change(c)
			c.run()
			got := asked()
			if tt.name == "an address is allowed" { // the whole site is new
				got = strings.ReplaceAll(got, "/wide/3 ", "")
				got = strings.Replace(got, "/mine", "/mine /secret", 1)
			}
			if got != tt.asked {
				t.Errorf("after the change: asked for %s, want %s", got, tt.asked)
			}
			if got := c.reason(w.URL + "/x"); got != tt.then {
				t.Errorf("/x after the change: %q, want %q", got, tt.then)
			}
			c.run()
			if got := asked(); got != "" {
				t.Errorf("with nothing changed since: asked for %s", got)
			}
		})
	}
}

// A server that was down is asked by the next run, whenever that is.
func TestServerThatWasDown(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/", img("home"))
	w.hook(func(string) { panic(http.ErrAbortHandler) })
	c := newCrawling(t, w.URL+"/")
	if r := c.run(); r.Tally.Kept != 0 {
		t.Fatalf("%+v", r.Tally)
	}
	if n, err := Due(c.dir, c.now, c.options); err != nil || n != 1 {
		t.Errorf("%d pages due, %v", n, err)
	}
	w.hook(nil)
	if r := c.run(); r.Tally.Kept != 1 {
		t.Errorf("%+v", r.Tally)
	}
	if n, err := Due(c.dir, c.now, c.options); err != nil || n != 0 {
		t.Errorf("%d pages due, %v", n, err)
	}
}

// A page that is not there for a night, the seed too, is read again, as soon as it is
// due or a page leads to it; one that is gone for good is asked for ever more rarely.
func TestGoneForANight(t *testing.T) {
	for _, tt := range []struct {
		name   string
		absent []string
		days   []int  // of runs after the night
		asked  string // by the last of them
	}{
		{"all of it", []string{"/", "/a", "/b"}, []int{30, 54, 78}, "/ /a /b"},
		{"the seed", []string{"/"}, []int{54}, "/"},
		{"a page that the seed leads to", []string{"/a"}, []int{72}, "/ /a /b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWeb(t, "127.0.0.1")
			site := map[string]string{"/": img("home", "/a", "/b"), "/a": img("a"), "/b": img("b")}
			put := func() {
				for path, body := range site {
					w.set(path, body)
				}
			}
			put()
			c := newCrawling(t, w.URL+"/")
			c.options.RevisitAfter = 30 * day
			c.run()
			for _, path := range tt.absent {
				w.set(path, "")
			}
			c.now = clock().Add(30 * day)
			if r := c.run(); r.Tally.Dropped["http_404"] != int64(len(tt.absent)) {
				t.Fatalf("%+v in the night", r.Tally)
			}
			put()
			for _, d := range tt.days {
				c.now = clock().Add(time.Duration(d) * day)
				c.run()
			}
			slices.Sort(c.texts)
			if got := strings.Join(c.texts, " "); got != "a b home" {
				t.Errorf("candidates %s on day %d", got, tt.days[len(tt.days)-1])
			}
		})
	}
}

// A server that is down is told of with what it was that could not be refreshed, for
// as long as it is.
func TestNotRefreshed(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/", img("home", "/cut"))
	w.set("/cut", img("cut")+strings.Repeat(" ", 300))
	c := newCrawling(t, w.URL+"/")
	c.manners.MaxPageBytes = 200
	down := func(string) { panic(http.ErrAbortHandler) }
	for _, tt := range []struct {
		name  string
		after time.Duration
		hook  func(string)
		want  map[string]int64
	}{
		{"read", 0, nil, map[string]int64{}},
		{"down", 100 * day, down, map[string]int64{gate.RobotsUnreachable: 2}},
		{"down still", day, down, map[string]int64{gate.RobotsUnreachable: 2}},
		{"up again", day, nil, map[string]int64{}},
	} {
		w.hook(tt.hook)
		c.now = c.now.Add(tt.after)
		if r := c.run(); !maps.Equal(r.NotRefreshed, tt.want) || r.Tally.Kept != 2 {
			t.Errorf("%s: not refreshed %v of %+v, want %v", tt.name, r.NotRefreshed, r.Tally, tt.want)
		}
	}
}

// A host that asks to be left alone for long is asked once in a run, whatever pages
// are left there, and by the next one for those.
func TestBusyHost(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/", img("home", "/a", "/b", "/c"))
	busy := http.StatusTooManyRequests
	for _, p := range []string{"/a", "/b", "/c"} {
		w.set(p, img(p))
		w.header(p, "Retry-After", "100000")
	}
	w.answer(func(path string) int {
		if path == "/" || path == "/robots.txt" {
			return 0
		}
		return busy
	})
	c := newCrawling(t, w.URL+"/")
	r := c.run()
	if asked := strings.Fields(w.take()); len(asked) != 2 || r.Tally.Dropped[gate.HostBusy] != 3 {
		t.Errorf("asked for %v, %+v; want the first page and one more", asked, r.Tally)
	}
	w.answer(nil)
	if r = c.run(); r.Tally.Kept != 4 {
		t.Errorf("the next run: %+v", r.Tally)
	}
}

// TestPace visits a site when something is due, for a year: a page that changes each time is
// asked for every day in the end, one that never does every 90 days, as one that is
// not there.
func TestPace(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/", img("home", "/gone"))
	for _, tt := range []struct {
		name    string
		change  bool
		after   time.Duration
		visits  []int // days between visits to page
		another int
		page    string
	}{
		{"changes", true, 5 * day, []int{5, 4, 4, 3, 3, 2, 2, 2, 1, 1, 1}, 1, "/"},
		{"never changes", false, 30 * day, []int{30, 42, 59, 83, 90}, 90, "/"},
		{"is not there", false, 30 * day, []int{30, 42, 59, 83, 90}, 90, "/gone"},
		{"the bounds give way to revisit_after", false, 100 * day, []int{100, 100, 100}, 100, "/"},
		{"revisit_after 0", false, 0, []int{1, 1, 1, 1}, 1, "/"},
	} {
		c := newCrawling(t, w.URL+"/")
		c.options.RevisitAfter = tt.after
		c.run()
		w.take()
		var visits []int
		last := 0
		for d := 1; d <= 365 && len(visits) < 15; d++ {
			c.now = clock().Add(time.Duration(d) * day)
			if n, err := Due(c.dir, c.now, c.options); err != nil {
				t.Fatal(err)
			} else if n == 0 {
				continue
			}
			if tt.change {
				w.set("/", img("home "+strconv.Itoa(d), "/gone"))
			}
			c.run()
			asked := strings.Fields(w.take())
			for _, path := range asked {
				if path != "/" && path != "/gone" || len(asked) > 2 {
					t.Fatalf("%s, day %d: asked for %s", tt.name, d, asked)
				}
			}
			if slices.Contains(asked, tt.page) {
				visits = append(visits, d-last)
				last = d
			}
		}
		n := min(len(visits), len(tt.visits))
		if !slices.Equal(visits[:n], tt.visits) || slices.ContainsFunc(visits[n:], func(d int) bool { return d != tt.another }) {
			t.Errorf("%s: visits after %v days, want %v and then every %d", tt.name, visits, tt.visits, tt.another)
		}
	}
}

func TestBudgetsSayWhatIsLeft(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	var links []string
	for n := range 20 {
		links = append(links, fmt.Sprintf("/%d", n))
		w.set(links[n], img(links[n])+strings.Repeat(" ", 1000))
	}
	w.set("/", img("home", links...))
	for _, tt := range []struct {
		name   string
		budget func(*Options)
		spent  string
		asked  func(r *Result) bool
	}{
		{"none", func(*Options) {}, "", func(r *Result) bool { return r.Asked == 21 && r.Left == 0 }},
		{"pages", func(o *Options) { o.MaxPages = 5 }, "crawl.max_pages", func(r *Result) bool { return r.Asked == 5 && r.Left == 16 }},
		{"just enough pages", func(o *Options) { o.MaxPages = 21 }, "", func(r *Result) bool { return r.Asked == 21 && r.Left == 0 }},
		// Pages under way come in: one with one worker.
		{"bytes", func(o *Options) { o.MaxBytes, o.Workers = 5000, 1 }, "crawl.max_bytes", func(r *Result) bool { return r.Bytes >= 5000 && r.Bytes < 7000 && r.Left > 10 }},
	} {
		c := newCrawling(t, w.URL+"/")
		tt.budget(&c.options)
		r := c.run()
		if r.Spent != tt.spent || !tt.asked(r) || r.Known != 21 {
			t.Errorf("%s: %+v, want spent %q", tt.name, r, tt.spent)
		}
		for range 6 {
			r = c.run()
		}
		if r.Left != 0 || r.Spent != "" || r.Tally.Kept != 21 {
			t.Errorf("%s, seven runs: %+v of %+v", tt.name, r, r.Tally)
		}
	}
}

// A page under way when max_duration is over has a tenth of it to come in.
func TestDurationIsHard(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/", img("home"))
	release := make(chan struct{})
	w.hook(func(path string) {
		if path == "/" {
			<-release
		}
	})
	defer close(release)
	c := newCrawling(t, w.URL+"/")
	c.options.MaxDuration = 50 * time.Millisecond
	r := c.run() // the test's own limit tells if it waits for the page
	if r.Spent != "crawl.max_duration" || r.Left != 1 || r.Tally.In != 0 {
		t.Errorf("%+v of %+v", r, r.Tally)
	}
}

// Whoever stops a crawl gets the candidates of what is known.
func TestStopLeavesCandidates(t *testing.T) {
	w := newWeb(t, "127.0.0.1")
	w.set("/", img("home", "/a", "/b"))
	w.set("/a", img("a"))
	w.set("/b", img("b"))
	why := errors.New("terminated")
	ctx, stop := context.WithCancelCause(context.Background())
	w.hook(func(path string) {
		if path == "/a" || path == "/b" {
			stop(why)
		}
	})
	c := newCrawling(t, w.URL+"/")
	c.options.Workers = 1
	r, err := c.runWithin(ctx)
	if !errors.Is(err, why) || len(c.texts) != 2 || r.Known != 3 || r.Left != 1 {
		t.Errorf("%v, candidates %v, %+v", err, c.texts, r)
	}
	w.hook(nil)
	w.take()
	if c.run(); len(c.texts) != 3 || len(strings.Fields(w.take())) != 1 {
		t.Errorf("candidates %v in the end, or more than the third page was asked for", c.texts)
	}
}
