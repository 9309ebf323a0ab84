package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

// words drops texts of too few or too many words, as package fold cuts them.
func words(least, most int) Rule[shard.Candidate] {
	return Rule[shard.Candidate]{"words", func(c *shard.Candidate) (string, bool) {
		n := len(fold.Words(nil, fold.AppendText(nil, c.Text)))
		switch {
		case n < least:
			return fmt.Sprintf("%d words, fewer than min_words %d", n, least), true
		case most > 0 && n > most:
			return fmt.Sprintf("%d words, more than max_words %d", n, most), true
		}
		return "", false
	}}
}
