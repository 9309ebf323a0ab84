package filter

import (
	"slices"

	"github.com/pairloom/pairloom/shard"
)

// textSource drops texts from places that are not listed.
func textSource(allowed []string) Rule[shard.Candidate] {
	return Rule[shard.Candidate]{"text_source", func(c *shard.Candidate) (string, bool) {
		if slices.Contains(allowed, c.TextSource) {
			return "", false
		}
		return c.TextSource + " is not among sources", true
	}}
}
