package picture

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
)

// Result is what became of one picture.
type Result struct {
	// Reason is "" when there is a JPEG, else one of the reasons listed at
	// [ReasonEmpty]; Detail is one line for people about it.
	Reason, Detail string

	JPEG   []byte
	Width  int // of JPEG, in pixels
	Height int

	OriginalFormat string // "jpeg", "png", ...; "" when unknown
	OriginalWidth  int    // in pixels, after the turn that EXIF asks for
	OriginalHeight int

	PictureHash uint64 // xxhash64 of the original bytes
	PHash       uint64 // perceptual hash, as shown on its ground
}

// PoolOptions set what children do and when they are replaced. Zero means the
// default.
type PoolOptions struct {
	ShortSide        int           // pixels; pictures are never enlarged. Default 256
	Quality          int           // of the JPEG, 1 to 100. Default 90
	MaxPixels        int64         // of the original, from its header. Default 50 million
	Timeout          time.Duration // for one picture. Default 20 s
	PicturesPerChild int           // after which a child is replaced. Default 2,000
	Env              []string      // added to the child's environment, as "key=value"
}

func (o PoolOptions) withDefaults() PoolOptions {
	for _, d := range []struct {
		value *int
		def   int
	}{{&o.ShortSide, 256}, {&o.Quality, 90}, {&o.PicturesPerChild, 2000}} {
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = 50_000_000
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	return o
}

// Pool runs pictures through child processes. Make it with [NewPool], end it
// with Close.
type Pool struct {
	options PoolOptions
	free    chan *child // every slot of the pool, in use or not, is one value; nil is a slot without a process
	starter *starter
	closing sync.Once
}

// ErrClosed is returned by Process after Close.
var ErrClosed = errors.New("picture pool is closed")

// NewPool returns a pool of n children, or one for each processor when n is 0.
// command is the program and arguments that end in [Serve]; it is started when
// a picture first needs it.
func NewPool(command []string, n int, o PoolOptions) (*Pool, error) {
	if len(command) == 0 {
		return nil, errors.New("start picture pool: no command given")
	}
	if n < 0 || o.ShortSide < 0 || o.Quality < 0 || o.Quality > 100 || o.MaxPixels < 0 || o.Timeout < 0 || o.PicturesPerChild < 0 {
		return nil, fmt.Errorf("start picture pool: a setting is out of range: %d children, %+v", n, o)
	}
	if n == 0 {
		n = runtime.NumCPU()
	}
	p := &Pool{options: o.withDefaults(), free: make(chan *child, n), starter: newStarter(command, o.Env)}
	for range n {
		p.free <- nil
	}
	return p, nil
}

// Process turns original into a Result. It blocks while all children are busy.
// The error is not about the picture: ctx ended, the pool is closed, or its
// command does not start.
func (p *Pool) Process(ctx context.Context, original []byte) (Result, error) {
	hash := xxhash.Sum64(original)
	if len(original) == 0 {
		return Result{Reason: ReasonEmpty, Detail: "0 bytes", PictureHash: hash}, nil
	}
	var c *child
	var open bool
	select {
	case c, open = <-p.free:
		if !open {
			return Result{}, ErrClosed
		}
	case <-ctx.Done():
		return Result{}, fmt.Errorf("wait for a picture decoder: %w", context.Cause(ctx))
	}
	defer func() { p.free <- c }()

	var died string
	const attempts = 2
	for range attempts {
		if c != nil && c.served >= p.options.PicturesPerChild {
			c.stop()
			c = nil
		}
		if c == nil {
			var err error
			if c, err = p.starter.start(); err != nil {
				return Result{}, err
			}
		}
		res, err := c.process(ctx, original, &p.options)
		if err == nil {
			res.PictureHash = hash
			return res, nil
		}
		c.kill()
		died = c.obituary(err)
		c = nil
		switch {
		case ctx.Err() != nil:
			return Result{}, fmt.Errorf("decode a picture: %w", context.Cause(ctx))
		case errors.Is(err, errTimeout):
			detail := fmt.Sprintf("the decoder had no result after %v", p.options.Timeout)
			return Result{Reason: ReasonDecoderTimeout, Detail: detail, PictureHash: hash}, nil
		}
	}
	return Result{Reason: ReasonDecoderDied, Detail: "the decoder died on it twice: " + died, PictureHash: hash}, nil
}

// Close ends the children and waits for them and for pictures in work. Process
// must not be called during or after it by others than those already inside.
func (p *Pool) Close() error {
	p.closing.Do(func() {
		for range cap(p.free) {
			if c := <-p.free; c != nil {
				c.stop()
			}
		}
		close(p.free)
		p.starter.close()
	})
	return nil
}
