package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// longSide drops pictures whose original long side is too large.
func longSide(largest int) Rule[shard.Image] {
	return measured("long_side",
		func(i *shard.Image) (float64, bool) { return float64(max(i.OriginalWidth, i.OriginalHeight)), true },
		func(i *shard.Image, _ float64) string {
			return fmt.Sprintf("the long side of %dx%d", i.OriginalWidth, i.OriginalHeight)
		},
		most("picture.max_long_side", float64(largest)))
}
