package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// fileSize drops pictures whose original file is too small: most are icons.
func fileSize(smallest int) Rule[shard.Image] {
	return measured("file_size",
		func(i *shard.Image) (float64, bool) { return float64(i.OriginalBytes), true },
		func(_ *shard.Image, v float64) string { return fmt.Sprintf("%.0f bytes", v) },
		least("picture.min_bytes", float64(smallest)))
}
