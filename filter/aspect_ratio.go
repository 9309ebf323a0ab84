package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// aspectRatio drops pictures that are too long or too tall: by the original's long
// side over its short one.
func aspectRatio(greatest float64) Rule[shard.Image] {
	return measured("aspect_ratio",
		func(i *shard.Image) (float64, bool) {
			long, short := max(i.OriginalWidth, i.OriginalHeight), min(i.OriginalWidth, i.OriginalHeight)
			return float64(long) / float64(short), short > 0
		},
		func(i *shard.Image, v float64) string {
			return fmt.Sprintf("%dx%d, a ratio of %.4g", i.OriginalWidth, i.OriginalHeight, v)
		},
		most("picture.max_aspect_ratio", greatest))
}
