package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// fileRedirects is how many redirects of robots.txt are followed (RFC 9309,
// 2.3.1.2), and of the other files that a site keeps for robots.
const fileRedirects = 5

// rulebook keeps the robots rules of the origins used last.
type rulebook struct {
	*origins[robotsFile]
	fetch    func(ctx context.Context, u *url.URL) (*http.Response, error)
	token    string
	ttl      time.Duration
	maxBytes int64
}

// robotsFile is what is known of one origin's robots.txt.
type robotsFile struct {
	robots  *RobotsRules // nil before it was once read
	fetched time.Time
	refusal *Refusal // why nothing on the origin may be asked for; without URL
	bytes   int      // of the file
}

func (f robotsFile) size() int { return f.bytes }

func newRulebook(token string, ttl time.Duration, maxBytes int64, clock Clock, fetch func(context.Context, *url.URL) (*http.Response, error)) *rulebook {
	b := &rulebook{fetch: fetch, token: token, ttl: ttl, maxBytes: maxBytes}
	b.origins = newOrigins(clock, b.renew)
	return b
}

// rules returns those of u's origin. The error is ctx's, or a *Refusal when
// nothing may be asked for.
func (b *rulebook) rules(ctx context.Context, origin string, u *url.URL) (*RobotsRules, error) {
	file, err := b.lookup(ctx, origin, u)
	switch {
	case err != nil:
		return nil, err
	case file.refusal != nil:
		return nil, &Refusal{URL: u.String(), Reason: file.refusal.Reason, Rule: file.refusal.Rule}
	}
	return file.robots, nil
}

func (b *rulebook) renew(ctx context.Context, u *url.URL, known robotsFile) (robotsFile, time.Duration, error) {
	robots, bytes, refusal, err := b.ask(ctx, u)
	now := b.clock.Now()
	switch {
	case err != nil:
		return known, 0, err
	case refusal == nil:
		return robotsFile{robots: robots, fetched: now, bytes: bytes}, b.ttl, nil
	case refusal.Reason == RobotsUnreachable && known.robots != nil && now.Sub(known.fetched) < staleTTL:
		known.refusal = nil
	default:
		known.refusal = refusal
	}
	return known, min(b.ttl, errorTTL), nil
}

// ask reads robots.txt. err is set only when ctx ended.
func (b *rulebook) ask(ctx context.Context, u *url.URL) (robots *RobotsRules, size int, refusal *Refusal, err error) {
	at := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/robots.txt"}
	for range fileRedirects + 1 {
		resp, err := b.fetch(ctx, at)
		if err != nil {
			return nil, 0, unreachable(err), ctx.Err()
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		status := resp.StatusCode
		switch {
		case status >= 200 && status < 300:
			// A body that broke off holds some rules but not all: what is
			// missing may forbid.
			if err != nil {
				return nil, 0, unreachable(err), ctx.Err()
			}
			return ParseRobots(wholeLines(body, b.maxBytes), b.token), len(body), nil, nil
		case status >= 300 && status < 400:
			next, err := at.Parse(resp.Header.Get("Location"))
			if err != nil || resp.Header.Get("Location") == "" {
				return &RobotsRules{}, 0, nil, nil
			}
			at = next
		case status >= 400 && status < 500 && status != http.StatusTooManyRequests:
			return &RobotsRules{}, 0, nil, nil
		default:
			return nil, 0, &Refusal{Reason: RobotsUnreachable, Rule: fmt.Sprintf("%s answers %d", at, status)}, nil
		}
	}
	return &RobotsRules{}, 0, nil, nil
}

// wholeLines are those of the first most bytes of a file, of which one byte more
// was read when there is more: half a rule would be another rule.
func wholeLines(file []byte, most int64) []byte {
	if int64(len(file)) <= most {
		return file
	}
	return file[:bytes.LastIndexAny(file[:most+1], "\r\n")+1]
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
