package dedup

import (
	"encoding/binary"
	"iter"

	"github.com/pairloom/pairloom/internal/extsort"
)

// Tap is a step that lets every pair pass and keeps them all, so that what other
// settings would decide on them can be tried. Beyond its memory they lie in a
// temporary file. It is not safe for concurrent use.
type Tap struct {
	spool      *extsort.Spool
	key, value []byte
}

// NewTap returns an empty Tap, which holds up to memory bytes and spills into dir.
func NewTap(dir string, memory int) *Tap { return &Tap{spool: extsort.NewSpool(dir, memory)} }

// Len is the number of pairs.
func (t *Tap) Len() int64 { return t.spool.Len() }

// Add takes one pair.
func (t *Tap) Add(p *Pair) error {
	t.key = binary.BigEndian.AppendUint64(t.key[:0], p.Place)
	t.value = appendPair(t.value[:0], p)
	return t.spool.Add(t.key, t.value)
}

// Verdicts walks all pairs in the order in which they were added; all stay. It may be
// called again, but not while another walk is under way.
func (t *Tap) Verdicts() iter.Seq2[*Verdict, error] {
	return func(yield func(*Verdict, error) bool) {
		var v Verdict
		for rec, err := range t.spool.Walk() {
			if err != nil {
				yield(nil, err)
				return
			}
			if readPair(&v.Pair, rec.Value); !yield(&v, nil) {
				return
			}
		}
	}
}

// Close frees memory and the temporary file.
func (t *Tap) Close() error {
	t.spool.Close()
	return nil
}
