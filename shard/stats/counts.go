package stats

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

// counts is what one worker counts of all its parts: figures that are the same in
// whatever order pairs come; and the names of the parts at hand.
type counts struct {
	o                            Options
	stats                        Stats
	imageURLs, pictures          *distinct
	texts, pages                 *distinct
	width, height, length, words values
	size                         values
	queries                      queryCounts
	samples                      sampler
	tokens                       textSample
	names                        *partNames // of the parts at hand
	folded                       []byte     // scratch of fold.Cut
	edges                        []uint32
}

func newCounts(o Options) *counts {
	c := &counts{o: o, samples: sampler{most: o.Samples}, tokens: textSample{most: o.TokenTexts, seed: mix(uint64(o.Seed) ^ 0xa0761d6478bd642f)}}
	for _, d := range []**distinct{&c.imageURLs, &c.pictures, &c.texts, &c.pages} {
		*d = newDistinct(o.MaxDistinct)
	}
	c.stats = Stats{SchemaVersion: SchemaVersion}
	for _, px := range sides {
		c.stats.Sides = append(c.stats.Sides, Side{Pixels: px})
	}
	return c
}

// read counts the pairs of a part.
func (c *counts) read(ctx context.Context, part int, rows iter.Seq2[*shard.Pair, error]) error {
	n := int64(0)
	for p, err := range rows {
		if err == nil && n%tellEvery == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("collect figures: part %d, pair %d: %w", part, n, err)
		}
		c.add(p)
		if n++; n%tellEvery == 0 {
			c.o.Progress(tellEvery)
		}
	}
	c.o.Progress(n % tellEvery)
	return nil
}

func (c *counts) add(p *shard.Pair) {
	c.stats.Pairs++
	c.stats.Bytes += int64(len(p.Image))
	if len(p.Image) > 0 {
		c.stats.Pictures++
	}
	c.imageURLs.add(xxhash.Sum64String(p.ImageURL))
	c.pictures.add(p.PictureHash)
	c.texts.add(xxhash.Sum64String(p.Text))
	if p.PageURL != "" { // pairs that were imported have no page
		c.pages.add(xxhash.Sum64String(p.PageURL))
	}
	if t := p.CrawlTime; t > 0 {
		if first := &c.stats.crawlFirst; *first == 0 || t < *first {
			*first = t
		}
		c.stats.crawlLast = max(c.stats.crawlLast, t)
	}

	c.width.add(int64(p.OriginalWidth))
	c.height.add(int64(p.OriginalHeight))
	c.length.add(int64(utf8.RuneCountInString(p.Text)))
	c.folded, c.edges = fold.Cut(c.folded, c.edges[:0], p.Text)
	c.words.add(int64(len(c.edges) / 2))
	c.size.add(int64(len(p.Image)))
	for i, px := range sides {
		w, h := int(p.OriginalWidth) >= px, int(p.OriginalHeight) >= px
		if w && h {
			c.stats.Sides[i].Both++
		}
		if w || h {
			c.stats.Sides[i].Either++
		}
	}
	for _, id := range p.QueryIDs {
		c.queries.add(id, 1)
	}
	if c.o.Tokens != nil {
		c.tokens.add(p)
	}
	c.samples.add(p)
	c.names.add(p)
}

// merge adds what o counted.
func (c *counts) merge(o *counts) {
	s, t := &c.stats, &o.stats
	s.Pairs, s.Pictures, s.Bytes = s.Pairs+t.Pairs, s.Pictures+t.Pictures, s.Bytes+t.Bytes
	if s.crawlFirst == 0 || t.crawlFirst > 0 && t.crawlFirst < s.crawlFirst {
		s.crawlFirst = t.crawlFirst
	}
	s.crawlLast = max(s.crawlLast, t.crawlLast)
	for i := range s.Sides {
		s.Sides[i].Both += t.Sides[i].Both
		s.Sides[i].Either += t.Sides[i].Either
	}
	c.imageURLs.merge(o.imageURLs)
	c.pictures.merge(o.pictures)
	c.texts.merge(o.texts)
	c.pages.merge(o.pages)
	for _, v := range [][2]*values{{&c.width, &o.width}, {&c.height, &o.height}, {&c.length, &o.length}, {&c.words, &o.words}, {&c.size, &o.size}} {
		v[0].merge(v[1])
	}
	c.queries.merge(&o.queries)
	c.samples.merge(&o.samples)
	c.tokens.merge(&o.tokens)
}

