package stats

import (
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

// Options bound what Collect keeps. Zero means the default.
type Options struct {
	MaxDistinct int // things of a kind that are counted exactly; default 262,144
	MaxNames    int // names of a kind that are counted apart; default 200,000
	Samples     int // pairs in the sample; default 48
}

func (o Options) withDefaults() Options {
	if o.MaxDistinct <= 0 {
		o.MaxDistinct = 1 << 18
	}
	if o.MaxNames <= 0 {
		o.MaxNames = 200_000
	}
	if o.Samples <= 0 {
		o.Samples = 48
	}
	return o
}

const (
	topNames   = 30 // of each kind in the figures
	topQueries = 50
)

// sides are those that LAION reports.
var sides = [...]int{256, 512, 1024}

// Collect reads pairs to their end. tallies are those of the stages, in the
// order of the road; query names a query id. It keeps nothing of a pair past
// the iteration's step but copies.
func Collect(pairs iter.Seq2[shard.Pair, error], tallies []shard.Tally, query func(id uint32) string, o Options) (*Stats, error) {
	o = o.withDefaults()
	c := newCollector(o)
	for p, err := range pairs {
		if err != nil {
			return nil, fmt.Errorf("collect figures: pair %d: %w", c.stats.Pairs, err)
		}
		c.add(&p)
	}
	s := c.finish(query)
	for i := range tallies {
		t := tallies[i]
		t.Dropped = maps.Clone(t.Dropped)
		if t.Dropped == nil {
			t.Dropped = map[string]int64{}
		}
		s.Stages = append(s.Stages, t)
	}
	s.FetchErrors = fetchErrors(s.Stages)
	return s, nil
}

// collector is the state of one Collect.
type collector struct {
	stats                        Stats
	imageURLs, pictures          *distinct
	texts, pages                 *distinct
	width, height, length, words values
	size                         values
	formats, languages, licenses *names
	textLanguages                *names
	hosts, sources, optOuts      *names
	queries                      map[uint32]int64
	samples                      sampler
	folded                       []byte // scratch of fold.Cut
	edges                        []uint32
}

func newCollector(o Options) *collector {
	c := &collector{queries: map[uint32]int64{}, samples: sampler{most: o.Samples}}
	for _, d := range []**distinct{&c.imageURLs, &c.pictures, &c.texts, &c.pages} {
		*d = newDistinct(o.MaxDistinct)
	}
	for _, n := range []**names{&c.formats, &c.languages, &c.textLanguages, &c.licenses, &c.hosts, &c.sources, &c.optOuts} {
		*n = newNames(o.MaxNames)
	}
	c.stats = Stats{Version: Version, Stages: []shard.Tally{}}
	for _, px := range sides {
		c.stats.Sides = append(c.stats.Sides, Side{Pixels: px})
	}
	return c
}

func (c *collector) add(p *shard.Pair) {
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
	c.formats.add(orNone(p.OriginalFormat))
	c.languages.add(orNone(p.Language))
	c.textLanguages.add(orNone(p.TextLanguage))
	c.licenses.add(orNone(p.License))
	c.hosts.add(orNone(hostOf(p.PageURL)))
	c.sources.add(orNone(p.TextSource))
	c.optOuts.add(orNone(p.OptOut))
	for _, id := range p.QueryIDs {
		c.queries[id]++
	}
	c.samples.add(p)
}

func (c *collector) finish(query func(uint32) string) *Stats {
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
		c.pages.occurrences("pairs a page", "pairs", "pages"),
		c.pictures.occurrences("pairs a picture", "pairs", "pictures"),
		c.texts.occurrences("pairs a text", "pairs", "texts"),
	}
	for _, f := range []struct {
		to   *Names
		from *names
	}{
		{&s.Formats, c.formats}, {&s.Languages, c.languages}, {&s.TextLanguages, c.textLanguages}, {&s.Licenses, c.licenses},
		{&s.Hosts, c.hosts}, {&s.TextSources, c.sources}, {&s.OptOuts, c.optOuts},
	} {
		*f.to = f.from.top(topNames)
	}
	s.Queries = queriesOf(c.queries, query)
	s.Samples = c.samples.finish(query)
	return s
}

// noneName stands for an empty field.
const noneName = "(none)"

func orNone(s string) string {
	if s == "" {
		return noneName
	}
	return s
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// queriesOf sorts queries by their pairs and sums them up. Ids break ties, so
// that no name is needed but for the first few.
func queriesOf(counts map[uint32]int64, name func(uint32) string) Queries {
	ids := slices.SortedFunc(maps.Keys(counts), func(a, b uint32) int {
		if counts[a] != counts[b] {
			if counts[a] > counts[b] {
				return -1
			}
			return 1
		}
		return int(int64(a) - int64(b))
	})
	q := Queries{WithPairs: int64(len(ids)), Top: []Name{}, Curve: []Point{}}
	for _, n := range counts {
		q.Matches += n
	}
	var sum int64
	next := int64(1)
	for i, id := range ids {
		rank := int64(i + 1)
		sum += counts[id]
		if i < topQueries {
			q.Top = append(q.Top, Name{name(id), counts[id]})
		}
		if q.Head50 == 0 && 2*sum >= q.Matches {
			q.Head50 = rank
		}
		if q.Head90 == 0 && 10*sum >= 9*q.Matches {
			q.Head90 = rank
		}
		// Points lie about 5% apart, which a logarithmic axis shows evenly.
		if rank >= next || i == len(ids)-1 {
			q.Curve = append(q.Curve, Point{rank, sum})
			next = rank + max(1, rank/20)
		}
	}
	return q
}
