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
	CropScale     float64 // smallest side of a crop, as a share of the short side
	Flip          bool    // mirror half of the pictures
	Jitter        float64 // brightness and contrast are drawn from 1-Jitter to 1+Jitter
	Saturation    float64 // drawn from 1-Saturation to 1+Saturation
	Hue           float64 // turn of the colours, drawn from -Hue to Hue of a circle
	Gray          float64 // share of pictures that lose their colours
	Rotate        float64 // degrees, drawn from -Rotate to Rotate
	Sentence      bool    // take one sentence of each text
	Workers       int
	CacheBytes    int64 // limit of the pictures kept decoded
}

// Batch is what one step consumes.
type Batch struct {
	Number   int64
	First    int       // number of the first pair in the batch, when in micro batches
	Rows     []int     // of the source
	Pictures []float32 // [pairs,3,side,side]
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
var ErrNoPicture = errors.New("none of the pictures decodes; run pairloom shard again")

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
		cache:   cache{limit: o.CacheBytes, pictures: map[int]*picture{}, bad: map[int]bool{}},
		jobs:    make(chan job),
		ordered: make(chan chan result, workers+1),
		free:    make(chan *Batch, workers+2),
		cancel:  cancel,
	}
	for range cap(l.free) {
		l.free <- &Batch{Pictures: make([]float32, o.Micro*3*o.Resolution*o.Resolution)}
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
	for j := range l.jobs {
		err := l.fill(j.batch, j.number, j.first, &w)
		j.reply <- result{j.batch, err}
	}
}

// worker is the scratch of one goroutine.
type worker struct {
	encoder *token.Encoder
	decoder decoder
	cut     picture
}

// fill makes one micro batch.
func (l *Loader) fill(b *Batch, number int64, first int, w *worker) error {
	if l.source.Len() == 0 {
		return ErrNoPicture
	}
	steps := int64(StepsPerEpoch(l.order.order.N, l.options.Batch))
	epoch, from := int(number/steps), int(number%steps)*l.options.Batch+first
	size := 3 * l.options.Resolution * l.options.Resolution
	count := min(l.options.Micro, l.options.Batch-first)
	b.Number, b.First, b.Undecodable = number, first, b.Undecodable[:0]
	b.Pictures = b.Pictures[:count*size]
	b.Rows = b.Rows[:0]
	b.Captions.Reset()
	for k := range count {
		position := from + k
		row := l.order.at(epoch, position)
		p, err := l.picture(row, &w.decoder)
		for tries := 0; p == nil && err == nil; tries++ {
			if tries == l.source.Len() {
				return ErrNoPicture
			}
			if !l.source.Gone(row) {
				b.Undecodable = append(b.Undecodable, row)
			}
			row = (row + 1) % l.source.Len()
			p, err = l.picture(row, &w.decoder)
		}
		if err != nil {
			return err
		}
		hash := mix(l.options.Seed, uint64(epoch), uint64(position), 0xC409)
		draw := func(n uint64) float64 { return unit(mix(l.options.Seed, hash, n, 0)) }
		if r := l.options.Rotate; r > 0 {
			short := float64(min(p.width, p.height))
			cut := short * (l.options.CropScale + (1-l.options.CropScale)*unit(hash))
			x, y := cut/2+(float64(p.width)-cut)*draw(1), cut/2+(float64(p.height)-cut)*draw(2)
			w.cut.turned(p, x, y, cut, r*(2*draw(7)-1), l.options.Resolution)
		} else {
			w.decoder.resampler.random(&w.cut, p, l.options.Resolution, l.options.CropScale, unit(hash), draw(1), draw(2))
		}
		if l.options.Flip && draw(3) < 0.5 {
			w.cut.flip()
		}
		if j := l.options.Jitter; j > 0 {
			w.cut.jitter(1-j+2*j*draw(4), 1-j+2*j*draw(5))
		}
		if gray := draw(8) < l.options.Gray; gray {
			w.cut.recolour(0, 0)
		} else if h, s := l.options.Hue, l.options.Saturation; h > 0 || s > 0 {
			w.cut.recolour(h*(2*draw(9)-1), 1-s+2*s*draw(10))
		}
		w.cut.normalise(b.Pictures[k*size:(k+1)*size], 0, 0, l.options.Resolution)
		pair, err := l.source.Facts(row)
		if err != nil {
			return err
		}
		text := pair.Text
		if l.options.Sentence {
			text = sentence(text, draw(6))
		}
		b.Rows = append(b.Rows, row)
		b.Captions.Add(w.encoder, text, l.options.Context)
	}
	return nil
}

// picture is row's, decoded and shrunk, from the cache where it is there, or nil
// where it does not decode or was deleted. It lives until the next call. An error is
// not the picture's but the shard's.
func (l *Loader) picture(row int, d *decoder) (*picture, error) {
	if l.source.Gone(row) {
		return nil, nil
	}
	if p, ok, known := l.cache.get(row); known && ok {
		return p, nil
	} else if known {
		return nil, nil
	}
	pair, err := l.source.Pair(row)
	if err != nil {
		return nil, err
	}
	p, err := d.shrunk(pair.Image, (l.options.Resolution*9+7)/8)
	if err != nil {
		l.cache.putBad(row)
		return nil, nil
	}
	l.cache.put(row, p)
	return p, nil
}

// Next waits for the next batch. After the last one it returns nil.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	select {
	case reply, open := <-l.ordered:
		if !open {
			return nil, nil
		}
		select {
		case r := <-reply:
			return r.batch, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
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