func (c *counts) finish(query func(uint32) string, o Options) *Stats {
	s := &c.stats
	s.Distinct = Unique{
		ImageURLs: c.imageURLs.estimate(), Pictures: c.pictures.estimate(),
		Texts: c.texts.estimate(), Pages: c.pages.estimate(),
	}
	s.Distributions = []Distribution{
		c.width.distribution("original width", "pixels", "pairs"),
		c.height.distribution("original height", "pixels", "pairs"),
		c.size.distribution("stored picture size", "bytes", "pairs"),
		c.length.distribution("text length", "characters", "pairs"),
		c.words.distribution("words in a text", "words", "pairs"),
	}
	if o.Tokens != nil {
		s.Distributions = append(s.Distributions, c.tokens.distribution(o.Tokens))
	}
	s.Distributions = append(s.Distributions,
		c.pages.occurrences("pairs a page", "pairs", "pages"),
		c.pictures.occurrences("pairs a picture", "pairs", "pictures"),
		c.texts.occurrences("pairs a text", "pairs", "texts"),
	)
	s.Crawled = spanOf(s.crawlFirst, s.crawlLast)
	s.Queries = queriesOf(c.queries.all(), query)
	s.Samples = c.samples.finish(query)
	return s
}

// queryCounts counts pairs by query. Ids of a list are small; those of a damaged
// or foreign dataset need not be.
type queryCounts struct {
	dense  []int64
	sparse map[uint32]int64
}

// denseQueries bounds the ids that have a counter in a row: 32 MB of them.
const denseQueries = 1 << 22

func (q *queryCounts) add(id uint32, n int64) {
	if int(id) < len(q.dense) {
		q.dense[id] += n
		return
	}
	if id >= denseQueries {
		if q.sparse == nil {
			q.sparse = map[uint32]int64{}
		}
		q.sparse[id] += n
		return
	}
	q.dense = append(q.dense, make([]int64, max(int(id)+1-len(q.dense), min(len(q.dense), denseQueries-len(q.dense))))...)
	q.dense[id] += n
}

func (q *queryCounts) merge(o *queryCounts) {
	for id, n := range o.dense {
		if n > 0 {
			q.add(uint32(id), n)
		}
	}
	for id, n := range o.sparse {
		q.add(id, n)
	}
}

// all lists the queries with pairs, those with the most first; ids break ties, so
// that no name is needed but for the first few.
func (q *queryCounts) all() []queryCount {
	var out []queryCount
	for id, n := range q.dense {
		if n > 0 {
			out = append(out, queryCount{uint32(id), n})
		}
	}
	for id, n := range q.sparse {
		out = append(out, queryCount{id, n})
	}
	slices.SortFunc(out, func(a, b queryCount) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.id, b.id)) })
	return out
}

type queryCount struct {
	id uint32
	n  int64
}

// textSample keeps the texts of the pairs whose ids, mixed with the seed, are the
// smallest: an even sample, the same whatever the order.
type textSample struct {
	most  int
	seed  uint64
	seen  int64
	kept  []sampledText
	limit uint64 // of keys, once there are most; see shrink
}

type sampledText struct {
	key  uint64
	text string
}

func (t *textSample) add(p *shard.Pair) {
	t.seen++
	if key := mix(p.PairID ^ t.seed); t.limit == 0 || key < t.limit {
		t.kept = append(t.kept, sampledText{key, strings.Clone(p.Text)})
		if len(t.kept) >= 2*t.most {
			t.shrink()
		}
	}
}

// shrink leaves the most with the smallest keys.
func (t *textSample) shrink() {
	slices.SortFunc(t.kept, func(a, b sampledText) int {
		return cmp.Or(cmp.Compare(a.key, b.key), strings.Compare(a.text, b.text))
	})
	if len(t.kept) > t.most {
		clear(t.kept[t.most:])
		t.kept = t.kept[:t.most]
		t.limit = t.kept[t.most-1].key
	}
}

func (t *textSample) merge(o *textSample) {
	t.seen += o.seen
	t.kept = append(t.kept, o.kept...)
	t.shrink()
}

func (t *textSample) distribution(tokens func(string) int) Distribution {
	t.shrink()
	var v values
	for _, k := range t.kept {
		v.add(int64(tokens(k.text)))
	}
	d := v.distribution("tokens in a text", "tokens", "pairs")
	d.Exact = int64(len(t.kept)) == t.seen
	return d
}
