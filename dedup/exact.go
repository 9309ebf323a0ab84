package dedup

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/pairloom/pairloom/internal/extsort"
)

// Options are the settings of deduplication.
type Options struct {
	Exact              string `yaml:"exact" default:"picture" choices:"picture|pair|none" doc:"what may stand once only: a picture, a picture with the same text (pair), or none to keep all"`
	MaxURLsPerPicture  int    `yaml:"max_urls_per_picture" default:"50" range:"0.." doc:"a picture under more addresses than this is taken for an error placeholder; 0 means no limit"`
	MaxTextsPerPicture int    `yaml:"max_texts_per_picture" default:"0" range:"0.." doc:"a picture under more different texts than this is taken for a placeholder; 0 means no limit (ALIGN: 1000)"`
	MaxPicturesPerText int    `yaml:"max_pictures_per_text" default:"10" range:"0.." doc:"drop a text that stands under more pictures than this; 0 means no limit (ALIGN, COYO: 10)"`
	PictureDistance    int    `yaml:"picture_distance" default:"4" range:"0..10" doc:"pictures whose perceptual hashes differ in at most this many of 64 bits are near duplicates, of which the largest stays; 1 takes those of equal hashes, 0 none (docs/duplicates.md)"`

	TextOptions
	AgainstOptions
}

// The reasons for which pairs are dropped.
const (
	ReasonPlaceholder   = "placeholder_picture"
	ReasonDuplicate     = "duplicate_picture"
	ReasonDuplicatePair = "duplicate_pair"
	ReasonRepeatedText  = "repeated_text"
)

// AppendOrder appends the key by which pairs that compete for one place are
// compared, as bytes: the text from the more preferred source comes first, then
// the smaller pair id. The first stays.
func AppendOrder(key []byte, preference uint8, pairID uint64) []byte {
	return binary.BigEndian.AppendUint64(append(key, preference), pairID)
}

// Exact collects pairs and decides which stay. It is not safe for concurrent
// use.
type Exact struct {
	o          Options
	dir        string
	memory     int
	byPicture  *extsort.Sorter
	key, value []byte
}

// spoolMemory is how much of a group stays in memory until it is decided on.
const spoolMemory = 256 << 10

// NewExact returns an empty Exact. It takes up to memory bytes, half for each of
// two sorts, of which the second begins with Verdicts, and spills into dir.
func NewExact(o Options, dir string, memory int) *Exact {
	return &Exact{o: o, dir: dir, memory: memory, byPicture: extsort.New(dir, memory/2)}
}

// Keys of the sort by picture: picture, text where pairs are compared within
// one, order, place; values: the pair.
const (
	pictureKeyText  = 8
	pictureKeyOrder = 16
)

// Add takes one pair.
func (e *Exact) Add(p *Pair) error {
	apart := uint64(0) // pairs are compared within equal values
	if e.o.Exact == "pair" {
		apart = p.TextHash
	}
	e.key = binary.BigEndian.AppendUint64(e.key[:0], p.PictureHash)
	e.key = binary.BigEndian.AppendUint64(e.key, apart)
	e.key = AppendOrder(e.key, p.Preference, p.PairID)
	e.key = binary.BigEndian.AppendUint64(e.key, p.Place)
	e.value = appendPair(e.value[:0], p)
	return e.byPicture.Add(e.key, e.value)
}

