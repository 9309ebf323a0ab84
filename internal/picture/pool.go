package picture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// Result is what became of one picture.
type Result struct {
	// Reason is "" when there is a picture, else one of the reasons listed at
	// [ReasonEmpty]; Detail is one line for people about it.
	Reason, Detail string

	Bytes  []byte // the finished picture
	Format string // of Bytes: JPEG, WebP, or as OriginalFormat
	Width  int    // of Bytes, in pixels
	Height int

	OriginalFormat string // "jpeg", "png", ...; "" when unknown
	OriginalWidth  int    // in pixels, after the turn that EXIF asks for
	OriginalHeight int

	Frames int // of an animated picture, the first of which is taken; else 1
	// Spread is the standard deviation of the luma, in hundredths of one of 256
	// levels: 0 of a flat colour.
	Spread          int
	License, Credit string // what the picture's metadata say, on one line each; "" for nothing

	PictureHash uint64 // xxhash64 of the original bytes
	SHA256      string // of the original bytes, hexadecimal; "" unless asked for
	PHash       uint64 // perceptual hash, as shown on its ground
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
	o = o.withDefaults()
	if err := o.check(); err != nil || n < 0 {
		return nil, fmt.Errorf("start picture pool of %d children: %w", n, err)
	}
	if n == 0 {
		n = runtime.NumCPU()
	}
	p := &Pool{options: o, free: make(chan *child, n), starter: newStarter(command, o.Env)}
	for range n {
		p.free <- nil
	}
	return p, nil
}

// Process turns original into a Result. It blocks while all children are busy.
// The error is not about the picture: ctx ended, the pool is closed, or its
// command does not start.
func (p *Pool) Process(ctx context.Context, original []byte) (Result, error) {
	known := Result{PictureHash: xxhash.Sum64(original)}
	if p.options.SHA256 {
		known.SHA256 = fmt.Sprintf("%x", sha256.Sum256(original))
	}
	if len(original) == 0 {
		known.Reason, known.Detail = ReasonEmpty, "0 bytes"
		return known, nil
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
			res.PictureHash, res.SHA256 = known.PictureHash, known.SHA256
			if p.options.Format == Original && res.Reason == "" {
				res.Bytes = bytes.Clone(original)
			}
			return res, nil
		}
		c.kill()
		died = c.obituary(err)
		c = nil
		switch {
		case ctx.Err() != nil:
			return Result{}, fmt.Errorf("decode a picture: %w", context.Cause(ctx))
		case errors.Is(err, errTimeout):
			known.Reason, known.Detail = ReasonDecoderTimeout, fmt.Sprintf("the decoder had no result after %v", p.options.Timeout)
			return known, nil
		}
	}
	known.Reason, known.Detail = ReasonDecoderDied, "the decoder died on it twice: "+died
	return known, nil
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
