package clip

import (
	"fmt"
	"math"
	"strings"

	"github.com/pairloom/pairloom/internal/spelling"
	"github.com/pairloom/pairloom/trainer/device"
)

// Config is the shape of a model.
type Config struct {
	Name  string `json:"name"`
	Embed int    `json:"embed"` // dimensions of the shared space

	Resolution int `json:"resolution"` // pixels a side
	Patch      int `json:"patch"`      // pixels a side
	Width      int `json:"width"`
	Layers     int `json:"layers"`
	Heads      int `json:"heads"`

	TextWidth  int `json:"text_width"`
	TextLayers int `json:"text_layers"`
	TextHeads  int `json:"text_heads"`
	Context    int `json:"context"` // tokens of the longest caption, start and end among them

	// QuickGELU is x*sigmoid(1.702x), which the released weights need.
	QuickGELU bool `json:"quick_gelu"`

	// Blocks are the bottlenecks of each layer of a ResNet, whose Width is that
	// of its stem, and whose Heads are the attention pool's. It has no Patch and
	// no Layers. A ViT has no Blocks.
	Blocks [4]int `json:"blocks,omitzero"`

	// Objective is what the model is trained to do; "" stands for Contrastive.
	Objective string `json:"objective,omitempty"`
	Classes   int    `json:"classes,omitempty"` // of Supervised
}

// Normalization is what the model takes from the levels of its pictures, from 0 to
// 1, and divides them by: that of the public models.
func (c Config) Normalization() device.Normalization {
	return device.Normalization{
		Mean:      [3]float32{0.48145466, 0.4578275, 0.40821073},
		Deviation: [3]float32{0.26862954, 0.26130258, 0.27577711},
	}
}

// IsResNet reports whether the image tower is a ResNet.
func (c Config) IsResNet() bool { return c.Blocks != [4]int{} }

// presets are the models known by name. The nano ones are for tests; the micro
// ones train on two CPU cores in minutes; rn-small and vit-small have 8 and 12
// million parameters; the others are the paper's, with the GELU of open_clip's
// configurations. tiny stands between nano and micro.
var presets = []Config{
	vitConfig("vit-nano", 32, 32, 8, 64, 2, 2, 64, 2, 2),
	vitConfig("vit-micro", 128, 64, 8, 128, 4, 4, 128, 3, 4),
	vitConfig("vit-small", 256, 112, 16, 256, 8, 4, 256, 6, 4),
	vitConfig("vit-b-32", 512, 224, 32, 768, 12, 12, 512, 12, 8),
	vitConfig("vit-b-16", 512, 224, 16, 768, 12, 12, 512, 12, 8),
	vitConfig("vit-l-14", 768, 224, 14, 1024, 24, 16, 768, 12, 12),
	vitConfig("vit-l-14-336", 768, 336, 14, 1024, 24, 16, 768, 12, 12),
	resnetConfig("rn-nano", 32, 64, [4]int{1, 1, 1, 1}, 8, 64, 2, 2),
	resnetConfig("rn-tiny", 64, 64, [4]int{1, 1, 1, 1}, 16, 96, 2, 3),
	resnetConfig("rn-micro", 128, 64, [4]int{1, 2, 2, 1}, 32, 128, 3, 4),
	resnetConfig("rn-small", 256, 112, [4]int{1, 2, 2, 1}, 32, 192, 4, 3),
	resnetConfig("rn50", 1024, 224, [4]int{3, 4, 6, 3}, 64, 512, 12, 8),
	resnetConfig("rn101", 512, 224, [4]int{3, 4, 23, 3}, 64, 512, 12, 8),
	resnetConfig("rn50x4", 640, 288, [4]int{4, 6, 10, 6}, 80, 640, 12, 10),
	resnetConfig("rn50x16", 768, 384, [4]int{6, 8, 18, 8}, 96, 768, 12, 12),
	resnetConfig("rn50x64", 1024, 448, [4]int{3, 15, 36, 10}, 128, 1024, 12, 16),
}

// context is the length of the public models' longest caption.
const context = 77

func vitConfig(name string, embed, resolution, patch, width, layers, heads, textWidth, textLayers, textHeads int) Config {
	return Config{Name: name, Embed: embed, Resolution: resolution, Patch: patch, Width: width, Layers: layers, Heads: heads,
		TextWidth: textWidth, TextLayers: textLayers, TextHeads: textHeads, Context: context}
}

func resnetConfig(name string, embed, resolution int, blocks [4]int, width, textWidth, textLayers, textHeads int) Config {
	// Heads of the attention pool are 64 wide.
	return Config{Name: name, Embed: embed, Resolution: resolution, Blocks: blocks, Width: width, Heads: width / 2,
		TextWidth: textWidth, TextLayers: textLayers, TextHeads: textHeads, Context: context}
}

// Preset is the model of that name. The error of an unknown one names the
// nearest.
func Preset(name string) (Config, error) {
	for _, c := range presets {
		if c.Name == name {
			return c, nil
		}
	}
	best := spelling.Nearest(strings.ToLower(name), Presets(), math.MaxInt-1)
	return Config{}, fmt.Errorf("no model is called %q; the nearest name is %s; all names: %s", name, best, strings.Join(Presets(), ", "))
}

// Presets lists the names, ViTs first, each kind from its smallest.
func Presets() []string {
	var names []string
	for _, c := range presets {
		names = append(names, c.Name)
	}
	return names
}
