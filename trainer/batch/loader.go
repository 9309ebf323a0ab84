package batch

import (
	"context"
	"errors"
	"sync"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/token"
)

// Options say what a batch is.
type Options struct {
	Batch int // pairs
	// Micro and Passes are for gradient caching: a batch comes as micro batches
	// of Micro pairs, the last one smaller, and all of them Passes times over.
	// The same pairs are made again rather than kept, so that memory does not
	// grow with Batch. 0 means the whole batch at once, once.
	Micro, Passes int
	Resolution    int // pixels a side
	Context       int // tokens of the longest caption
	Seed          int64
	// CropScale and CropAspect are those of torchvision's RandomResizedCrop: a crop's
	// area is CropScale to 1 of the picture's, its sides are CropAspect to 1/CropAspect
	// to one another. CropScale 0 is CLIP's own crop: a square of the picture whose short
	// side is scaled to Resolution.
	CropScale, CropAspect float64
	Flip                  bool    // mirror half of the pictures
	Jitter                float64 // brightness and contrast are drawn from 1-Jitter to 1+Jitter
	Saturation            float64 // drawn from 1-Saturation to 1+Saturation
	Hue                   float64 // turn of the colours, drawn from -Hue to Hue of a circle
	Gray                  float64 // share of pictures that lose their colours
	Rotate                float64 // degrees, drawn from -Rotate to Rotate
	Sentence              bool    // take one sentence of each text
	Workers               int
	CacheBytes            int64 // limit of the pictures and captions that are kept
}

// Batch is what one step consumes.
type Batch struct {
	Number   int64
	First    int    // number of the first pair in the batch, when in micro batches
	Rows     []int  // of the source
	Pictures []byte // [pairs,side,side,3]: red, green and blue
	Captions token.Captions
	// Undecodable lists rows that should have been in the batch but do not
	// decode; others took their places.
	Undecodable []int
}

// pairs is what a loader reads: a Source, or a fake in tests.
type pairs interface {
	Len() int
	Pair(i int) (shard.Pair, error)
	Facts(i int) (shard.Pair, error) // without the picture
	Gone(i int) bool
	mix() []share
}

// Loader makes batches in order. Next and Release are called from one
// goroutine.
type Loader struct {
	source  pairs
	order   mixture
	options Options
	cache   cache

	jobs    chan job
	ordered chan chan result
	head    chan result // the first of them, once Ready has looked at it
	free    chan *Batch
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

type job struct {
	number int64
	first  int
	batch  *Batch
	reply  chan result
}

type result struct {
	batch *Batch
	err   error
}

// ErrNoPicture is returned when no picture of the dataset decodes, or there is
// none.
var ErrNoPicture = errors.New("none of the pictures decodes")

// StepsPerEpoch is the number of whole batches in the draws of an epoch.
func StepsPerEpoch(draws, batch int) int { return draws / batch }

// NewLoader starts making the batches numbered first to last-1, each in the
// parts and passes that o asks for. A batch larger than the draws of an epoch
// is an epoch. Close it when done.
func NewLoader(source *Source, v *token.Vocabulary, o Options, first, last int64) *Loader {
	return newLoader(source, v, o, first, last)
}

func newLoader(source pairs, v *token.Vocabulary, o Options, first, last int64) *Loader {
	ctx, cancel := context.WithCancel(context.Background())
	workers := max(1, o.Workers)
	order := newMixture(source.mix(), o.Seed)
	o.Batch = max(1, min(o.Batch, order.order.N))
	if o.Micro = min(o.Micro, o.Batch); o.Micro == 0 {
		o.Micro = o.Batch
	}
	o.Passes = max(1, o.Passes)
	l := &Loader{
		source: source, order: order, options: o,
		cache:   newCache(o.CacheBytes),
		jobs:    make(chan job),
		ordered: make(chan chan result, workers+1),
		free:    make(chan *Batch, workers+2),
		cancel:  cancel,
	}
	for range cap(l.free) {
		l.free <- &Batch{Pictures: make([]byte, o.Micro*3*o.Resolution*o.Resolution)}
	}
	l.done.Go(func() { l.plan(ctx, first, last) })
	for range workers {
		l.done.Go(func() { l.work(v.NewEncoder()) })
	}
	return l
}

// plan hands out the batches in order.
func (l *Loader) plan(ctx context.Context, first, last int64) {
	defer close(l.jobs)
	defer close(l.ordered)
	for number := first; number < last; number++ {
		for range l.options.Passes {
			for at := 0; at < l.options.Batch; at += l.options.Micro {
				if !l.hand(ctx, number, at) {
					return
				}
			}
		}
	}
}

// hand gives one micro batch to the workers; false says that there is no more
// need.
func (l *Loader) hand(ctx context.Context, number int64, first int) bool {
	var b *Batch
	select {
	case b = <-l.free:
	case <-ctx.Done():
		return false
	}
	reply := make(chan result, 1)
	select {
	case l.ordered <- reply:
	case <-ctx.Done():
		return false
	}
	select {
	case l.jobs <- job{number, first, b, reply}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *Loader) work(e *token.Encoder) {
	w := worker{encoder: e}
	defer w.decoder.close()
	for j := range l.jobs {
		err := l.fill(j.batch, j.number, j.first, &w)
		j.reply <- result{j.batch, err}
	}
}

// Ready tells whether Next has nothing to wait for.
func (l *Loader) Ready() bool {
	if l.head == nil {
		select {
		case reply, open := <-l.ordered:
			if !open {
				return true
			}
			l.head = reply
		default:
			return false
		}
	}
	return len(l.head) > 0
}

// Next waits for the next batch. After the last one it returns nil.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	reply, open := l.head, true
	if l.head = nil; reply == nil {
		select {
		case reply, open = <-l.ordered:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !open {
			return nil, nil
		}
	} else {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
		}
	}
	select {
	case r := <-reply:
		return r.batch, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Release gives a batch back to be filled again.
func (l *Loader) Release(b *Batch) { l.free <- b }

// Close stops the workers and waits for them.
func (l *Loader) Close() {
	l.cancel()
	l.done.Wait()
}
