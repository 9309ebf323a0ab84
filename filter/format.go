package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// Formats are the formats that pictures come in, as their records name them.
var Formats = []string{"jpeg", "png", "gif", "webp", "bmp", "tiff", "avif", "heif", "ico", "jp2", "jxl"}

// format drops pictures that came in a format which is not among those allowed; none
// allows all.
func format(allowed []string) Rule[shard.Image] {
	return Rule[shard.Image]{Name: "format",
		Drop: func(i *shard.Image) bool { return len(allowed) > 0 && !slices.Contains(allowed, i.OriginalFormat) },
		Detail: func(i *shard.Image) string {
			return fmt.Sprintf("the original is %s, and formats are %s", i.OriginalFormat, strings.Join(allowed, ", "))
		}}
}
