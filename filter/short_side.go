package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// shortSide drops pictures whose original short side is too small.
func shortSide(least int) Rule[shard.Image] {
	return Rule[shard.Image]{"short_side",
		func(i *shard.Image) bool { return int(min(i.OriginalWidth, i.OriginalHeight)) < least },
		func(i *shard.Image) string {
			return fmt.Sprintf("%dx%d, the short side is less than min_short_side %d", i.OriginalWidth, i.OriginalHeight, least)
		}}
}
