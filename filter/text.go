package filter

import (
	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

// Text is a candidate whose text has been folded and cut into words once, for
// all rules and for matching. Its memory is reused by Set; each worker has one.
type Text struct {
	*shard.Candidate
	Folded []byte   // see [fold.Cut]; fold.Padding zero bytes lie behind it
	Edges  []uint32 // start and end of each word in Folded

	seen []uint32 // scratch of repeated
}

// Set makes t the text of c, which it keeps.
func (t *Text) Set(c *shard.Candidate) {
	t.Candidate = c
	t.Folded, t.Edges = fold.Cut(t.Folded, t.Edges[:0], c.Text)
}

// Words is the number of words.
func (t *Text) Words() int { return len(t.Edges) / 2 }

// word is word i, folded.
func (t *Text) word(i int) []byte { return t.Folded[t.Edges[2*i]:t.Edges[2*i+1]] }
