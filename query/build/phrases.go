package build

import (
	"bytes"
	"fmt"
	"iter"
	"math"
	"strconv"

	"github.com/pairloom/pairloom/internal/extsort"
)

// scored is a phrase with its pointwise mutual information.
type scored struct {
	text string
	n    int64
	pmi  float64
}

// pmi is the pointwise mutual information of a phrase in bits, as NLTK's
// BigramAssocMeasures.pmi and so MetaCLIP define it: log2(c(ab) N / (c(a) c(b))),
// N being the number of words.
func pmi(ab, a, b, words int64) float64 {
	return math.Log2(float64(ab)) + math.Log2(float64(words)) - math.Log2(float64(a)) - math.Log2(float64(b))
}

// phrasesAbove joins phrases with the counts of their words and keeps those of
// at least minCount occurrences and a pointwise mutual information of minPMI. The
// sources are sorted by their bytes and may be larger than memory: phrases meet
// their first words in that order, are sorted by their second words, and meet
// those. Since c(b) >= c(ab), no phrase passes whose first word has more than
// N/2^minPMI occurrences, which leaves little to sort.
func phrasesAbove(phrases, words func() iter.Seq2[count, error], total int64, o *Options) ([]scored, float64, error) {
	second := extsort.New(o.Temp, o.Memory/4)
	defer second.Close()
	best := math.Inf(-1)
	first := newFollower(words())
	defer first.stop()
	for c, err := range phrases() {
		if err != nil {
			return nil, 0, err
		}
		if c.n < o.MinPhraseCount {
			continue
		}
		a, b, _ := bytes.Cut(c.key, []byte{' '})
		ca, err := first.of(a)
		if err != nil {
			return nil, 0, err
		}
		if pmi(c.n, ca, c.n, total) < o.MinPMI {
			continue
		}
		if err := second.Add(b, fmt.Appendf(nil, "%s %d %d", a, c.n, ca)); err != nil {
			return nil, 0, err
		}
	}
	var out []scored
	next := newFollower(words())
	defer next.stop()
	for rec, err := range second.Sorted() {
		if err != nil {
			return nil, 0, err
		}
		cb, err := next.of(rec.Key)
		if err != nil {
			return nil, 0, err
		}
		parts := bytes.Split(rec.Value, []byte{' '})
		n, _ := strconv.ParseInt(string(parts[1]), 10, 64)
		ca, _ := strconv.ParseInt(string(parts[2]), 10, 64)
		score := pmi(n, ca, cb, total)
		best = max(best, score)
		if score >= o.MinPMI {
			out = append(out, scored{string(parts[0]) + " " + string(rec.Key), n, score})
		}
		// No more phrases than the list has room for are kept in memory.
		if len(out) >= 2*o.Size+1024 {
			out = out[:len(topPhrases(out, o.Size))]
		}
	}
	return topPhrases(out, o.Size), best, nil
}

// follower finds the counts of words that are asked for in sorted order.
type follower struct {
	next func() (count, error, bool)
	stop func()
	key  []byte
	n    int64
}

func newFollower(words iter.Seq2[count, error]) *follower {
	f := &follower{}
	f.next, f.stop = iter.Pull2(words)
	return f
}

func (f *follower) of(word []byte) (int64, error) {
	for bytes.Compare(f.key, word) < 0 {
		c, err, ok := f.next()
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		f.key, f.n = append(f.key[:0], c.key...), c.n
	}
	if !bytes.Equal(f.key, word) {
		return 0, fmt.Errorf("read counts: phrase with the uncounted word %q; remove the folder of counts and run again", word)
	}
	return f.n, nil
}
