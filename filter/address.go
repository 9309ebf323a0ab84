package filter

import (
	"regexp"

	"github.com/pairloom/pairloom/shard"
)

var addressPattern = regexp.MustCompile(`(?i)^\s*((https?|ftp)://\S+|www\.\S+|[^\s@]+@[^\s@]+\.[^\s@]+)\s*$`)

// address drops texts that are a web or mail address and nothing else.
func address(enabled bool) Rule[shard.Candidate] {
	return Rule[shard.Candidate]{"address", func(c *shard.Candidate) (string, bool) {
		return "the text is an address", enabled && addressPattern.MatchString(c.Text)
	}}
}
