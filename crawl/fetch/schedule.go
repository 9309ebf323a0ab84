package fetch

import (
	"container/heap"
	"context"
	"iter"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/pairloom/pairloom/crawl/gate"
)

// schedule shares requests out to workers: of all hosts whose turn it is, the one that
// has waited longest comes first, so that a worker never waits for a host while another
// could be asked, and no host is asked in bursts. Requests are taken in from their
// source as far as the window allows.
type schedule struct {
	gate   *gate.Gate                    // nil where every request has a place
	next   func() (Request, error, bool) // of the source
	window int                           // most requests from the first without an answer to the last that was taken in

	mu      sync.Mutex
	changed *sync.Cond
	hosts   map[string]*host
	turns   turns
	ended   bool               // the source has
	err     error              // of the source
	stopped bool               // nothing more is given out
	waiting int                // requests that were taken in and not given out
	first   int                // place of the first request without an answer
	taken   int                // number of requests taken in
	answers map[int]bool       // places behind first that are answered
	nudge   context.CancelFunc // wakes the worker that watches the clock; nil when none does
}

// host is one with requests that were taken in.
type host struct {
	key      string
	requests []request
	busy     int       // workers that ask it
	most     int       // of these
	turn     time.Time // when it may be asked again
	place    int       // in turns; -1 when it is not there
}

// request is one with its place in the source.
type request struct {
	Request
	place int
}

func newSchedule(g *gate.Gate, source iter.Seq2[Request, error], window int) (s *schedule, stop func()) {
	s = &schedule{gate: g, window: max(1, window), hosts: map[string]*host{}, answers: map[int]bool{}}
	s.changed = sync.NewCond(&s.mu)
	s.next, stop = iter.Pull2(source)
	return s, stop
}

// take gives out the next request; it waits for one. ok is false when there will be
// none any more, or ctx has ended. The request must be given back by answered.
func (s *schedule) take(ctx context.Context) (r request, from *host, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		s.fill()
		if s.stopped || s.err != nil || s.ended && s.waiting == 0 {
			s.changed.Broadcast()
			return r, nil, false, s.err
		}
		if len(s.turns) == 0 || s.nudge != nil && s.wait() > 0 {
			s.changed.Wait()
			continue
		}
		if wait := s.wait(); wait > 0 {
			s.watch(ctx, wait)
			continue
		}
		h := heap.Pop(&s.turns).(*host)
		r, h.requests = h.requests[0], h.requests[1:]
		s.waiting--
		h.busy++
		s.queue(h, s.gate.Clock().Now())
		s.changed.Signal() // there may be another whose turn it is, or a clock to watch
		return r, h, true, nil
	}
}

// wait is how long it is until the first turn.
func (s *schedule) wait() time.Duration { return s.turns[0].turn.Sub(s.gate.Clock().Now()) }

// watch sleeps until something changed, at most for wait.
func (s *schedule) watch(ctx context.Context, wait time.Duration) {
	sleep, wake := context.WithCancel(ctx)
	s.nudge = wake
	s.mu.Unlock()
	s.gate.Clock().Sleep(sleep, wait) // an end that came early shows in what changed
	s.mu.Lock()
	wake()
	s.nudge = nil
}

// answered tells that a request of h has its answer.
func (s *schedule) answered(r request, h *host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[r.place] = true
	for s.answers[s.first] {
		delete(s.answers, s.first)
		s.first++
	}
	h.busy--
	turn := s.gate.Clock().Now()
	if u, err := url.Parse(r.URL); err == nil && h.key != "" {
		turn = turn.Add(s.gate.Wait(u))
	}
	s.queue(h, turn)
	if len(h.requests) == 0 && h.busy == 0 {
		delete(s.hosts, h.key)
	}
	s.change()
}

// change has the workers look again. It holds s.mu.
func (s *schedule) change() {
	s.changed.Signal()
	if s.nudge != nil {
		s.nudge()
	}
}

// stop ends take.
func (s *schedule) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.changed.Broadcast()
	s.change()
}

// queue puts h where its turn is, if there is something to ask it for and it may be asked.
func (s *schedule) queue(h *host, turn time.Time) {
	if len(h.requests) == 0 || h.busy >= h.most {
		return
	}
	if h.place >= 0 {
		return
	}
	h.turn = turn
	heap.Push(&s.turns, h)
}

// fill takes in what the window allows.
func (s *schedule) fill() {
	for !s.ended && !s.stopped && s.err == nil && s.taken < s.first+s.window {
		r, err, ok := s.next()
		if !ok || err != nil {
			s.ended, s.err = true, err
			return
		}
		key := hostOf(r)
		h := s.hosts[key]
		if h == nil {
			h = &host{key: key, most: s.window, place: -1}
			if key != "" { // else nobody's server
				h.most = s.gate.ConnectionsPerHost()
			}
			s.hosts[key] = h
		}
		h.requests = append(h.requests, request{r, s.taken})
		s.taken++
		s.waiting++
		s.queue(h, s.gate.Clock().Now())
	}
}

// hostOf is what the gate paces by: the host with its port. What has a place is not
// asked of a server; a URL that does not parse, or has no host, is nobody's and fails
// later, by name.
func hostOf(r Request) string {
	u, err := url.Parse(r.URL)
	if err != nil || r.Place != "" {
		return ""
	}
	return strings.ToLower(u.Host)
}

// turns are hosts that may be asked, by when (container/heap).
type turns []*host

func (t turns) Len() int { return len(t) }

func (t turns) Less(i, j int) bool {
	if c := t[i].turn.Compare(t[j].turn); c != 0 {
		return c < 0
	}
	return t[i].requests[0].place < t[j].requests[0].place
}

func (t turns) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].place, t[j].place = i, j
}

func (t *turns) Push(h any) {
	h.(*host).place = len(*t)
	*t = append(*t, h.(*host))
}

func (t *turns) Pop() any {
	last := len(*t) - 1
	h := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	h.place = -1
	return h
}
