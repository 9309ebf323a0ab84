package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// aspectRatio drops pictures that are too long or too tall.
func aspectRatio(most float64) Rule[shard.Image] {
	return Rule[shard.Image]{"aspect_ratio",
		func(i *shard.Image) bool {
			long, short := max(i.OriginalWidth, i.OriginalHeight), min(i.OriginalWidth, i.OriginalHeight)
			return most != 0 && float64(long) > most*float64(short)
		},
		func(i *shard.Image) string {
			return fmt.Sprintf("%dx%d, the ratio is more than max_aspect_ratio %g", i.OriginalWidth, i.OriginalHeight, most)
		}}
}
