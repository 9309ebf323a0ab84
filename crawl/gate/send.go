package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// send waits for the host's turn and asks, again when it may help.
func (g *Gate) send(ctx context.Context, req *http.Request, kind Kind, host string, delay time.Duration) (*http.Response, error) {
	t := g.pace.host(host)
	defer g.pace.leave(t)
	turn, ok := ctx.Value(turnKey{}).(context.Context)
	if !ok {
		turn = ctx
	}
	for attempt := 0; ; attempt++ {
		if err := t.enter(turn, delay); err != nil {
			if errors.Is(err, errShut) {
				err = &Refusal{URL: req.URL.String(), Reason: HostBusy, Rule: t.rule()}
			}
			return nil, err
		}
		resp, err := g.once(ctx, req, kind, delay, t)
		if err != nil {
			reason, _ := Reason(err)
			again := reason == ConnectionReset || reason == ConnectionRefused || reason == NetworkError
			if !again || attempt >= g.opts.Retries || ctx.Err() != nil {
				return nil, err
			}
			t.postpone(backoff(delay, attempt, g.opts.MaxDelay))
			continue
		}
		if !mayPass(resp.StatusCode) {
			return resp, nil
		}
		wait, asked := retryAfter(resp.Header.Get("Retry-After"), g.clock.Now())
		if asked && wait > g.opts.MaxDelay {
			resp.Body.Close()
			rule := fmt.Sprintf("status %d, Retry-After: %s", resp.StatusCode, OneLine(resp.Header.Get("Retry-After")))
			t.shut(wait, rule)
			return nil, &Refusal{URL: req.URL.String(), Reason: HostBusy, Rule: rule}
		}
		if !asked {
			wait = backoff(delay, attempt, g.opts.MaxDelay)
		}
		// Many servers fail at addresses that they do not know: a file of wishes
		// is not worth more than one try.
		last := attempt >= g.opts.Retries || kind == Policy
		// After the last try only those that complain of load are left alone
		// for longer: a page that is broken says nothing about the next one.
		if !last || asked || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
			t.postpone(wait)
		}
		if last {
			return resp, nil
		}
		resp.Body.Close()
	}
}

// once asks one time. The turn is given back here on an error, else with the
// body.
func (g *Gate) once(caller context.Context, req *http.Request, kind Kind, delay time.Duration, t *turnstile) (*http.Response, error) {
	limited := context.WithTimeout
	if kind == Archive { // whose reader watches that bytes come
		limited = func(caller context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
			return context.WithCancel(caller)
		}
	}
	ctx, cancel := limited(caller, g.opts.TotalTimeout)
	finish := func() {
		cancel()
		t.exit(max(delay, min(g.opts.MaxDelay, time.Duration(g.opts.LatencyFactor*float64(t.lastLatency())))))
	}
	hop := req.Clone(ctx)
	hop.Body, hop.GetBody, hop.ContentLength = nil, nil, 0
	hop.Header.Set("User-Agent", g.userAgent)
	for _, name := range []string{"Referer", "Authorization"} {
		hop.Header.Del(name)
	}
	hop.Header.Set("Accept-Encoding", acceptEncoding) // also keeps the transport from undoing any
	if kind == Archive {
		hop.Header.Set("Accept-Encoding", "identity")
	}
	start := g.clock.Now()
	resp, err := g.road.RoundTrip(hop)
	t.setLatency(g.clock.Now().Sub(start))
	if err != nil {
		finish()
		return nil, blame(caller.Err(), err)
	}
	limit, cut := g.limit(kind)
	coding := contentCoding(resp.Header)
	if kind == Archive { // what is said to be coded is the file itself
		coding = ""
	}
	if !cut && coding == "" && resp.ContentLength > limit {
		resp.Body.Close()
		finish()
		return nil, fmt.Errorf("read %s: Content-Length %d, cap %d: %w", req.URL, resp.ContentLength, limit, ErrTooLarge)
	}
	if coding != "" {
		var known bool
		if resp.Body, known = undo(resp.Body, coding); !known {
			resp.Body.Close()
			finish()
			return nil, &Refusal{URL: req.URL.String(), Reason: BadEncoding, Rule: "Content-Encoding: " + OneLine(coding)}
		}
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength = -1
	}
	resp.Uncompressed = true
	resp.Body = &cappedBody{rc: resp.Body, left: limit, cut: cut, done: finish, ended: caller.Err}
	return resp, nil
}

// blame puts the caller's end of the context first: the transport reports the
// cause of it, which need not say that the request was cancelled.
func blame(ended, err error) error {
	if ended == nil || errors.Is(err, ended) {
		return err
	}
	return fmt.Errorf("%w: %w", ended, err)
}

func mayPass(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusTooEarly,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads the header's seconds or date (RFC 9110, 10.2.3).
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		if seconds < 0 {
			return 0, false
		}
		return time.Duration(min(seconds, 1<<30)) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

// backoff doubles with each attempt.
func backoff(delay time.Duration, attempt int, most time.Duration) time.Duration {
	return min(most, max(delay, 100*time.Millisecond)<<min(attempt+1, 16))
}
