package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

// repetitionMinWords is the length from which repetition means anything: in
// three words one repeat is a third.
const repetitionMinWords = 4

// repetition drops texts in which more than the given share of words stood
// before, as lists of tags and search terms do.
func repetition(most float64) Rule[shard.Candidate] {
	return Rule[shard.Candidate]{"word_repetition", func(c *shard.Candidate) (string, bool) {
		if most == 0 {
			return "", false
		}
		folded := fold.AppendText(nil, c.Text)
		spans := fold.Words(nil, folded)
		if len(spans) < repetitionMinWords {
			return "", false
		}
		seen := make(map[string]struct{}, len(spans))
		for _, s := range spans {
			seen[string(folded[s.Start:s.End])] = struct{}{}
		}
		share := 1 - float64(len(seen))/float64(len(spans))
		if share <= most {
			return "", false
		}
		return fmt.Sprintf("%.2f of the words stood before, more than max_word_repetition %g", share, most), true
	}}
}
