package filter

import (
	"fmt"
	"unicode/utf8"

	"github.com/pairloom/pairloom/shard"
)

// characters drops texts of too few or too many characters (code points).
func characters(least, most int) Rule[shard.Candidate] {
	return Rule[shard.Candidate]{"characters", func(c *shard.Candidate) (string, bool) {
		n := utf8.RuneCountInString(c.Text)
		switch {
		case n < least:
			return fmt.Sprintf("%d characters, fewer than min_characters %d", n, least), true
		case most > 0 && n > most:
			return fmt.Sprintf("%d characters, more than max_characters %d", n, most), true
		}
		return "", false
	}}
}
