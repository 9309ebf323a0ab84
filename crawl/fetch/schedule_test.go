package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// newTestSchedule gives out requests for these addresses.
func newTestSchedule(t *testing.T, connections, window int, urls ...string) *schedule {
	t.Helper()
	g, err := gate.New(gate.Options{Contact: "mailto:test@example.org", UserAgent: "pairloom", ConnectionsPerHost: connections}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	var requests []Request
	for _, u := range urls {
		requests = append(requests, Request{URL: u})
	}
	s, stop := newSchedule(g, each(requests...), window)
	t.Cleanup(stop)
	return s
}

// pass lets time of the test's own clock, which synctest keeps, go by.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Error(t.Context().Err())
	}
}

// In which order requests are given out, the oldest being answered first.
func TestScheduleOrder(t *testing.T) {
	a := func(host string, n int) (urls []string) {
		for i := range n {
			urls = append(urls, fmt.Sprintf("http://%s/%d", host, i))
		}
		return urls
	}
	for _, tt := range []struct {
		name                string
		connections, window int
		urls                []string
		atOnce              int // requests that are given out before the first answer
		want                []string
	}{
		{"hosts take turns", 1, 100, slices.Concat(a("a", 3), a("b", 2), a("c", 1)), 1, []string{"a/0", "b/0", "c/0", "a/1", "b/1", "a/2"}},
		{"a host that is asked is left alone", 1, 100, slices.Concat(a("a", 3), a("b", 1)), 2, []string{"a/0", "b/0", "a/1", "a/2"}},
		{"or asked by as many as it may be", 2, 100, a("a", 3), 2, []string{"a/0", "a/1", "a/2"}},
		{"one name in any case, ports apart", 1, 100, []string{"http://A/0", "http://a/1", "http://a:8/2"}, 2, []string{"A/0", "a:8/2", "a/1"}},
		{"what no server has, all at once", 1, 100, []string{"list:x/1", "list:x/2", "%zz"}, 3, []string{"list:x/1", "list:x/2", "%zz"}},
		{"no further than the window", 1, 2, slices.Concat(a("a", 2), a("b", 2)), 1, []string{"a/0", "a/1", "b/0", "b/1"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newTestSchedule(t, tt.connections, tt.window, tt.urls...)
			type given struct {
				request
				from *host
			}
			var open []given
			var got []string
			for {
				for len(open) < tt.atOnce {
					if s.fill(); len(s.turns) == 0 && len(open) > 0 {
						break // it would wait
					}
					r, h, ok, err := s.take(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					got = append(got, strings.TrimPrefix(r.URL, "http://"))
					open = append(open, given{r, h})
				}
				if len(open) == 0 {
					break
				}
				pass(t, time.Second)
				s.answered(open[0].request, open[0].from)
				open = open[1:]
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		})
	}
}

// A worker that has nothing to do waits for the host that is asked, and for the end.
func TestScheduleWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestSchedule(t, 1, 10, "http://a/0", "http://a/1")
		first, h, _, _ := s.take(t.Context())
		var mu sync.Mutex
		var seconds []time.Duration
		began := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				r, from, ok, err := s.take(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seconds = append(seconds, time.Since(began))
				mu.Unlock()
				if ok {
					pass(t, 5*time.Second)
					s.answered(r, from)
				}
			})
		}
		pass(t, 10*time.Second)
		synctest.Wait()
		mu.Lock()
		if len(seconds) > 0 {
			t.Errorf("after %v something is given out of a host that is asked", seconds)
		}
		mu.Unlock()
		s.answered(first, h)
		all.Wait()
		if len(seconds) != 3 || seconds[0] != 10*time.Second {
			t.Errorf("workers went on after %v", seconds)
		}
	})
}

func TestScheduleEnds(t *testing.T) {
	broken := errors.New("unreadable")
	s, stop := newSchedule(nil, func(yield func(Request, error) bool) { yield(Request{}, broken) }, 3)
	defer stop()
	if _, _, ok, err := s.take(t.Context()); ok || !errors.Is(err, broken) {
		t.Errorf("a source that fails: %v, %v", ok, err)
	}
	s = newTestSchedule(t, 1, 3, "http://a/0")
	s.stop()
	if _, _, ok, err := s.take(t.Context()); ok || err != nil {
		t.Errorf("after stop: %v, %v", ok, err)
	}
}

// endless is a picture of that many bytes.
type endless int

func (e *endless) Read(p []byte) (int, error) {
	n := min(len(p), int(*e))
	if *e -= endless(n); n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// However many large pictures come at one time, what they take is bounded, and all of
// them come in.
func TestBodiesAreBounded(t *testing.T) {
	const size = 20 << 20
	b := newBodies()
	var most int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if err := b.room(t.Context()); err != nil {
				t.Error(err)
			}
			picture := endless(size)
			in := body{all: b, in: &picture}
			defer in.release()
			chunk := make([]byte, 1<<20)
			var err error
			for err == nil {
				_, err = in.Read(chunk)
				b.mu.Lock()
				most = max(most, b.held)
				b.mu.Unlock()
			}
		})
	}
	all.Wait()
	if limit := int64(MostBodies + 4*size); most > limit || b.held != 0 {
		t.Errorf("they took %d MiB, want %d at most; %d stay", most>>20, limit>>20, b.held)
	}
	ctx, cancel := context.WithCancel(t.Context())
	in := body{all: b, in: new(endless)}
	in.hold(MostBodies)
	cancel()
	if err := b.room(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for room ends with %v", err)
	}
}

// However long the list, no more of it is taken in than the window, and nothing of it
// stays: not of hosts that are refused at once either.
func TestLongListsTakeNoMemory(t *testing.T) {
	const requests, window = 10_000, 500
	f := newFetcher(t, 8, func(o *gate.Options) { o.AllowAddresses = nil })
	taken, answered, most := 0, 0, 0
	var mu sync.Mutex
	source := func(yield func(Request, error) bool) {
		for i := range requests {
			mu.Lock()
			taken++
			most = max(most, taken-answered)
			mu.Unlock()
			u := fmt.Sprintf("http://10.0.%d.%d/%d.png", i/250%250, i%250, i)
			if !yield(Request{ImageID: uint64(i), URL: u}, nil) {
				return
			}
		}
	}
	err := f.All(t.Context(), source, window, func(_ int, row *shard.Image) error {
		if row.Status != gate.AddressRefused {
			t.Errorf("%s: %s", row.ImageURL, row.Status)
		}
		mu.Lock()
		answered++
		mu.Unlock()
		return nil
	})
	if err != nil || answered != requests {
		t.Errorf("%d answers: %v", answered, err)
	}
	if limit := window + 3*f.options.Workers; most > limit { // those between a worker and who takes the answers
		t.Errorf("%d requests were open at one time, want %d at most", most, limit)
	}
}
