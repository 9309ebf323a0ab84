package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// flat drops pictures of nearly one colour: by the standard deviation of their
// brightness. Of a picture that was fetched before versions knew it, which tells its
// frames neither, it says nothing.
func flat(smallest float64) Rule[shard.Image] {
	return measured("flat_picture",
		func(i *shard.Image) (float64, bool) { return float64(i.Spread) / 100, i.Frames > 0 },
		func(_ *shard.Image, v float64) string { return fmt.Sprintf("a brightness spread of %.2f levels", v) },
		least("picture.min_spread", smallest))
}
