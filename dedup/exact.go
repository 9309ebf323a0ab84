package dedup

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/pairloom/pairloom/internal/extsort"
)

// Options are the settings of exact deduplication.
type Options struct {
	Exact              string `yaml:"exact" default:"picture" choices:"picture|pair|none" doc:"what may stand once only: a picture, a picture with the same text (pair), or none to keep all"`
	MaxURLsPerPicture  int    `yaml:"max_urls_per_picture" default:"50" range:"0.." doc:"a picture under more addresses than this is taken for an error placeholder; 0 means no limit"`
	MaxPicturesPerText int    `yaml:"max_pictures_per_text" default:"10" range:"0.." doc:"drop a text that stands under more pictures than this; 0 means no limit (ALIGN, COYO: 10)"`
}

// The reasons for which pairs are dropped.
const (
	ReasonPlaceholder   = "placeholder_picture"
	ReasonDuplicate     = "duplicate_picture"
	ReasonDuplicatePair = "duplicate_pair"
	ReasonRepeatedText  = "repeated_text"
)

// Pair is what deduplication must know of a pair.
type Pair struct {
	Place       uint64 // among all pairs of the stage; unique
	PairID      uint64
	ImageID     uint64 // of the picture's address
	PictureHash uint64 // of the picture's bytes
	TextHash    uint64 // of the folded text
	Preference  uint8  // of the text's source; 0 is the best
	Note        uint64 // the caller's, which the verdict gives back
	QueryIDs    []uint32
}

// AppendOrder appends the key by which pairs that compete for one place are
// compared, as bytes: the text from the more preferred source comes first, then
// the smaller pair id. The first stays.
func AppendOrder(key []byte, preference uint8, pairID uint64) []byte {
	return binary.BigEndian.AppendUint64(append(key, preference), pairID)
}

