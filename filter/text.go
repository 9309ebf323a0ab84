package filter

import (
	"github.com/pairloom/pairloom/filter/language"
	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

// Text is a candidate whose text has been folded and cut into words once, for
// all rules and for matching. What only some rules ask is found when the first
// does. Its memory is reused by Set; each worker has one.
type Text struct {
	*shard.Candidate
	Folded []byte   // see [fold.Cut]; fold.Padding zero bytes lie behind it
	Edges  []uint32 // start and end of each word in Folded

	seen   []uint32 // scratch of different and repeats
	counts []uint32 // scratch of repeats
	units  []uint64 // scratch of what repeats is asked of
	lang   language.Scratch

	known      uint8 // which of the following are those of this text
	kinds      kinds
	grammar    grammar
	hashes     []uint64 // of the words
	code       string
	confidence float64
}

// What is known of a text, as bits.
const (
	knowsKinds = 1 << iota
	knowsGrammar
	knowsHashes
	knowsLanguage
)

// Set makes t the text of c, which it keeps.
func (t *Text) Set(c *shard.Candidate) {
	t.Candidate = c
	t.Folded, t.Edges = fold.Cut(t.Folded, t.Edges[:0], c.Text)
	t.known = 0
}

// ask tells whether the text knows a thing already, and from now on it does.
func (t *Text) ask(thing uint8) (already bool) {
	already = t.known&thing != 0
	t.known |= thing
	return already
}

// Words is the number of words.
func (t *Text) Words() int { return len(t.Edges) / 2 }

// word is word i, folded.
func (t *Text) word(i int) []byte { return t.Folded[t.Edges[2*i]:t.Edges[2*i+1]] }

// Language is the likeliest language of the folded text and how likely it is, see
// [language.Detector.Detect].
func (t *Text) Language() (code string, confidence float64) {
	if !t.ask(knowsLanguage) {
		t.code, t.confidence = language.Shared().Detect(t.Folded, &t.lang)
	}
	return t.code, t.confidence
}

// wordHashes are the hashes of the words.
func (t *Text) wordHashes() []uint64 {
	if !t.ask(knowsHashes) {
		t.hashes = t.hashes[:0]
		for i := range t.Words() {
			t.hashes = append(t.hashes, t.hash(i))
		}
	}
	return t.hashes
}
