package filter

import (
	"fmt"

	"github.com/pairloom/pairloom/shard"
)

// animated drops pictures of more than one frame. One of unknown frames, which was
// fetched before versions counted them, passes for still.
func animated(drop bool) Rule[shard.Image] {
	return Rule[shard.Image]{Name: "animated_picture",
		Drop:   func(i *shard.Image) bool { return drop && i.Frames > 1 },
		Detail: func(i *shard.Image) string { return fmt.Sprintf("the picture has %d frames", i.Frames) }}
}