// Verdicts walks the decisions on all pairs, in no meaningful but always the
// same order. It may be called once.
func (e *Exact) Verdicts() iter.Seq2[*Verdict, error] {
	return func(yield func(*Verdict, error) bool) {
		byText := extsort.New(e.dir, e.memory/2)
		defer byText.Close()
		more, err := e.decidePictures(byText, yield)
		if err == nil && more {
			err = e.decideTexts(byText, yield)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// decidePictures yields the pairs that a picture's others drop, and passes the
// rest on to byText.
func (e *Exact) decidePictures(byText *extsort.Sorter, yield func(*Verdict, error) bool) (more bool, err error) {
	spool := extsort.NewSpool(e.dir, spoolMemory)
	defer spool.Close()
	var v Verdict
	addresses := &counter{limit: e.o.MaxURLsPerPicture, value: func(r extsort.Record) uint64 { return imageOf(r.Value) },
		detail: fmt.Sprintf("the same picture stands under more than max_urls_per_picture %d addresses", e.o.MaxURLsPerPicture)}
	texts := &counter{limit: e.o.MaxTextsPerPicture, value: func(r extsort.Record) uint64 { return textOf(r.Value) },
		detail: fmt.Sprintf("the same picture stands under more than max_texts_per_picture %d texts", e.o.MaxTextsPerPicture)}
	reason := ReasonDuplicate
	if e.o.Exact == "pair" {
		reason = ReasonDuplicatePair
	}
	var key []byte
	var stays, apart uint64 // the pair that stays, of those with that value
	begun := false
	one := func(rec extsort.Record, over *counter) (bool, error) {
		readPair(&v.Pair, rec.Value)
		v.Reason, v.Detail = "", ""
		if over != nil {
			v.Reason, v.Detail = ReasonPlaceholder, over.detail
			return yield(&v, nil), nil
		}
		if text := number(rec.Key[pictureKeyText:]); !begun || text != apart {
			begun, apart, stays = true, text, v.PairID
		} else if e.o.Exact != "none" {
			v.Reason, v.Detail = reason, fmt.Sprintf("the picture is that of pair %016x, which stays", stays)
			return yield(&v, nil), nil
		}
		key = binary.BigEndian.AppendUint64(key[:0], v.TextHash)
		key = binary.BigEndian.AppendUint64(key, v.PictureHash)
		key = binary.BigEndian.AppendUint64(key, v.Place)
		return true, byText.Add(key, rec.Value)
	}
	g := groups{spool: spool, counters: []*counter{addresses, texts}, decide: one, end: func() { begun = false }}
	return g.walk(e.byPicture.Sorted())
}

// decideTexts yields the pairs that are left, sorted by text, picture and place.
func (e *Exact) decideTexts(byText *extsort.Sorter, yield func(*Verdict, error) bool) error {
	spool := extsort.NewSpool(e.dir, spoolMemory)
	defer spool.Close()
	var v Verdict
	pictures := &counter{limit: e.o.MaxPicturesPerText, value: func(r extsort.Record) uint64 { return number(r.Key[8:]) }, ascending: true,
		detail: fmt.Sprintf("the same text stands under more than max_pictures_per_text %d pictures", e.o.MaxPicturesPerText)}
	one := func(rec extsort.Record, over *counter) (bool, error) {
		readPair(&v.Pair, rec.Value)
		if v.Reason, v.Detail = "", ""; over != nil {
			v.Reason, v.Detail = ReasonRepeatedText, over.detail
		}
		return yield(&v, nil), nil
	}
	g := groups{spool: spool, counters: []*counter{pictures}, decide: one, end: func() {}}
	_, err := g.walk(byText.Sorted())
	return err
}

// Close frees memory and temporary files; it may be called at any time.
func (e *Exact) Close() error { return e.byPicture.Close() }

// counter counts the different values that the records of a group have, up to one
// more than its limit; limit 0 means that none is too many.
type counter struct {
	limit     int
	value     func(extsort.Record) uint64
	ascending bool   // within a group the value never falls
	detail    string // says to people that there are too many

	count     int
	last      uint64   // the value before this one
	different []uint64 // the values, unless they ascend
}

// see counts a record's value and tells whether there are now too many.
func (c *counter) see(rec extsort.Record) (over bool) {
	value := c.value(rec)
	if c.count > 0 && value == c.last {
		return false
	}
	c.last = value
	if !c.ascending {
		at, known := slices.BinarySearch(c.different, value)
		if known {
			return false
		}
		c.different = slices.Insert(c.different, at, value)
	}
	c.count++
	return c.count > c.limit
}

// groups decides on sorted records group by group: on those that share the first
// number of their key. A group of which a counter counts too many is over. Until that
// is known its records wait in the spool.
type groups struct {
	spool    *extsort.Spool
	counters []*counter
	decide   func(rec extsort.Record, over *counter) (more bool, err error)
	end      func() // of a group

	over *counter // of this group; the first that counted too many
}

// walk decides on all records.
func (g *groups) walk(records iter.Seq2[extsort.Record, error]) (more bool, err error) {
	g.counters = slices.DeleteFunc(g.counters, func(c *counter) bool { return c.limit == 0 })
	first, begun := uint64(0), false
	for rec, err := range records {
		if err != nil {
			return false, err
		}
		if of := number(rec.Key); !begun || of != first {
			if more, err := g.release(); err != nil || !more {
				return false, err
			}
			first, begun = of, true
		}
		if len(g.counters) == 0 || g.over != nil {
			if more, err := g.decide(rec, g.over); err != nil || !more {
				return false, err
			}
			continue
		}
		if err := g.spool.Add(rec.Key, rec.Value); err != nil {
			return false, err
		}
		for _, c := range g.counters {
			if c.see(rec) && g.over == nil {
				g.over = c
			}
		}
		if g.over != nil {
			if more, err := g.spooled(); err != nil || !more {
				return false, err
			}
		}
	}
	return g.release()
}

// release ends a group.
func (g *groups) release() (more bool, err error) {
	more, err = g.spooled()
	g.over = nil
	for _, c := range g.counters {
		c.count, c.different = 0, c.different[:0]
	}
	g.end()
	return more, err
}

// spooled decides on the records that wait.
func (g *groups) spooled() (more bool, err error) {
	if g.spool.Len() == 0 {
		return true, nil
	}
	for rec, err := range g.spool.Walk() {
		if err != nil {
			return false, err
		}
		if more, err := g.decide(rec, g.over); err != nil || !more {
			return false, err
		}
	}
	return true, g.spool.Reset()
}
