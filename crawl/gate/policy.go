package gate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/pairloom/pairloom/crawl/optout"
)

// policyMaxBytes is what is read of tdmrep.json and ai.txt; the rest of a longer
// one is passed over.
const policyMaxBytes = 512 << 10

// policies keeps one file of wishes of the origins used last. A file that is not
// there (4xx, or robots.txt forbids it) has none, for as long as a robots.txt is
// trusted. One that cannot be read (5xx, 429, network) is asked for again after
// an hour; until then an old copy stands in for it, for 30 days. Without an old
// copy it has none: unlike robots.txt it is a file that hardly any site keeps,
// and a site whose robots.txt answers while this one does not would be lost.
type policies[T any] struct {
	*origins[policyFile[T]]
	fetch func(ctx context.Context, u *url.URL) (*http.Response, error)
	path  string
	parse func(file []byte) T
	ttl   time.Duration
}

type policyFile[T any] struct {
	value T
	read  time.Time // zero when it never was
	bytes int       // of the file
}

func (f policyFile[T]) size() int { return f.bytes }

func newPolicies[T any](path string, parse func([]byte) T, ttl time.Duration, clock Clock, fetch func(context.Context, *url.URL) (*http.Response, error)) *policies[T] {
	p := &policies[T]{fetch: fetch, path: path, parse: parse, ttl: ttl}
	p.origins = newOrigins(clock, p.renew)
	return p
}

func (p *policies[T]) renew(ctx context.Context, u *url.URL, known policyFile[T]) (policyFile[T], time.Duration, error) {
	file, err := p.ask(ctx, u)
	now := p.clock.Now()
	var refusal *Refusal
	switch {
	case ctx.Err() != nil:
		return known, 0, ctx.Err()
	case err == nil, errors.As(err, &refusal) && refusal.Reason == RobotsDisallowed:
		return policyFile[T]{p.parse(file), now, len(file)}, p.ttl, nil
	case now.Sub(known.read) >= staleTTL:
		known = policyFile[T]{}
	}
	return known, min(p.ttl, errorTTL), nil
}

// ask reads the file, nil when it is not there.
func (p *policies[T]) ask(ctx context.Context, u *url.URL) ([]byte, error) {
	at := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: p.path}
	for range fileRedirects + 1 {
		resp, err := p.fetch(ctx, at)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch status := resp.StatusCode; {
		case status >= 200 && status < 300:
			return wholeLines(body, policyMaxBytes), err
		case status >= 300 && status < 400:
			next, err := at.Parse(resp.Header.Get("Location"))
			if err != nil || resp.Header.Get("Location") == "" {
				return nil, nil
			}
			at = next
		case Transient(StatusReason(status)) || status >= 500:
			return nil, errors.New(StatusReason(status))
		default:
			return nil, nil
		}
	}
	return nil, nil
}

// siteWishes are those that the files of a site hold for a path: those of
// tdmrep.json apart, since a response's headers go before them.
type siteWishes struct {
	robots, reserved, media optout.Wishes
}

// readFiles adds what the files of wishes of u's origin hold. The error is ctx's.
func (g *Gate) readFiles(ctx context.Context, kind Kind, origin, path string, u *url.URL, w *siteWishes) error {
	if !g.opts.Policies || kind != Page && kind != Picture {
		return nil
	}
	reservations, err := g.tdmrep.lookup(ctx, origin, u)
	if err != nil {
		return err
	}
	w.reserved = reservations.value.Wishes(path)
	if kind == Picture {
		media, err := g.aitxt.lookup(ctx, origin, u)
		if err != nil {
			return err
		}
		w.media = media.value.Wishes(path)
	}
	return nil
}

// refuseUnasked refuses a picture that would not be used whatever the answer: it
// is not asked for. tdmrep.json does not decide that, a header of the answer goes
// before it; and a page is asked for, it may lead to others.
func (g *Gate) refuseUnasked(kind Kind, u *url.URL, w siteWishes) error {
	if kind != Picture {
		return nil
	}
	all := slices.Concat(w.robots, w.media)
	v := Judge(g.opts.Respect, g.clock.Now(), nil, all)
	if !v.Obeyed {
		return nil
	}
	return &Refusal{URL: u.String(), Reason: OptOut, Rule: v.Wish.String(), Wishes: all}
}
