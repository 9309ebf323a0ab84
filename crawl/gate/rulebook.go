package gate

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	rulebookHosts   = 4096                // hosts whose rules are kept
	robotsRedirects = 5                   // RFC 9309, 2.3.1.2
	robotsErrorTTL  = time.Hour           // how long an unreachable robots.txt is taken for that
	robotsStale     = 30 * 24 * time.Hour // how long old rules stand in for unreachable ones
)

// rulebook keeps the robots rules of the hosts used last.
type rulebook struct {
	fetch func(ctx context.Context, u *url.URL) (*http.Response, error)
	token string
	ttl   time.Duration

	mu    sync.Mutex
	pages map[string]*list.Element // of *rules
	order *list.List               // used last first
}

// rules are what is known of one origin.
type rules struct {
	origin string
	// turn is held by the one request that fetches, so that a host is asked
	// once however many wait.
	turn chan struct{}

	mu      sync.Mutex
	robots  *RobotsRules // never nil once fetched
	fetched time.Time
	expires time.Time
	refusal *Refusal // why nothing on the host may be asked for; without URL
}

func newRulebook(token string, ttl time.Duration, fetch func(context.Context, *url.URL) (*http.Response, error)) *rulebook {
	return &rulebook{fetch: fetch, token: token, ttl: ttl, pages: map[string]*list.Element{}, order: list.New()}
}

// lookup returns the rules of u's origin, fetching them when they are unknown
// or old. The error is ctx's, or a *Refusal when nothing may be asked for.
func (b *rulebook) lookup(ctx context.Context, u *url.URL) (*RobotsRules, error) {
	r := b.page(u.Scheme + "://" + hostKey(u))
	if robots, refusal, ok := r.current(); ok {
		return robots, withURL(refusal, u)
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if robots, refusal, ok := r.current(); ok {
		return robots, withURL(refusal, u)
	}
	robots, refusal, err := b.read(ctx, u)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	now := time.Now()
	switch {
	case refusal == nil:
		r.robots, r.refusal, r.fetched, r.expires = robots, nil, now, now.Add(b.ttl)
	case refusal.Reason == RobotsUnreachable && r.robots != nil && now.Sub(r.fetched) < robotsStale:
		r.refusal, r.expires = nil, now.Add(min(b.ttl, robotsErrorTTL))
	default:
		r.refusal, r.expires = refusal, now.Add(min(b.ttl, robotsErrorTTL))
	}
	robots, refusal = r.robots, r.refusal
	r.mu.Unlock()
	return robots, withURL(refusal, u)
}

func withURL(refusal *Refusal, u *url.URL) error {
	if refusal == nil {
		return nil
	}
	return &Refusal{URL: u.String(), Reason: refusal.Reason, Rule: refusal.Rule}
}

func (b *rulebook) page(origin string) *rules {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.pages[origin]; e != nil {
		b.order.MoveToFront(e)
		return e.Value.(*rules)
	}
	if b.order.Len() >= rulebookHosts {
		last := b.order.Back()
		delete(b.pages, last.Value.(*rules).origin)
		b.order.Remove(last)
	}
	r := &rules{origin: origin, turn: make(chan struct{}, 1)}
	b.pages[origin] = b.order.PushFront(r)
	return r
}

func (r *rules) current() (*RobotsRules, *Refusal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.expires.IsZero() || time.Now().After(r.expires) {
		return nil, nil, false
	}
	return r.robots, r.refusal, true
}

// read asks for robots.txt. err is set only when ctx ended.
func (b *rulebook) read(ctx context.Context, u *url.URL) (*RobotsRules, *Refusal, error) {
	at := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/robots.txt"}
	for range robotsRedirects + 1 {
		resp, err := b.fetch(ctx, at)
		if err != nil {
			return nil, unreachable(err), ctx.Err()
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		status := resp.StatusCode
		switch {
		case status >= 200 && status < 300:
			// A body that broke off holds some rules but not all: what is
			// missing may forbid.
			if err != nil {
				return nil, unreachable(err), ctx.Err()
			}
			return ParseRobots(body, b.token), nil, nil
		case status >= 300 && status < 400:
			next, err := at.Parse(resp.Header.Get("Location"))
			if err != nil || resp.Header.Get("Location") == "" {
				return &RobotsRules{}, nil, nil
			}
			at = next
		case status >= 400 && status < 500 && status != http.StatusTooManyRequests:
			return &RobotsRules{}, nil, nil
		default:
			return nil, &Refusal{Reason: RobotsUnreachable, Rule: fmt.Sprintf("%s answers %d", at, status)}, nil
		}
	}
	return &RobotsRules{}, nil, nil
}

// unreachable keeps the reason of a host that could not be asked for anything
// at all, such as a refused address.
func unreachable(err error) *Refusal {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		switch refusal.Reason {
		case AddressRefused, PortRefused, SchemeRefused:
			return refusal
		}
	}
	reason, rule := Reason(err)
	if reason == DNS || reason == TLS {
		return &Refusal{Reason: reason, Rule: rule}
	}
	return &Refusal{Reason: RobotsUnreachable, Rule: "robots.txt: " + rule}
}
