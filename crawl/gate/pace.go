package gate

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pacer gives each host its turns.
type pacer struct {
	connections int
	clock       Clock
	mu          sync.Mutex
	hosts       map[string]*turnstile
}

// turnstile is the state of one host.
type turnstile struct {
	clock Clock
	slots chan struct{} // one for each request under way

	mu      sync.Mutex
	next    time.Time     // no request starts before
	last    time.Time     // when a request last began or ended; zero before the first
	latency time.Duration // of the last response
	users   int           // requests waiting or under way; guarded by pacer.mu

	// until is how long the host asked to be left alone, where that is longer than
	// anyone waits, and asked what said so: requests before are refused.
	until time.Time
	asked string
}

// errShut says that the host is to be left alone for longer than anyone waits.
var errShut = errors.New("the host asks to be left alone")

// forgetAbove is the number of hosts from which idle ones are forgotten.
const forgetAbove = 16384

func newPacer(connections int, clock Clock) *pacer {
	return &pacer{connections: max(1, connections), clock: clock, hosts: map[string]*turnstile{}}
}

func (p *pacer) host(name string) *turnstile {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.hosts[name]
	if t == nil {
		if len(p.hosts) >= forgetAbove {
			p.forget()
		}
		t = &turnstile{clock: p.clock, slots: make(chan struct{}, p.connections)}
		p.hosts[name] = t
	}
	t.users++
	return t
}

// wait is the time until a host's next permitted request; 0 for a new host.
func (p *pacer) wait(name string) time.Duration {
	p.mu.Lock()
	t := p.hosts[name]
	p.mu.Unlock()
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, t.next.Sub(p.clock.Now()))
}

func (p *pacer) leave(t *turnstile) {
	p.mu.Lock()
	t.users--
	p.mu.Unlock()
}

// forget drops hosts whose delay has passed. It holds p.mu.
func (p *pacer) forget() {
	now := p.clock.Now()
	for name, t := range p.hosts {
		t.mu.Lock()
		idle := t.users == 0 && t.next.Before(now) && !t.until.After(now)
		t.mu.Unlock()
		if idle {
			delete(p.hosts, name)
		}
	}
}

// enter waits for a free connection and for the host's next permitted time, but
// not where that is shut: then it is errShut.
// delay is the least time between this request and its neighbours: it may not
// have been known when the one before was made, as Crawl-delay is not before
// robots.txt.
func (t *turnstile) enter(ctx context.Context, delay time.Duration) error {
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		t.mu.Lock()
		now := t.clock.Now()
		if t.until.After(now) {
			t.mu.Unlock()
			<-t.slots
			return errShut
		}
		wait := t.next.Sub(now)
		if !t.last.IsZero() {
			wait = max(wait, t.last.Add(delay).Sub(now))
		}
		if wait <= 0 {
			t.last, t.next = now, now.Add(delay)
			t.mu.Unlock()
			return nil
		}
		t.mu.Unlock()
		if err := t.clock.Sleep(ctx, wait); err != nil {
			<-t.slots
			return err
		}
	}
}

// exit frees the connection; the next request starts delay from now at the
// earliest.
func (t *turnstile) exit(delay time.Duration) {
	t.mu.Lock()
	t.last = t.clock.Now()
	t.mu.Unlock()
	t.postpone(delay)
	<-t.slots
}

// postpone keeps requests away for d from now.
func (t *turnstile) postpone(d time.Duration) {
	t.mu.Lock()
	if next := t.clock.Now().Add(d); next.After(t.next) {
		t.next = next
	}
	t.mu.Unlock()
}

// shut has requests refused for d from now.
func (t *turnstile) shut(d time.Duration, asked string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until := t.clock.Now().Add(d); until.After(t.until) {
		t.until, t.asked = until, asked
	}
}

// A Shut host asked to be left alone until a time.
type Shut struct {
	Until time.Time `json:"until"`
	Asked string    `json:"asked"` // what it said
}

// Shut lists the hosts, with their ports, that asked to be left alone for longer than
// anyone waits, and longer than until now.
func (g *Gate) Shut() map[string]Shut {
	p := g.pace
	p.mu.Lock()
	defer p.mu.Unlock()
	now, list := p.clock.Now(), map[string]Shut{}
	for name, t := range p.hosts {
		t.mu.Lock()
		if t.until.After(now) {
			list[name] = Shut{t.until, t.asked}
		}
		t.mu.Unlock()
	}
	return list
}

// LeaveAlone refuses requests to hosts that asked another gate for that; see [Gate.Shut].
func (g *Gate) LeaveAlone(hosts map[string]Shut) {
	for name, shut := range hosts {
		t := g.pace.host(name)
		t.shut(shut.Until.Sub(g.clock.Now()), shut.Asked)
		g.pace.leave(t)
	}
}

// rule is what shut the host.
func (t *turnstile) rule() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return "left alone, as it asked: " + t.asked
}

func (t *turnstile) setLatency(d time.Duration) {
	t.mu.Lock()
	t.latency = d
	t.mu.Unlock()
}

func (t *turnstile) lastLatency() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latency
}
