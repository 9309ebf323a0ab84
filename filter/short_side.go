package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// shortSide drops pictures whose original short side is too small.
func shortSide(smallest int) Rule[shard.Image] {
	return measured("short_side",
		func(i *shard.Image) (float64, bool) { return float64(min(i.OriginalWidth, i.OriginalHeight)), true },
		func(i *shard.Image, _ float64) string {
			return fmt.Sprintf("the short side of %dx%d", i.OriginalWidth, i.OriginalHeight)
		},
		least("picture.min_short_side", float64(smallest)))
}
