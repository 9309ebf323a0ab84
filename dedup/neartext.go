package dedup

import (
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/pairloom/pairloom/internal/extsort"
)

// TextOptions are the settings of texts that are nearly equal.
type TextOptions struct {
	TextSimilarity    float64 `yaml:"text_similarity" default:"0" range:"0..1" doc:"of pairs whose texts are at least this similar one stays: the share of runs of 3 to 5 characters that both have, such as 0.8; 0 keeps them all"`
	TextMinCharacters int     `yaml:"text_min_characters" default:"20" range:"0..1000000" doc:"shorter texts are similar only when they are equal, case and spaces aside"`
}

// The reasons for which pairs are dropped for their texts.
const (
	ReasonNearText       = "near_duplicate_text"
	ReasonEvaluationText = "evaluation_text"
)

// sketchPlaces is the size of a text's sketch. It divides into bands of many sizes.
const sketchPlaces = 126

// Bounds of what a text is compared with. A bucket is the texts that share a band.
const (
	// bucketEnd is how many texts at either end of a bucket, counted from those that
	// stay first and from the text itself backwards, are its candidates there. Buckets
	// of up to twice as many are compared in whole.
	bucketEnd = 4
	// mostCompared is how many candidates a text is compared with, of evaluation texts
	// and of others each: those it shares the most bands with.
	mostCompared = 16
)

// NearTexts collects pairs and decides which stay, so that no two of them have texts
// that are nearly equal, nor a text that is nearly one of the references. Pairs
// are gone through in the order of [AppendPictureOrder]; each stays unless its text is
// similar to one that stays already, which its verdict names. So what a pair is dropped
// for is always there, and always that similar: no chain of small differences leads to
// it.
//
// What is dropped is similar in truth; of what is similar, package minhash states how
// much is found: all but 1.5 in 100 at similarity 0.8, all but 1 in 10,000 at 0.9, for
// a threshold of 0.8. Of texts that are alike in thousands, such as captions that differ in a
// number, each is compared with a bounded number of others, so that the cost stays in
// proportion to the pairs. Equal texts are all found.
//
// It takes the memory it is given and, beside it, a bit for each 16 bytes of text. It
// is not safe for concurrent use.
type NearTexts struct {
	o          TextOptions
	reference  float64 // similarity to references
	name       func(uint64) string
	dir        string
	memory     int
	texts      *extsort.Sorter
	key, value []byte
}

// NewNearTexts returns an empty NearTexts that takes up to memory bytes, half of them
// until Verdicts begins, and spills into dir. A pair whose text is of that similarity
// to a reference, which name calls by its number, is dropped; the similarity between pairs is that of the options. 0
// means that nothing is dropped.
func NewNearTexts(o TextOptions, reference float64, name func(uint64) string, dir string, memory int) *NearTexts {
	return &NearTexts{o: o, reference: reference, name: name, dir: dir, memory: memory, texts: extsort.New(dir, memory/2)}
}

// Kinds of records in the sort by text.
const (
	kindReference = 0
	kindPair      = 1
)

// Reference takes a folded text that no pair may have. Verdicts give its number back.
func (n *NearTexts) Reference(number, textHash uint64, text []byte) error {
	n.key = append(binary.BigEndian.AppendUint64(n.key[:0], textHash), kindReference)
	n.key = binary.BigEndian.AppendUint64(n.key, number)
	return n.texts.Add(n.key, text)
}

// Add takes one pair, which must have its text.
func (n *NearTexts) Add(p *Pair) error {
	n.key = append(binary.BigEndian.AppendUint64(n.key[:0], p.TextHash), kindPair)
	n.key = AppendPictureOrder(n.key, false, p) // a text says nothing of the side
	n.value = appendPair(n.value[:0], p)
	return n.texts.Add(n.key, n.value)
}

// Verdicts walks the decisions on all pairs, in no meaningful but always the same
// order. It may be called once.
func (n *NearTexts) Verdicts() iter.Seq2[*Verdict, error] {
	return func(yield func(*Verdict, error) bool) {
		decided, err := n.decide()
		if err == nil {
			defer decided.Close()
			err = n.tell(decided, yield)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// group is the pairs and references of one text; groups are numbered in the order of
// the sort by text. Its first record decides for all.
type group struct {
	number uint64
	first  extsort.Record // copied
	begun  bool
}

// next tells whether the record begins a group.
func (g *group) next(rec extsort.Record) bool {
	if g.begun && number(rec.Key) == number(g.first.Key) {
		return false
	}
	if g.begun {
		g.number++
	}
	g.begun = true
	g.first.Key = append(g.first.Key[:0], rec.Key...)
	g.first.Value = append(g.first.Value[:0], rec.Value...)
	return true
}

// kind is that of a record, and id the pair's id or the reference's number.
func kindOf(rec extsort.Record) (kind byte, id uint64) {
	if rec.Key[8] == kindReference {
		return kindReference, number(rec.Key[9:])
	}
	return kindPair, number(rec.Value[8:])
}

// tell yields a verdict on each pair.
func (n *NearTexts) tell(decided *extsort.Sorter, yield func(*Verdict, error) bool) error {
	next, stop := iter.Pull2(decided.Sorted())
	defer stop()
	d, err, more := next()
	var g group
	var v Verdict
	var here verdictOn // of this group
	for rec, fault := range n.texts.Sorted() {
		if fault != nil {
			return fault
		}
		begins := g.next(rec)
		if begins {
			here = verdictOn{}
			if err != nil {
				return err
			}
			kind, id := kindOf(rec)
			if kind == kindReference {
				here = verdictOn{dropped: true, like: id, kind: kindReference, likeness: 1}
			} else if more && number(d.Key) == g.number {
				here = readVerdictOn(d.Value)
				d, err, more = next()
			}
		}
		kind, id := kindOf(rec)
		if kind == kindReference {
			continue
		}
		readPair(&v.Pair, rec.Value)
		v.Reason, v.Detail, v.Like, v.Likeness = "", "", 0, 0
		if here.dropped {
			v.Reason, v.Detail = here.say(n)
			v.Like, v.Likeness = here.like, here.likeness
		} else if n.o.TextSimilarity > 0 {
			// Those of one text that follow are as similar as can be to the first.
			here = verdictOn{dropped: true, like: id, kind: kindPair, likeness: 1}
		}
		if !yield(&v, nil) {
			return nil
		}
	}
	if err == nil && more {
		err = fmt.Errorf("near texts: a decision is on text %d, but there are %d; this is a bug in pairloom, please report it", number(d.Key), g.number+1)
	}
	return err
}

// Close frees memory and temporary files; it may be called at any time.
func (n *NearTexts) Close() error { return n.texts.Close() }
