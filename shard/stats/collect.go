package stats

import (
	"context"
	"iter"
	"maps"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/shard"
)

// Options bound what Collect keeps, and say how it works. Zero means the default.
type Options struct {
	MaxDistinct int   // things of a kind that are counted exactly; default 131,072
	MaxNames    int   // names of a kind that are counted apart; default 200,000
	Samples     int   // pairs in the sample; default 48
	Workers     int   // parts read at once; default one a processor
	Seed        int64 // of the sample of texts whose tokens are counted
	// Tokens counts the tokens of a text; nil where nobody wants to know. It is asked
	// for at most TokenTexts texts.
	Tokens     func(text string) int
	TokenTexts int // default 8,192
	// Progress, which may be nil, is told of pairs that were read, from any goroutine.
	Progress func(pairs int64)
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *int
		value int
	}{{&o.MaxDistinct, 1 << 17}, {&o.MaxNames, 200_000}, {&o.Samples, 48}, {&o.Workers, runtime.GOMAXPROCS(0)}, {&o.TokenTexts, 1 << 13}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.Progress == nil {
		o.Progress = func(int64) {}
	}
	return o
}

const (
	topNames   = 30 // of each kind in the figures
	topQueries = 50
	// maxStretch is the most parts whose names are counted together.
	maxStretch = 16
	// tellEvery is how many pairs are read between two calls of Progress.
	tellEvery = 4096
)

// sides are those that LAION reports.
var sides = [...]int{256, 512, 1024}

// Columns are those of a pair that Collect reads. The pictures are looked at for the
// few that are shown.
var Columns = []string{
	"pair_id", "text", "width", "height", "image_url", "page_url", "text_source", "language", "license", "opt_out", "crawl_time", "query_ids",
	"original_format", "original_width", "original_height", "picture_hash", "format", "text_language", shard.PicturesUnchecked,
}

// Input is what Collect reads.
type Input struct {
	Parts int
	// Rows walks the pairs of a part, with the fields that Columns names. Collect keeps
	// nothing of a pair past the iteration's step but copies. Several parts are walked
	// at once.
	Rows func(part int) iter.Seq2[*shard.Pair, error]
	// Tallies are those of the stages, in the order of the road.
	Tallies []shard.Tally
	Query   func(id uint32) string // names a query
}

// Collect reads each pair once. The result does not depend on the number of workers.
func Collect(ctx context.Context, in Input, o Options) (*Stats, error) {
	o = o.withDefaults()
	// What each worker counts is the same whatever the order, and added at the end.
	// Names are not, once there are too many: those of a stretch of parts are added when
	// those of the stretch before it have been.
	stretch := min(maxStretch, max(1, in.Parts/maxStretch))
	stretches := (in.Parts + stretch - 1) / stretch
	workers := make([]*counts, min(o.Workers, max(stretches, 1)))
	all := newAllNames(o)
	added := make([]chan struct{}, stretches)
	for i := range added {
		added[i] = make(chan struct{})
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		c := newCounts(o)
		workers[w] = c
		g.Go(func() error {
			for {
				s := int(next.Add(1) - 1)
				if s >= stretches {
					return nil
				}
				c.names = newPartNames(o)
				for part := s * stretch; part < min((s+1)*stretch, in.Parts); part++ {
					if err := c.read(ctx, part, in.Rows(part)); err != nil {
						return err
					}
				}
				c.names.end()
				if s > 0 {
					select {
					case <-added[s-1]:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				all.merge(c.names)
				close(added[s])
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	total := workers[0]
	for _, c := range workers[1:] {
		total.merge(c)
	}
	s := total.finish(in.Query, o)
	all.finish(s)
	s.Stages = []shard.Tally{}
	for _, t := range in.Tallies {
		t.Dropped = maps.Clone(t.Dropped)
		if t.Dropped == nil {
			t.Dropped = map[string]int64{}
		}
		s.Stages = append(s.Stages, t)
	}
	s.FetchErrors = fetchErrors(s.Stages)
	return s, nil
}

// noneName stands for an empty field.
const noneName = "(none)"

// queriesOf sums up the queries with pairs, those with the most first.
func queriesOf(counts []queryCount, name func(uint32) string) Queries {
	q := Queries{WithPairs: int64(len(counts)), Top: []Name{}, Curve: []Point{}}
	for _, c := range counts {
		q.Matches += c.n
	}
	var sum int64
	next := int64(1)
	for i, c := range counts {
		rank := int64(i + 1)
		sum += c.n
		if i < topQueries {
			q.Top = append(q.Top, Name{name(c.id), c.n})
		}
		if q.Head50 == 0 && 2*sum >= q.Matches {
			q.Head50 = rank
		}
		if q.Head90 == 0 && 10*sum >= 9*q.Matches {
			q.Head90 = rank
		}
		// Points lie about 5% apart, which a logarithmic axis shows evenly.
		if rank >= next || i == len(counts)-1 {
			q.Curve = append(q.Curve, Point{rank, sum})
			next = rank + max(1, rank/20)
		}
	}
	return q
}
