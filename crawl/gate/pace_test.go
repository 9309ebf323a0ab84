package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
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
		{"two connections, each start a delay after the last start and the last answer", 2, 20 * ms, 30 * ms, []time.Duration{0, 20 * ms, 70 * ms, 90 * ms}, 2},
		{"two connections without delay", 2, 0, 10 * ms, []time.Duration{0, 0, 10 * ms, 10 * ms}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at, most := starts(newPacer(tt.connections), len(tt.want), tt.delay, tt.work)
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
		p := newPacer(1)
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
