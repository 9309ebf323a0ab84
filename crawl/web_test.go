package crawl

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// web is a host with the pages that a test gives it; others answer 404.
type web struct {
	*httptest.Server
	mu      sync.Mutex
	pages   map[string]string // path and query -> body; "-> x" redirects
	headers map[string]http.Header
	before  func(path string)     // called for each request; may block
	status  func(path string) int // of an answer without a body; 0 for the page
	asked   []string              // in order
}

// newWeb listens on an address of loopback such as 127.0.0.2.
func newWeb(t *testing.T, address string) *web {
	t.Helper()
	w := &web{pages: map[string]string{}, headers: map[string]http.Header{}}
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewUnstartedServer(w)
	w.Server.Listener.Close()
	w.Server.Listener = l
	w.Start()
	t.Cleanup(w.Close)
	return w
}

func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	path := r.URL.RequestURI()
	w.mu.Lock()
	body, ok := w.pages[path]
	before, status := w.before, w.status
	w.asked = append(w.asked, path)
	for name, values := range w.headers[path] {
		out.Header()[name] = values
	}
	w.mu.Unlock()
	if before != nil {
		before(path)
	}
	if status != nil {
		if code := status(path); code != 0 {
			out.WriteHeader(code)
			return
		}
	}
	if to, redirect := strings.CutPrefix(body, "-> "); redirect {
		http.Redirect(out, r, to, http.StatusFound)
		return
	}
	if !ok {
		http.NotFound(out, r)
		return
	}
	if out.Header().Get("Content-Type") == "" {
		out.Header().Set("Content-Type", "text/html")
	}
	fmt.Fprint(out, body)
}

// hook has f called for each request; it may block.
func (w *web) hook(f func(path string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = f
}

// answer has f give the status of each answer.
func (w *web) answer(f func(path string) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = f
}

// set changes a page; "" takes it away.
func (w *web) set(path, body string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pages[path] = body; body == "" {
		delete(w.pages, path)
	}
}

func (w *web) header(path, name, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.headers[path] == nil {
		w.headers[path] = http.Header{}
	}
	w.headers[path].Set(name, value)
}

// take returns what was asked for since the last call, sorted, but for robots.txt
// and other files of wishes.
func (w *web) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := slices.DeleteFunc(w.asked, func(path string) bool { return path == "/robots.txt" || strings.HasPrefix(path, "/.well-known/") })
	w.asked = nil
	slices.Sort(asked)
	return strings.Join(asked, " ")
}

// crawling is a folder that is crawled again and again.
type crawling struct {
	t       *testing.T
	dir     string
	options Options
	manners gate.Options
	now     time.Time
	score   func(string) int64
	texts   []string // of all candidates, in order
}

func newCrawling(t *testing.T, seeds ...string) *crawling {
	o := options(seeds[0])
	o.Seeds, o.Sitemaps, o.Steer = seeds, true, true
	m := gateOptions()
	m.AllowAddresses = []string{"127.0.0.0/8"}
	return &crawling{t: t, dir: t.TempDir(), options: o, manners: m, now: clock()}
}

// run crawls once.
func (c *crawling) run() *Result {
	c.t.Helper()
	r, err := c.runWithin(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *crawling) runWithin(ctx context.Context) (*Result, error) {
	c.t.Helper()
	g, err := gate.New(c.manners, "1.0")
	if err != nil {
		c.t.Fatal(err)
	}
	defer g.Close()
	return Run(ctx, Job{Dir: c.dir, Options: c.options, Gate: g, Manners: c.manners, Now: func() time.Time { return c.now }, Score: c.score,
		Write: func(_ *shard.Tally, rows iter.Seq2[shard.Candidate, error]) error {
			c.texts = nil
			for row, err := range rows {
				if err != nil {
					return err
				}
				c.texts = append(c.texts, row.Text)
			}
			return nil
		}})
}

// reason is why a page is not kept.
func (c *crawling) reason(address string) string {
	c.t.Helper()
	r, ok, err := Explain(c.dir, address)
	if err != nil || !ok {
		c.t.Fatalf("explain %s: %v, %v", address, ok, err)
	}
	return r.Reason
}

// img is a page with a picture of that text, and links to others.
func img(text string, links ...string) string {
	b := &strings.Builder{}
	w := bufio.NewWriter(b)
	fmt.Fprintf(w, "<img src=/i.png alt=%q>", text)
	for _, l := range links {
		fmt.Fprintf(w, "<a href=%q>link</a>", l)
	}
	w.Flush()
	return b.String()
}
