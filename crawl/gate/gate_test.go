package gate

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/crawl/optout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ample is longer than any machine takes: a test that hangs is ended by go
// test's own limit.
const ample = time.Hour

// quick are options for a server on loopback: short waits, and time limits that
// no answer runs into.
func quick() Options {
	return Options{
		Contact: "mailto:test@example.org", UserAgent: "pairloom", AllowAddresses: []string{"127.0.0.1"},
		Respect:  Wishes(),
		MaxDelay: 300 * time.Millisecond, ConnectionsPerHost: 1,
		DialTimeout: ample, HeaderTimeout: ample, TotalTimeout: ample,
		MaxRedirects: 5, MaxPageBytes: 1 << 16, MaxPictureBytes: 1 << 16, RobotsMaxBytes: 1 << 12,
		RobotsTTL: time.Hour, Retries: 2,
	}
}

func newGate(t *testing.T, o Options) *Gate {
	t.Helper()
	g, err := New(o, "1.0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// serve starts a site; paths not in it are 404, robots.txt included.
func serve(t *testing.T, paths map[string]http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for p, h := range paths {
		mux.HandleFunc(p, h)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, s) }
}

// get reads a URL to its end.
func get(g *Gate, kind Kind, url string) (status int, body string, err error) {
	return getWith(context.Background(), g, kind, url)
}

func getWith(ctx context.Context, g *Gate, kind Kind, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(WithKind(ctx, kind), http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := g.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func hijack(t *testing.T, then func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		then(c)
		c.Close()
	}
}

// encoded answers with bytes that are said to be of a content coding.
func encoded(coding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", coding)
		w.Write(body)
	}
}

func TestReasons(t *testing.T) {
	var bomb bytes.Buffer // a kilobyte that becomes a megabyte
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 1<<20))
	z.Close()
	s := serve(t, map[string]http.HandlerFunc{
		"/robots.txt": text("User-agent: *\nDisallow: /private\n"),
		"/private/a":  text("secret"),
		"/reset":      hijack(t, func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }),
		"/close":      hijack(t, func(net.Conn) {}),
		"/short":      hijack(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc") }),
		"/garbage":    hijack(t, func(c net.Conn) { io.WriteString(c, "\x00\x01\x02 nothing\r\n\r\n") }),
		"/loop":       func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) },
		"/long/":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) },
		"/to-private": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/private/a", http.StatusFound) },
		"/to-file": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "ftp://example.org/", http.StatusFound)
		},
		"/to-metadata": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		},
		"/busy": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		},
		"/compress": encoded("compress", []byte("x")),
		"/twice":    encoded("gzip, br", []byte("x")),
		"/badgzip":  encoded("gzip", []byte("not gzip at all")),
		"/endless": func(w http.ResponseWriter, r *http.Request) {
			for block := strings.Repeat("x", 4096); ; {
				if _, err := io.WriteString(w, block); err != nil {
					return
				}
			}
		},
		"/bomb": encoded("gzip", bomb.Bytes()),
		"/ok":   text("fine"),
	})
	for _, tt := range []struct{ path, reason, rule string }{
		{"/ok", "", ""},
		{"/private/a", RobotsDisallowed, "robots.txt line 2: Disallow: /private"},
		{"/reset", ConnectionReset, ""},
		{"/close", ConnectionReset, ""},
		{"/short", ConnectionReset, ""},
		{"/garbage", BadResponse, ""},
		{"/loop", RedirectLoop, ""},
		{"/long/", TooManyRedirects, "max_redirects"},
		{"/to-private", RobotsDisallowed, "line 2"},
		{"/to-file", SchemeRefused, "ftp"},
		{"/to-metadata", AddressRefused, "169.254.169.254"},
		{"/busy", HostBusy, "3600"},
		{"/compress", BadEncoding, "compress"},
		{"/twice", BadEncoding, "Content-Encoding"},
		{"/badgzip", BadEncoding, ""},
		{"/endless", TooLarge, ""},
		{"/bomb", TooLarge, ""},
	} {
		t.Run(strings.Trim(tt.path, "/"), func(t *testing.T) {
			t.Parallel()
			_, _, err := get(newGate(t, quick()), Picture, s.URL+tt.path)
			reason, rule := Reason(err)
			if reason != tt.reason || !strings.Contains(rule, tt.rule) {
				t.Errorf("got %q (%s) from %v, want %q (%s)", reason, rule, err, tt.reason, tt.rule)
			}
		})
	}
}

