package gate

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network in memory: what is dialled is served by one server. A
// transport may dial for a request that has been given up, after the server is
// gone; that is refused, as by a host.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// dayHost is a host of a simulated day, and what it saw.
type dayHost struct {
	crawlDelay, work time.Duration
	busy             time.Duration // Retry-After of each fifth answer; 0 for none

	mu     sync.Mutex
	visits []visit
	inside int
	most   int
}

type visit struct {
	begin, end time.Time
	path       string
	after      time.Duration // least time that it asks for from its end to the next
}

// TestDay holds the pace at 50 hosts over a day by the clock: between any two
// requests at a server lies what is required, and no more than a tenth above.
func TestDay(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector has been seen to give up on that many goroutines")
	}
	for _, connections := range []int{1, 3} {
		t.Run(fmt.Sprintf("connections=%d", connections), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { day(t, connections) })
		})
	}
}

func day(t *testing.T, connections int) {
	long := 24 * time.Hour
	if testing.Short() { // under the race detector a part of it
		long = 4 * time.Hour
	}
	o := quick()
	o.Delay, o.MaxDelay, o.LatencyFactor, o.ConnectionsPerHost = 2*time.Minute, time.Hour, 5, connections
	o.Policies, o.RobotsTTL, o.Retries = true, 24*time.Hour, 1
	slow := time.Duration(1)
	if connections > 1 { // answers that take longer than the delay overlap
		slow, o.LatencyFactor = 40, 0
	}
	hosts := map[string]*dayHost{}
	for i := range 50 {
		h := &dayHost{crawlDelay: time.Duration(i%5) * 90 * time.Second, work: time.Duration(i%7) * 9 * time.Second * slow}
		if i%3 == 0 {
			h.busy = time.Duration(i) * time.Minute
		}
		hosts[fmt.Sprintf("h%d.example", i)] = h
	}
	network := newPipes()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hosts[r.Host].serve(w, r) })}
	go server.Serve(network)
	g := newGate(t, o)
	g.transport.DialContext = network.dial
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var wg sync.WaitGroup
	for name := range hosts {
		for range connections {
			wg.Go(func() {
				for ctx.Err() == nil {
					req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+name+"/page", nil)
					if err != nil {
						t.Error(err)
						return
					}
					if resp, err := g.RoundTrip(req); err == nil {
						io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				}
			})
		}
	}
	wg.Wait()
	g.Close()
	server.Shutdown(t.Context())
	visits, most := 0, 0
	for name, h := range hosts {
		visits, most = visits+len(h.visits), max(most, h.most)
		if h.most > connections {
			t.Errorf("%s: %d requests at once, want at most %d", name, h.most, connections)
		}
		h.check(t, name, o.Delay, o.LatencyFactor, connections)
	}
	if float64(visits) < 200*long.Hours() || most != connections {
		t.Errorf("%d requests, %d at once; want many, %d", visits, most, connections)
	}
	t.Logf("%d requests, at most %d at once", visits, most)
}

func (h *dayHost) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	n := len(h.visits)
	h.visits = append(h.visits, visit{begin: time.Now(), path: r.URL.Path})
	h.inside++
	h.most = max(h.most, h.inside)
	h.mu.Unlock()
	<-time.After(h.work) // of the simulated day
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inside--
	h.visits[n].end = time.Now()
	switch {
	case r.URL.Path == "/robots.txt":
		fmt.Fprintf(w, "User-agent: *\nCrawl-delay: %g", h.crawlDelay.Seconds())
	case r.URL.Path != "/page":
		w.WriteHeader(http.StatusNotFound)
	case h.busy > 0 && n%5 == 4:
		h.visits[n].after = h.busy
		w.Header().Set("Retry-After", fmt.Sprint(int(h.busy.Seconds())))
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (h *dayHost) check(t *testing.T, name string, delay time.Duration, factor float64, connections int) {
	t.Helper()
	delay = max(delay, h.crawlDelay, time.Duration(factor*float64(h.work)))
	for i := 1; i < len(h.visits); i++ {
		v := h.visits[i]
		// The next request waits for all that ended before it began, and for the
		// beginnings of those that had not.
		least := h.visits[i-1].begin.Add(max(h.crawlDelay, 2*time.Minute))
		if connections == 1 {
			least = h.visits[i-1].begin
		}
		for _, before := range h.visits[max(0, i-2*connections):i] {
			if !before.end.IsZero() && before.end.Before(v.begin) {
				if end := before.end.Add(max(delay, before.after)); end.After(least) {
					least = end
				}
			}
		}
		most := least.Add(least.Sub(h.visits[i-1].begin) / 10)
		if v.begin.Before(least) || v.begin.After(most) {
			t.Errorf("%s: request %d (%s) began %v after the one before, which took %v; want %v", name, i, v.path,
				v.begin.Sub(h.visits[i-1].begin), h.visits[i-1].end.Sub(h.visits[i-1].begin), least.Sub(h.visits[i-1].begin))
			return
		}
	}
}
