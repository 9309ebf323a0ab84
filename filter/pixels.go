package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// pixels drops pictures of too few or too many pixels in the original.
func pixels(fewest, greatest int) Rule[shard.Image] {
	return measured("pixels",
		func(i *shard.Image) (float64, bool) {
			return float64(i.OriginalWidth) * float64(i.OriginalHeight), true
		},
		func(i *shard.Image, v float64) string {
			return fmt.Sprintf("%dx%d, %.0f pixels", i.OriginalWidth, i.OriginalHeight, v)
		},
		least("picture.min_pixels", float64(fewest)), most("picture.max_pixels", float64(greatest)))
}