// cookieWall answers only clients that bring its cookie, and sends the others
// back once they have it.
func cookieWall(then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("seen"); err == nil && c.Value == "yes" {
			then(w, r)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes", Path: "/"})
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	}
}

func TestCookiesLiveForOneChain(t *testing.T) {
	var tries atomic.Int64
	s := serve(t, map[string]http.HandlerFunc{
		"/wall": func(w http.ResponseWriter, r *http.Request) { tries.Add(1); cookieWall(text("inside"))(w, r) },
		"/away": func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes", Path: "/away"})
			http.Redirect(w, r, "/echo", http.StatusFound)
		},
		"/echo": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "Cookie: "+r.Header.Get("Cookie")) },
		"/count": func(w http.ResponseWriter, r *http.Request) { // another cookie each time
			c, err := r.Cookie("n")
			if err != nil {
				c = &http.Cookie{Name: "n"}
			}
			c.Value += "x"
			http.SetCookie(w, c)
			http.Redirect(w, r, "/count", http.StatusFound)
		},
		"/same": func(w http.ResponseWriter, r *http.Request) { // the same cookie each time
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes"})
			http.Redirect(w, r, "/same", http.StatusFound)
		},
	})
	g := newGate(t, quick())
	for _, tt := range []struct{ path, body, reason string }{
		{"/wall", "inside", ""},
		{"/echo", "Cookie: ", ""},
		{"/away", "Cookie: ", ""}, // of another path
		{"/wall", "inside", ""},
		{"/count", "", TooManyRedirects},
		{"/same", "", RedirectLoop},
	} {
		_, body, err := get(g, Picture, s.URL+tt.path)
		if reason, rule := Reason(err); reason != tt.reason || body != tt.body {
			t.Errorf("%s: %q, %q (%s); want %q, %q", tt.path, body, reason, rule, tt.body, tt.reason)
		}
	}
	if n := tries.Load(); n != 4 {
		t.Errorf("the wall was asked %d times, want twice for each of two requests: no cookie outlives its chain", n)
	}
}

// Servers that never answer, or never end, run into the limits.
func TestTimeLimits(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{
		"/ok":   text("fine"),
		"/hang": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"/slow": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"/trickle": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, "x")
				w.(http.Flusher).Flush()
			}
		},
	})
	const short = 10 * time.Millisecond
	for _, tt := range []struct {
		name, path string
		limit      func(g *Gate)
	}{
		{"no headers", "/hang", func(g *Gate) { g.transport.ResponseHeaderTimeout = short }},
		{"no headers in all", "/hang", func(g *Gate) { g.opts.TotalTimeout = short }},
		{"no end", "/slow", func(g *Gate) { g.opts.TotalTimeout = short }},
		{"a byte at a time", "/trickle", func(g *Gate) { g.opts.TotalTimeout, g.opts.MaxPageBytes = short, 1<<40 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t, quick())
			// robots.txt is not what is timed.
			if _, _, err := get(g, Page, s.URL+"/ok"); err != nil {
				t.Fatal(err)
			}
			tt.limit(g)
			_, _, err := get(g, Page, s.URL+tt.path)
			if reason, rule := Reason(err); reason != Timeout {
				t.Errorf("got %q (%s), want %q", reason, rule, Timeout)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	for _, tt := range []struct{ name, url, reason string }{
		{"nobody listens", "http://" + closed + "/", RobotsUnreachable},
		{"unknown certificate", s.URL + "/", TLS},
		{"loopback by another name", "http://[::1]/", AddressRefused},
		{"private", "http://10.0.0.1/", AddressRefused},
		{"port", "http://1.1.1.1:8080/", PortRefused},
		{"v4 in v6", "http://[::ffff:10.0.0.1]/", AddressRefused},
		{"scheme", "file:///etc/passwd", SchemeRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := quick()
			o.Retries = 0
			_, _, err := get(newGate(t, o), Page, tt.url)
			if reason, rule := Reason(err); reason != tt.reason {
				t.Errorf("got %q (%s) from %v, want %q", reason, rule, err, tt.reason)
			}
		})
	}
}

func TestPageIsCutPictureIsNot(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{
		"/exact": text(strings.Repeat("x", 1<<16)),
		"/more": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			io.WriteString(w, strings.Repeat("x", 1<<16+1))
		},
	})
	g := newGate(t, quick())
	for _, tt := range []struct {
		path string
		kind Kind
		err  error
	}{{"/exact", Page, nil}, {"/more", Page, nil}, {"/exact", Picture, nil}, {"/more", Picture, ErrTooLarge}} {
		_, body, err := get(g, tt.kind, s.URL+tt.path)
		if !errors.Is(err, tt.err) || len(body) != 1<<16 {
			t.Errorf("%s as kind %d: %d bytes, error %v; want %d bytes, error %v", tt.path, tt.kind, len(body), err, 1<<16, tt.err)
		}
	}
}

