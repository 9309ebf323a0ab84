package dedup

import (
	"fmt"
	"iter"

	"github.com/pairloom/pairloom/internal/extsort"
)

// AgainstOptions are the settings of evaluation sets, which training must not see.
type AgainstOptions struct {
	Against               []string `yaml:"against" default:"" doc:"evaluation sets whose pictures and texts no pair may have, nor edited copies: folders of pictures (captions in .txt files beside them), Parquet files (Hugging Face) or folders of pairloom datasets; empty: none"`
	AgainstDistance       int      `yaml:"against_distance" default:"10" range:"0..15" doc:"most bits in which the perceptual hashes of a picture and of an evaluation picture, or of a part of it, differ for them to be compared"`
	AgainstCorrelation    float64  `yaml:"against_correlation" default:"0.9" range:"0..1" doc:"how well small grey versions of the two must correlate for the pair to be dropped; 0 trusts the hashes alone"`
	AgainstTextSimilarity float64  `yaml:"against_text_similarity" default:"0.8" range:"0..1" doc:"a pair is dropped when its text is this similar to an evaluation text, as text_similarity counts; 0 leaves texts alone"`
	AgainstTextWords      int      `yaml:"against_text_words" default:"5" range:"1..1000" doc:"evaluation texts of fewer words are left alone, since such texts say nothing of where they come from"`
}

// ReasonEvaluationPicture is that of pairs whose picture is an evaluation set's.
const ReasonEvaluationPicture = "evaluation_picture"

// Sighting is an evaluation picture that a pair's picture is like.
type Sighting struct {
	Number      uint64
	Name        string
	Distance    int // of the hashes, in bits
	Correlation float64
}

// Against drops the pairs whose pictures are an evaluation set's. It decides on each
// pair by itself, and keeps them on disk until it is asked.
type Against struct {
	see   func(*Pair) (Sighting, bool, error)
	spool *extsort.Spool
	value []byte
}

// NewAgainst returns an empty Against, which keeps up to memory bytes of pairs in memory
// and the others in dir. see tells which evaluation picture a pair's picture is like.
func NewAgainst(see func(*Pair) (Sighting, bool, error), dir string, memory int) *Against {
	return &Against{see: see, spool: extsort.NewSpool(dir, memory)}
}

// Add takes one pair.
func (a *Against) Add(p *Pair) error {
	a.value = appendPair(a.value[:0], p)
	return a.spool.Add(nil, a.value)
}

// Verdicts walks the decisions on all pairs, in the order in which they were added.
func (a *Against) Verdicts() iter.Seq2[*Verdict, error] {
	return func(yield func(*Verdict, error) bool) {
		var v Verdict
		for rec, err := range a.spool.Walk() {
			if err != nil {
				yield(nil, err)
				return
			}
			v = Verdict{Pair: v.Pair}
			readPair(&v.Pair, rec.Value)
			s, seen, err := a.see(&v.Pair)
			if err != nil {
				yield(nil, err)
				return
			}
			if seen {
				v.Reason, v.Like, v.Distance, v.Likeness = ReasonEvaluationPicture, s.Number, s.Distance, s.Correlation
				v.Detail = fmt.Sprintf("the picture is that of %s: %d bits of the hashes differ, correlation %.2f", s.Name, s.Distance, s.Correlation)
			}
			if !yield(&v, nil) {
				return
			}
		}
	}
}

// Close frees memory and temporary files; it may be called at any time.
func (a *Against) Close() error {
	a.spool.Close()
	return nil
}