// Verdict is the decision on one pair: it stays when Reason is "". It lives until
// the next step.
type Verdict struct {
	Place, PairID  uint64
	Note           uint64
	QueryIDs       []uint32
	Reason, Detail string
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
// two sorts, and spills into dir.
func NewExact(o Options, dir string, memory int) *Exact {
	return &Exact{o: o, dir: dir, memory: memory, byPicture: extsort.New(dir, memory/2)}
}

// Keys of the sort by picture: picture, text where pairs are compared within
// one, order, place; values: address, text, note, queries.
const (
	pictureKeyText  = 8
	pictureKeyOrder = 16
	pictureKeySize  = 16 + 9 + 8
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
	e.value = binary.BigEndian.AppendUint64(e.value[:0], p.ImageID)
	e.value = binary.BigEndian.AppendUint64(e.value, p.TextHash)
	e.value = binary.BigEndian.AppendUint64(e.value, p.Note)
	e.value = appendQueries(e.value, p.QueryIDs)
	return e.byPicture.Add(e.key, e.value)
}

func appendQueries(b []byte, ids []uint32) []byte {
	for _, q := range ids {
		b = binary.BigEndian.AppendUint32(b, q)
	}
	return b
}

func readQueries(ids []uint32, b []byte) []uint32 {
	for ids = ids[:0]; len(b) >= 4; b = b[4:] {
		ids = append(ids, binary.BigEndian.Uint32(b))
	}
	return ids
}

func number(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

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
	placeholder := fmt.Sprintf("the same picture stands under more than max_urls_per_picture %d addresses", e.o.MaxURLsPerPicture)
	reason := ReasonDuplicate
	if e.o.Exact == "pair" {
		reason = ReasonDuplicatePair
	}
	var key, value []byte
	var stays, apart uint64 // the pair that stays, of those with that value
	begun := false
	one := func(rec extsort.Record, over bool) (bool, error) {
		id := number(rec.Key[pictureKeyOrder+1:])
		v = Verdict{Place: number(rec.Key[pictureKeySize-8:]), PairID: id, Note: number(rec.Value[16:]), QueryIDs: readQueries(v.QueryIDs, rec.Value[24:])}
		if over {
			v.Reason, v.Detail = ReasonPlaceholder, placeholder
			return yield(&v, nil), nil
		}
		if text := number(rec.Key[pictureKeyText:]); !begun || text != apart {
			begun, apart, stays = true, text, id
		} else if e.o.Exact != "none" {
			v.Reason, v.Detail = reason, fmt.Sprintf("the picture is that of pair %016x, which stays", stays)
			return yield(&v, nil), nil
		}
		key = append(append(append(key[:0], rec.Value[8:16]...), rec.Key[:8]...), rec.Key[pictureKeySize-8:]...)
		value = binary.BigEndian.AppendUint64(value[:0], id)
		value = append(value, rec.Value[16:]...) // note and queries
		return true, byText.Add(key, value)
	}
	g := groups{spool: spool, limit: e.o.MaxURLsPerPicture, decide: one, end: func() { begun = false }}
	return g.walk(e.byPicture.Sorted(), func(rec extsort.Record) uint64 { return number(rec.Value) })
}

// Keys of the sort by text: text, picture, place; values: pair id, note, queries.
const textKeySize = 24

// decideTexts yields the pairs that are left.
func (e *Exact) decideTexts(byText *extsort.Sorter, yield func(*Verdict, error) bool) error {
	spool := extsort.NewSpool(e.dir, spoolMemory)
	defer spool.Close()
	var v Verdict
	repeated := fmt.Sprintf("the same text stands under more than max_pictures_per_text %d pictures", e.o.MaxPicturesPerText)
	one := func(rec extsort.Record, over bool) (bool, error) {
		v = Verdict{Place: number(rec.Key[textKeySize-8:]), PairID: number(rec.Value), Note: number(rec.Value[8:]), QueryIDs: readQueries(v.QueryIDs, rec.Value[16:])}
		if over {
			v.Reason, v.Detail = ReasonRepeatedText, repeated
		}
		return yield(&v, nil), nil
	}
	g := groups{spool: spool, limit: e.o.MaxPicturesPerText, decide: one, end: func() {}, ascending: true}
	_, err := g.walk(byText.Sorted(), func(rec extsort.Record) uint64 { return number(rec.Key[8:]) })
	return err
}

// Close frees memory and temporary files; it may be called at any time.
func (e *Exact) Close() error { return e.byPicture.Close() }

// groups decides on sorted records group by group: on those that share the first
// number of their key. A group in which something takes more than limit different
// values is over; limit 0 means that none is. Until that is known its records
// wait in the spool.
type groups struct {
	spool  *extsort.Spool
	limit  int
	decide func(rec extsort.Record, over bool) (more bool, err error)
	end    func() // of a group
	// ascending says that within a group what is counted never falls.
	ascending bool

	count     int      // different values of the group, up to limit + 1
	last      uint64   // the value before this one
	different []uint64 // the values, unless they ascend
}

// walk decides on all records; valueOf gives what is counted.
func (g *groups) walk(records iter.Seq2[extsort.Record, error], valueOf func(extsort.Record) uint64) (more bool, err error) {
	first, begun := uint64(0), false
	for rec, err := range records {
		if err != nil {
			return false, err
		}
		if of := number(rec.Key); !begun || of != first {
			if more, err := g.release(); err != nil || !more {
				return false, err
			}
			first, begun, g.count, g.different = of, true, 0, g.different[:0]
		}
		if g.limit == 0 {
			if more, err := g.decide(rec, false); err != nil || !more {
				return false, err
			}
			continue
		}
		if g.count > g.limit {
			if more, err := g.decide(rec, true); err != nil || !more {
				return false, err
			}
			continue
		}
		if err := g.spool.Add(rec.Key, rec.Value); err != nil {
			return false, err
		}
		if g.see(valueOf(rec)); g.count > g.limit {
			if more, err := g.spooled(true); err != nil || !more {
				return false, err
			}
		}
	}
	return g.release()
}

// see counts a value.
func (g *groups) see(value uint64) {
	if g.count > 0 && value == g.last {
		return
	}
	g.last = value
	if !g.ascending {
		at, known := slices.BinarySearch(g.different, value)
		if known {
			return
		}
		g.different = slices.Insert(g.different, at, value)
	}
	g.count++
}

// release ends a group.
func (g *groups) release() (more bool, err error) {
	more, err = g.spooled(false)
	g.end()
	return more, err
}

// spooled decides on the records that wait.
func (g *groups) spooled(over bool) (more bool, err error) {
	if g.spool.Len() == 0 {
		return true, nil
	}
	for rec, err := range g.spool.Walk() {
		if err != nil {
			return false, err
		}
		if more, err := g.decide(rec, over); err != nil || !more {
			return false, err
		}
	}
	return true, g.spool.Reset()
}