func TestRobotsStatus(t *testing.T) {
	for _, tt := range []struct {
		name   string
		robots http.HandlerFunc
		reason string
	}{
		{"404 allows", http.NotFound, ""},
		{"403 allows", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, ""},
		{"429 forbids", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, RobotsUnreachable},
		{"503 forbids", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, RobotsUnreachable},
		{"broken off forbids", hijack(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nUser-") }), RobotsUnreachable},
		{"redirect is followed", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other.txt", http.StatusFound) }, RobotsDisallowed},
		{"endless redirect allows", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/robots.txt", http.StatusFound) }, ""},
		{"longer than the cap: its start counts", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "User-agent: *\nDisallow: /p\n"+strings.Repeat("#\n", 4096)+"Allow: /p\n")
		}, RobotsDisallowed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, map[string]http.HandlerFunc{
				"/robots.txt": tt.robots, "/page": text("x"),
				"/other.txt": text("User-agent: Pairloom\nDisallow: /p"),
			})
			o := quick()
			o.Retries, o.MaxDelay = 0, 10*time.Millisecond
			_, _, err := get(newGate(t, o), Page, s.URL+"/page")
			if reason, rule := Reason(err); reason != tt.reason {
				t.Errorf("got %q (%s), want %q", reason, rule, tt.reason)
			}
		})
	}
}

func TestRobotsAskedOnce(t *testing.T) {
	var asked atomic.Int64
	s := serve(t, map[string]http.HandlerFunc{
		"/robots.txt": func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			io.WriteString(w, "User-agent: *\nAllow: /")
		},
		"/page": text("x"),
	})
	g := newGate(t, quick())
	errs := make(chan error)
	for range 20 {
		go func() { _, _, err := get(g, Page, s.URL+"/page"); errs <- err }()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("robots.txt was asked for %d times, want 1", asked.Load())
	}
}

func TestRetries(t *testing.T) {
	var tries atomic.Int64
	s := serve(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		if tries.Add(1) < 3 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(503)
			return
		}
		fmt.Fprint(w, r.Header.Get("User-Agent"), r.Header.Get("Cookie"), r.Header.Get("Referer"))
	}})
	status, body, err := get(newGate(t, quick()), Page, s.URL+"/x")
	if err != nil || status != 200 || tries.Load() != 3 {
		t.Fatalf("status %d after %d tries, error %v", status, tries.Load(), err)
	}
	if want := "pairloom/1.0 (+mailto:test@example.org)"; body != want {
		t.Errorf("User-Agent %q, want %q", body, want)
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Options)
		want string
	}{
		{"good", func(*Options) {}, ""},
		{"no contact", func(o *Options) { o.Contact = "" }, "gate.contact is empty"},
		{"contact is no address", func(o *Options) { o.Contact = "me" }, "must start with"},
		{"header injection", func(o *Options) { o.Contact = "mailto:a\r\nX: y" }, "one line"},
		{"agent", func(o *Options) { o.UserAgent = "pair loom/2" }, "product token"},
		{"name allowed", func(o *Options) { o.AllowAddresses = []string{"localhost"} }, "no IP, CIDR or IP:port"},
		{"wish", func(o *Options) { o.Respect = []string{"nobody"} }, "gate.respect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := quick()
			tt.edit(&o)
			err := o.Validate()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Validate = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{"": -1, "soon": -1, "-1": -1, "0": 0, "7": 7 * time.Second,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2025 03:05:05 GMT": 0, "99999999999999999": (1 << 30) * time.Second} {
		d, ok := retryAfter(value, now)
		if !ok {
			d = -1
		}
		if d != want {
			t.Errorf("retryAfter(%q) = %v, want %v", value, d, want)
		}
	}
}

func TestRobotsNotRespected(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"/robots.txt": text("User-agent: *\nDisallow: /"), "/a": text("x")})
	o := quick()
	o.Respect = []string{optout.NoAI}
	if _, body, err := get(newGate(t, o), Page, s.URL+"/a"); err != nil || body != "x" {
		t.Errorf("%q, %v", body, err)
	}
}

