package gate

import (
	"container/list"
	"context"
	"net/url"
	"sync"
	"time"
)

const (
	keptOrigins = 16384               // origins of which a file is kept
	keptBytes   = 16 << 20            // and their files together; what is made of them takes some ten times that
	errorTTL    = time.Hour           // how long an unreachable file is taken for that
	staleTTL    = 30 * 24 * time.Hour // how long an old file stands in for an unreachable one
)

// origins keeps what was read of the origins used last: one kind of file of each.
type origins[T interface{ size() int }] struct {
	clock Clock
	// read asks for the file of u's origin, of which known is what was read
	// before; it says what to keep, and for how long. The error is ctx's.
	read func(ctx context.Context, u *url.URL, known T) (T, time.Duration, error)

	mu    sync.Mutex
	pages map[string]*list.Element // of *origin[T]
	order *list.List               // used last first
	bytes int                      // of all
}

// origin is one scheme, host and port.
type origin[T any] struct {
	name  string
	bytes int // counted for it; guarded by origins.mu
	// turn is held by the one request that reads, so that a host is asked once
	// however many wait.
	turn chan struct{}

	mu      sync.Mutex
	value   T
	known   bool
	expires time.Time
}

func newOrigins[T interface{ size() int }](clock Clock, read func(context.Context, *url.URL, T) (T, time.Duration, error)) *origins[T] {
	return &origins[T]{clock: clock, read: read, pages: map[string]*list.Element{}, order: list.New()}
}

// lookup returns what is known of u's origin, named name, and reads it when it
// is unknown or old. The error is ctx's.
func (o *origins[T]) lookup(ctx context.Context, name string, u *url.URL) (T, error) {
	r := o.page(name)
	if value, ok := r.current(o.clock); ok {
		return value, nil
	}
	var none T
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	if value, ok := r.current(o.clock); ok {
		return value, nil
	}
	value, ttl, err := o.read(ctx, u, r.value) // only the holder of the turn writes it
	if err != nil {
		return none, err
	}
	r.mu.Lock()
	r.value, r.known, r.expires = value, true, o.clock.Now().Add(ttl)
	r.mu.Unlock()
	o.weigh(r, value.size())
	return value, nil
}

// weigh counts what is kept of r, and lets go of others where that is too much.
func (o *origins[T]) weigh(r *origin[T], bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.pages[r.name]; e == nil || e.Value.(*origin[T]) != r {
		return // let go of meanwhile
	}
	o.bytes += bytes - r.bytes
	r.bytes = bytes
	for o.bytes > keptBytes && o.order.Len() > 1 {
		o.drop(o.order.Back())
	}
}

// drop lets go of an origin. It holds o.mu.
func (o *origins[T]) drop(e *list.Element) {
	r := e.Value.(*origin[T])
	o.bytes -= r.bytes
	delete(o.pages, r.name)
	o.order.Remove(e)
}

func (o *origins[T]) page(name string) *origin[T] {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.pages[name]; e != nil {
		o.order.MoveToFront(e)
		return e.Value.(*origin[T])
	}
	if o.order.Len() >= keptOrigins {
		o.drop(o.order.Back())
	}
	r := &origin[T]{name: name, turn: make(chan struct{}, 1)}
	o.pages[name] = o.order.PushFront(r)
	return r
}

func (r *origin[T]) current(clock Clock) (value T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.value, r.known && !clock.Now().After(r.expires)
}
