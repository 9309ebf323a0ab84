package crawl

import (
	"container/heap"
	"net/url"
	"time"

	"github.com/pairloom/pairloom/crawl/frontier"
)

// schedule holds leased pages by host and says whose turn is next.
type schedule struct {
	now     func() time.Time
	wait    func(*url.URL) time.Duration // until the host's turn
	perHost int
	hosts   map[string]*queue
	ready   readyHeap // hosts with a page and a free connection
	pages   int       // leased and not yet handed out
}

// queue is one host's pages, in the frontier's order.
type queue struct {
	host  string
	pages []frontier.Lease
	busy  int       // pages under way
	at    time.Time // when the next page may go; set while in ready
	ready bool
}

func newSchedule(now func() time.Time, perHost int, wait func(*url.URL) time.Duration) *schedule {
	return &schedule{now: now, wait: wait, perHost: perHost, hosts: map[string]*queue{}}
}

func (s *schedule) add(l frontier.Lease) {
	q := s.hosts[l.Host]
	if q == nil {
		q = &queue{host: l.Host}
		s.hosts[l.Host] = q
	}
	q.pages = append(q.pages, l)
	s.pages++
	s.line(q)
}

// line puts a host into the heap when it has something to do.
func (s *schedule) line(q *queue) {
	if q.ready || len(q.pages) == 0 || q.busy >= s.perHost {
		return
	}
	q.at = s.now()
	if u, err := url.Parse(q.pages[0].URL); err == nil {
		q.at = q.at.Add(s.wait(u))
	}
	q.ready = true
	heap.Push(&s.ready, q)
}

// next returns the page to hand out, and how long to wait first. It stays
// where it is until take.
func (s *schedule) next() (l frontier.Lease, wait time.Duration, ok bool) {
	if len(s.ready) == 0 {
		return l, 0, false
	}
	q := s.ready[0]
	return q.pages[0], max(0, q.at.Sub(s.now())), true
}

// take removes the page that next returned.
func (s *schedule) take() {
	q := heap.Pop(&s.ready).(*queue)
	q.ready = false
	q.pages = q.pages[1:]
	q.busy++
	s.pages--
	s.line(q)
}

// has tells whether the host has pages, here or under way.
func (s *schedule) has(host string) bool { return s.hosts[host] != nil }

// done says that a page of host is no longer under way.
func (s *schedule) done(host string) {
	q := s.hosts[host]
	q.busy--
	if q.busy == 0 && len(q.pages) == 0 {
		delete(s.hosts, host)
		return
	}
	s.line(q)
}

type readyHeap []*queue

func (h readyHeap) Len() int { return len(h) }
func (h readyHeap) Less(i, j int) bool {
	if !h[i].at.Equal(h[j].at) {
		return h[i].at.Before(h[j].at)
	}
	return h[i].host < h[j].host
}
func (h readyHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *readyHeap) Push(x any)   { *h = append(*h, x.(*queue)) }
func (h *readyHeap) Pop() any {
	old := *h
	q := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return q
}