// A server that fails once the rules are old leaves them in force, for 30 days;
// it is asked again each hour.
func TestStaleRobots(t *testing.T) {
	var broken atomic.Bool
	var asked atomic.Int64
	s := serve(t, map[string]http.HandlerFunc{
		"/robots.txt": func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			if broken.Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			io.WriteString(w, "User-agent: *\nDisallow: /no")
		},
		"/": text("x"),
	})
	clock := newHandClock()
	o := quick()
	o.Retries, o.RobotsTTL, o.Clock = 0, 24*time.Hour, clock
	g := newGate(t, o)
	const day = 24 * time.Hour
	for _, tt := range []struct {
		after   time.Duration
		broken  bool
		yes, no string
		asked   int64
	}{
		{0, false, "", RobotsDisallowed, 1},
		{day - time.Minute, true, "", RobotsDisallowed, 1},
		{2 * time.Minute, true, "", RobotsDisallowed, 2},
		{59 * time.Minute, true, "", RobotsDisallowed, 2},
		{2 * time.Minute, true, "", RobotsDisallowed, 3},
		{28 * day, true, "", RobotsDisallowed, 4},
		{2 * day, true, RobotsUnreachable, RobotsUnreachable, 5},
		{2 * time.Hour, false, "", RobotsDisallowed, 6},
	} {
		clock.move(tt.after)
		broken.Store(tt.broken)
		for path, want := range map[string]string{"/yes": tt.yes, "/no": tt.no} {
			_, _, err := get(g, Page, s.URL+path)
			if reason, rule := Reason(err); reason != want {
				t.Errorf("%v later, broken %v, %s: %q (%s), want %q", tt.after, tt.broken, path, reason, rule, want)
			}
		}
		if asked.Load() != tt.asked {
			t.Errorf("%v later: robots.txt was asked for %d times, want %d", tt.after, asked.Load(), tt.asked)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	book := newRulebook("pairloom", time.Hour, 1, machineClock{}, nil)
	pace := newPacer(1, machineClock{})
	for n := range forgetAbove + 10 {
		name := fmt.Sprint("http://h", n)
		book.page(name)
		pace.leave(pace.host(name))
	}
	if len(book.pages) != keptOrigins || book.order.Len() != keptOrigins {
		t.Errorf("rules of %d hosts kept, want %d", len(book.pages), keptOrigins)
	}
	if len(pace.hosts) > forgetAbove {
		t.Errorf("clocks of %d hosts kept, want at most %d", len(pace.hosts), forgetAbove)
	}
}

// sized is a file of so many bytes.
type sized int

func (s sized) size() int { return int(s) }

// Files are let go of, those used last at the end, when all together are too
// large; what was let go of is read again.
func TestFilesKeptAreBounded(t *testing.T) {
	asked := map[string]int{}
	o := newOrigins(machineClock{}, func(_ context.Context, u *url.URL, _ sized) (sized, time.Duration, error) {
		asked[u.Host]++
		return sized(keptBytes / 4), time.Hour, nil
	})
	for _, host := range strings.Fields("a b c d a e a b f") { // e goes for b, the oldest; b for c; f for d
		if _, err := o.lookup(t.Context(), host, &url.URL{Host: host}); err != nil {
			t.Fatal(err)
		}
	}
	if want := map[string]int{"a": 1, "b": 2, "c": 1, "d": 1, "e": 1, "f": 1}; !maps.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if o.bytes != keptBytes || o.order.Len() != 4 {
		t.Errorf("%d bytes of %d files kept, want %d of 4", o.bytes, o.order.Len(), keptBytes)
	}
}

func TestCancelWhileReading(t *testing.T) {
	stop := make(chan struct{})
	s := serve(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	}})
	t.Cleanup(func() { close(stop) })
	ctx, cancel := context.WithCancelCause(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := newGate(t, quick()).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel(errors.New("interrupt"))
	_, err = io.ReadAll(resp.Body)
	if reason, rule := Reason(err); reason != Canceled {
		t.Errorf("%q (%s), want %q", reason, rule, Canceled)
	}
}
