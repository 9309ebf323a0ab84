package dedup

import (
	"encoding/binary"
	"fmt"
	"iter"

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
	QueryIDs    []uint32
}

// Verdict is the decision on one pair: it stays when Reason is "".
type Verdict struct {
	Pair
	Reason, Detail string
}

// Exact collects pairs and decides which stay. It is not safe for concurrent
// use.
type Exact struct {
	o       Options
	dir     string
	memory  int
	byImage *extsort.Sorter
}

// NewExact returns an empty Exact. Sorting takes up to memory bytes and spills
// into dir.
func NewExact(o Options, dir string, memory int) *Exact {
	return &Exact{o: o, dir: dir, memory: memory, byImage: extsort.New(dir, memory/2)}
}

// Add takes one pair.
func (e *Exact) Add(p *Pair) error { return e.byImage.Add(p.encode(p.PictureHash, p.ImageID)) }

// encode makes a sorter's record that is ordered by first, second and place.
func (p *Pair) encode(first, second uint64) (key, value []byte) {
	key = binary.BigEndian.AppendUint64(nil, first)
	key = binary.BigEndian.AppendUint64(key, second)
	key = binary.BigEndian.AppendUint64(key, p.Place)
	for _, n := range []uint64{p.PairID, p.ImageID, p.PictureHash, p.TextHash} {
		value = binary.BigEndian.AppendUint64(value, n)
	}
	value = append(value, p.Preference)
	for _, q := range p.QueryIDs {
		value = binary.BigEndian.AppendUint32(value, q)
	}
	return key, value
}

func decode(rec extsort.Record) Pair {
	n := func(b []byte, i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	p := Pair{
		Place:  n(rec.Key, 2),
		PairID: n(rec.Value, 0), ImageID: n(rec.Value, 1), PictureHash: n(rec.Value, 2), TextHash: n(rec.Value, 3),
		Preference: rec.Value[32],
	}
	for b := rec.Value[33:]; len(b) > 0; b = b[4:] {
		p.QueryIDs = append(p.QueryIDs, binary.BigEndian.Uint32(b))
	}
	return p
}

// Verdicts walks the decisions on all pairs, in no meaningful but always the
// same order. It may be called once.
func (e *Exact) Verdicts() iter.Seq2[Verdict, error] {
	return func(yield func(Verdict, error) bool) {
		byText := extsort.New(e.dir, e.memory/2)
		defer byText.Close()
		pictures := groups(e.byImage, e.o.MaxURLsPerPicture, ReasonPlaceholder,
			fmt.Sprintf("the same picture stands under more than max_urls_per_picture %d addresses", e.o.MaxURLsPerPicture))
		for group, err := range pictures {
			if err == nil && group.reason == "" {
				e.settle(group.verdicts)
			}
			for _, v := range group.verdicts {
				if err == nil && v.Reason == "" {
					err = byText.Add(v.encode(v.TextHash, v.PictureHash))
				} else if err == nil && !yield(v, nil) {
					return
				}
			}
			if err != nil {
				yield(Verdict{}, err)
				return
			}
		}
		texts := groups(byText, e.o.MaxPicturesPerText, ReasonRepeatedText,
			fmt.Sprintf("the same text stands under more than max_pictures_per_text %d pictures", e.o.MaxPicturesPerText))
		for group, err := range texts {
			if err != nil {
				yield(Verdict{}, err)
				return
			}
			for _, v := range group.verdicts {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

// settle marks all but one of the pairs of one picture.
func (e *Exact) settle(pairs []Verdict) {
	if e.o.Exact == "none" {
		return
	}
	best := map[uint64]int{} // by text, or all under one key
	group := func(v *Verdict) uint64 {
		if e.o.Exact == "pair" {
			return v.TextHash
		}
		return 0
	}
	for i := range pairs {
		b, ok := best[group(&pairs[i])]
		if !ok || better(&pairs[i].Pair, &pairs[b].Pair) {
			best[group(&pairs[i])] = i
		}
	}
	reason := ReasonDuplicate
	if e.o.Exact == "pair" {
		reason = ReasonDuplicatePair
	}
	for i := range pairs {
		if b := best[group(&pairs[i])]; b != i {
			pairs[i].Reason = reason
			pairs[i].Detail = fmt.Sprintf("the picture is that of pair %016x, which stays", pairs[b].PairID)
		}
	}
}

func better(a, b *Pair) bool {
	if a.Preference != b.Preference {
		return a.Preference < b.Preference
	}
	return a.PairID < b.PairID
}

// Close frees memory and temporary files; it may be called at any time.
func (e *Exact) Close() error { return e.byImage.Close() }

// group is all pairs, or one stretch of them, that share the first number of
// their sorting key.
type group struct {
	verdicts []Verdict
	reason   string // set when the whole group is dropped
}

// groups walks a sorter group by group. A group in which the second number of
// the key takes more than limit values is dropped for reason; such a group
// comes in stretches, so that it need not fit in memory.
func groups(s *extsort.Sorter, limit int, reason, detail string) iter.Seq2[group, error] {
	const stretch = 4096
	return func(yield func(group, error) bool) {
		var g group
		var first, second uint64
		values := 0
		for rec, err := range s.Sorted() {
			if err != nil {
				yield(group{}, err)
				return
			}
			a, b := binary.BigEndian.Uint64(rec.Key), binary.BigEndian.Uint64(rec.Key[8:])
			switch {
			case values == 0 || a != first:
				if values > 0 && !yield(g, nil) {
					return
				}
				g = group{verdicts: g.verdicts[:0]}
				values = 1
			case b != second:
				values++
			}
			first, second = a, b
			if limit > 0 && values > limit && g.reason == "" {
				g.reason = reason
				for i := range g.verdicts {
					g.verdicts[i].Reason, g.verdicts[i].Detail = reason, detail
				}
			}
			v := Verdict{Pair: decode(rec)}
			if g.reason != "" {
				v.Reason, v.Detail = reason, detail
			}
			g.verdicts = append(g.verdicts, v)
			if g.reason != "" && len(g.verdicts) >= stretch {
				if !yield(g, nil) {
					return
				}
				g.verdicts = g.verdicts[:0]
			}
		}
		if values > 0 {
			yield(g, nil)
		}
	}
}
