package gate

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// starts has n requests to one host wait their turn, each under way for work,
// and returns when they started and the most that were under way at once. The
// clock is synctest's.
func starts(p *pacer, n int, delay, work time.Duration) (at []time.Duration, most int) {
	begin := time.Now()
	var mu sync.Mutex
	var inside int
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			t := p.host("x.org:80")
			defer p.leave(t)
			if err := t.enter(context.Background(), delay); err != nil {
				panic(err)
			}
			mu.Lock()
			inside++
			most = max(most, inside)
			at = append(at, time.Since(begin))
			mu.Unlock()
			<-time.After(work)
			mu.Lock()
			inside--
			mu.Unlock()
			t.exit(delay)
		})
	}
	wg.Wait()
	slices.Sort(at)
	return at, most
}

func TestPace(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name        string
		connections int
		delay, work time.Duration
		want        []time.Duration
		most        int
	}{
		{"the delay counts from the end of the answer", 1, 20 * ms, 7 * ms, []time.Duration{0, 27 * ms, 54 * ms, 81 * ms}, 1},
		{"no delay", 1, 0, 7 * ms, []time.Duration{0, 7 * ms, 14 * ms, 21 * ms}, 1},
		{"two connections, starts a delay apart", 2, 20 * ms, 30 * ms, []time.Duration{0, 20 * ms}, 2},
		{"two connections without delay", 2, 0, 10 * ms, []time.Duration{0, 0, 10 * ms, 10 * ms}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, most := starts(newPacer(tt.connections, machineClock{}), len(tt.want), tt.delay, tt.work)
				if !slices.Equal(at, tt.want) || most != tt.most {
					t.Errorf("started at %v, %d at once; want %v, %d", at, most, tt.want, tt.most)
				}
			})
		})
	}
}

// A host that asked to be left alone is, and whoever gives up waiting frees the
// connection.
func TestPostponeAndGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(1, machineClock{})
		h := p.host("x.org:80")
		defer p.leave(h)
		h.postpone(time.Hour)
		h.postpone(time.Minute) // shorter: changes nothing
		if wait := p.wait("x.org:80"); wait != time.Hour {
			t.Errorf("the host's turn is in %v, want an hour", wait)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := h.enter(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request that waits a minute: %v", err)
		}
		begin := time.Now()
		if err := h.enter(t.Context(), 0); err != nil || time.Since(begin) != 59*time.Minute {
			t.Errorf("the next one waits %v, %v", time.Since(begin), err)
		}
	})
}

// TestOneRequestAtATime counts what one host sees.
func TestOneRequestAtATime(t *testing.T) {
	for _, connections := range []int{1, 2} {
		var inside, most atomic.Int64
		s := serve(t, map[string]http.HandlerFunc{"/": func(http.ResponseWriter, *http.Request) {
			n := inside.Add(1)
			defer inside.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
		}})
		o := quick()
		o.ConnectionsPerHost = connections
		g := newGate(t, o)
		errs := make(chan error)
		for range 20 {
			go func() { _, _, err := get(g, Page, s.URL+"/"); errs <- err }()
		}
		for range 20 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if most.Load() > int64(connections) {
			t.Errorf("%d requests at once, want at most %d", most.Load(), connections)
		}
	}
}

// A request sets the time of the next one to its host, by the largest of what
// is asked for. An hour is more than the request itself takes.
func TestNextTurn(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Options)
		busy string // Retry-After of a 503
		most time.Duration
	}{
		{"delay", func(o *Options) { o.Delay = time.Hour }, "", time.Hour},
		{"latency", func(o *Options) { o.LatencyFactor, o.MaxDelay = 1e8, time.Hour }, "", time.Hour},
		{"what the server asks for", func(o *Options) { o.MaxDelay = 2 * time.Hour }, "7200", 2 * time.Hour},
		{"what is as long as max_delay", func(o *Options) { o.MaxDelay = time.Hour }, "3600", time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) {
				if tt.busy != "" {
					w.Header().Set("Retry-After", tt.busy)
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}})
			o := quick()
			o.Retries = 0
			tt.edit(&o)
			g := newGate(t, o)
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			if wait := g.Wait(u); wait != 0 {
				t.Errorf("a new host waits %v", wait)
			}
			before := time.Now()
			get(g, Robots, s.URL+"/") // without asking robots.txt first
			wait := g.Wait(u)
			if took := time.Since(before); wait > tt.most || wait < tt.most-took {
				t.Errorf("the next request waits %v, want %v less at most the %v that this one took", wait, tt.most, took)
			}
		})
	}
}

// A host that asks to be left alone for longer than max_delay is, all of it, until
// then: its requests are refused at once, and no other host's are.
func TestBusyHostIsLeftAlone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		later time.Duration
		asked int64 // times that the host was asked by the second request
	}{
		{"at once", 0, 1},
		{"past max_delay", time.Hour, 1},
		{"just before", 100_000*time.Second - time.Millisecond, 1},
		{"when it is over", 100_000 * time.Second, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked atomic.Int64
			s := serve(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/robots.txt" {
					http.NotFound(w, r)
					return
				}
				asked.Add(1)
				w.Header().Set("Retry-After", "100000")
				w.WriteHeader(http.StatusTooManyRequests)
			}})
			o := quick()
			o.MaxDelay = 3 * time.Second
			c := &turned{}
			o.Clock = c
			g := newGate(t, o)
			_, _, err := get(g, Page, s.URL+"/a")
			if reason, rule := Reason(err); reason != HostBusy || rule != "status 429, Retry-After: 100000" {
				t.Errorf("the first request: %s (%s)", reason, rule)
			}
			c.by.Store(int64(tt.later))
			for _, kind := range []Kind{Page, Picture} {
				_, _, err = get(g, kind, s.URL+"/b")
				if reason, _ := Reason(err); reason != HostBusy {
					t.Errorf("another request: %s (%v)", reason, err)
				}
			}
			if n := asked.Load(); n != tt.asked {
				t.Errorf("asked %d times, want %d", n, tt.asked)
			}
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			if wait := g.Wait(u); wait > o.MaxDelay {
				t.Errorf("whoever plans ahead would wait %v for a refusal", wait)
			}
		})
	}
}

// turned is a clock that a test turns; nobody waits by it.
type turned struct{ by atomic.Int64 }

func (c *turned) Now() time.Time { return time.Unix(1_700_000_000, c.by.Load()) }

func (c *turned) Sleep(ctx context.Context, d time.Duration) error {
	c.by.Add(int64(d))
	return ctx.Err()
}

func TestWaitWatchesContext(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"/": text("x")})
	o := quick()
	o.Delay, o.MaxDelay = time.Hour, time.Hour
	g := newGate(t, o)
	// The cause is what a signal leaves; the request is cancelled all the same.
	ctx, cause := context.WithCancelCause(context.Background())
	cancel := func() { cause(errors.New("interrupt")) }
	done := make(chan error)
	go func() { // robots.txt takes the first turn, the page would wait an hour
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/", nil)
		_, err := g.RoundTrip(req)
		done <- err
	}()
	cancel()
	if reason, _ := Reason(<-done); reason != Canceled {
		t.Errorf("reason %q, want %q", reason, Canceled)
	}
}
