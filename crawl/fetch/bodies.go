package fetch

import (
	"context"
	"io"
	"sync"
)

// keepBuffer is what each worker keeps of its buffer from picture to picture; what larger
// pictures take beyond is bounded for all of them together.
const keepBuffer = 256 << 10

// MostBodies is the memory of originals that are being read or decoded, beside 256 KiB
// for each worker. One picture, up to its cap, may go beyond.
const MostBodies = 64 << 20

// bodies counts the bytes of originals that are in hand.
type bodies struct {
	mu      sync.Mutex
	changed *sync.Cond
	held    int64
	over    *body // the one that may have more than there is
}

func newBodies() *bodies {
	b := &bodies{}
	b.changed = sync.NewCond(&b.mu)
	return b
}

// room waits until half of what there is is free: a picture is only asked for when
// there is room for it, since a server does not wait for us.
func (b *bodies) room(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changed.Broadcast()
	})()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.held > MostBodies/2 && ctx.Err() == nil {
		b.changed.Wait()
	}
	return ctx.Err()
}

// body is one original that is being read.
type body struct {
	all  *bodies
	in   io.Reader
	read int64
	held int64
}

// Read reads on, when there is room; one at a time goes on without, so that all of
// them come to an end.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if b.read += int64(n); b.read > keepBuffer && 2*b.read > b.held {
		b.hold(max(4*b.read, 1<<20) - b.held) // a buffer that grows is twice what it holds
	}
	return n, err
}

func (b *body) hold(n int64) {
	a := b.all
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.held+n > MostBodies && a.over != nil && a.over != b {
		a.changed.Wait()
	}
	if a.held+n > MostBodies {
		a.over = b
	}
	a.held += n
	b.held += n
}

// release gives back what the original took.
func (b *body) release() {
	if b.held == 0 {
		return
	}
	a := b.all
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held -= b.held
	b.held = 0
	if a.over == b {
		a.over = nil
	}
	a.changed.Broadcast()
}
