package clip

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/spelling"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
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

// Public is what the public models take from the levels of their pictures, from 0 to
// 1, and divide them by.
var Public = device.Normalization{
	Mean:      [3]float32{0.48145466, 0.4578275, 0.40821073},
	Deviation: [3]float32{0.26862954, 0.26130258, 0.27577711},
}

// IsResNet reports whether the image tower is a ResNet.
func (c Config) IsResNet() bool { return c.Blocks != [4]int{} }

// presets are the models known by name. The nano ones are for tests; the micro
// ones train on two CPU cores in minutes; rn-small and vit-small have 8 and 12
// million parameters; the others are the paper's, with the GELU of open_clip's
// configurations; see QuickSuffix. tiny stands between nano and micro.
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

// QuickSuffix ends the name of a preset with QuickGELU, as in open_clip's names: that
// without it is the same model with GELU.
const QuickSuffix = "-quickgelu"

// Preset is the model of that name. The error of an unknown one names the
// nearest.
func Preset(name string) (Config, error) {
	plain, quick := strings.CutSuffix(name, QuickSuffix)
	for _, c := range presets {
		if c.Name == plain {
			return c.WithActivation(quick), nil
		}
	}
	best := spelling.Nearest(strings.ToLower(plain), Presets(), math.MaxInt-1)
	if quick {
		best += QuickSuffix
	}
	return Config{}, fmt.Errorf("no model is called %q; the nearest name is %s; all names: %s, and each with %s behind it", name, best, strings.Join(Presets(), ", "), QuickSuffix)
}

// WithActivation is the preset c with QuickGELU or with GELU.
func (c Config) WithActivation(quick bool) Config {
	c.Name, c.QuickGELU = strings.TrimSuffix(c.Name, QuickSuffix), quick
	if quick {
		c.Name += QuickSuffix
	}
	return c
}

// Activation is the word for the model's activation, as train.activation has it.
func (c Config) Activation() string {
	if c.QuickGELU {
		return "quick_gelu"
	}
	return "gelu"
}

// SameShape tells whether weights of one model mean the same in the other: all but
// their names and what they are trained to do is equal.
func (c Config) SameShape(o Config) bool {
	o.Name, o.Objective, o.Classes = c.Name, c.Objective, c.Classes
	return c == o
}

// Named is the preset that c is, by its shape; where there is none it is c under a
// name made of its sizes.
func (c Config) Named() (named Config, preset bool) {
	for _, p := range presets {
		if p = p.WithActivation(c.QuickGELU); p.SameShape(c) {
			return p, true
		}
	}
	if c.Name = fmt.Sprintf("vit-%d-%d-%dx%d", c.Patch, c.Resolution, c.Layers, c.Width); c.IsResNet() {
		c.Name = fmt.Sprintf("rn-%d-%d-%d-%d-%d-%d", c.Resolution, c.Width, c.Blocks[0], c.Blocks[1], c.Blocks[2], c.Blocks[3])
	}
	return c, false
}

// Like lists the presets to which tensors of these shapes belong, by names that
// [Places] knows. Heads and activation cannot be told from tensors: heads are those of
// the presets, and the activation is GELU's here.
func Like(shapes map[string][]int) []Config {
	places, _, err := Places(shapes)
	if err != nil {
		return nil
	}
	ours, vocabulary := map[string][]int{}, 0
	for name, shape := range shapes {
		p := places[name]
		shape = p.whole(shape)
		if ours[p.Name] = shape; p.Name == "token_embedding.weight" && len(shape) == 2 {
			vocabulary = shape[0]
		}
	}
	var found []Config
	for _, c := range presets {
		m := New(c, vocabulary)
		if !slices.ContainsFunc(m.Parameters.List, func(q *nn.Parameter) bool {
			shape, there := ours[q.Name]
			return !there || len(q.Shape) > 0 && !slices.Equal(shape, q.Shape)
		}) {
			found = append(found, c)
		}
	}
	return found
}

// Validate holds the sizes of a model that nobody vouches for to what can be computed.
func (c Config) Validate() error {
	const most = 1 << 14
	for _, n := range []struct {
		what string
		size int
	}{{"the shared space", c.Embed}, {"pictures", c.Resolution}, {"the image tower", c.Width}, {"the image tower's heads", c.Heads},
		{"the text tower", c.TextWidth}, {"the text tower's layers", c.TextLayers}, {"the text tower's heads", c.TextHeads}, {"captions", c.Context}} {
		if n.size < 1 || n.size > most {
			return fmt.Errorf("the size of %s is %d, 1 to %d expected", n.what, n.size, most)
		}
	}
	layers := append(c.Blocks[:], c.TextLayers)
	switch {
	case c.TextWidth%c.TextHeads != 0:
		return fmt.Errorf("the text tower is %d wide, which %d heads do not share evenly", c.TextWidth, c.TextHeads)
	case c.IsResNet() && (c.Width%2 != 0 || c.Width > most/32 || c.channels()%c.Heads != 0 || (c.Resolution < reduction || c.Resolution%2 != 0)):
		return fmt.Errorf("a ResNet of width %d with %d heads and pictures of %d pixels cannot be", c.Width, c.Heads, c.Resolution)
	case c.IsResNet() && slices.Min(c.Blocks[:]) < 1:
		return fmt.Errorf("a ResNet has blocks in each of its layers, %v given", c.Blocks)
	case !c.IsResNet() && (c.Patch < 1 || c.Resolution%c.Patch != 0):
		return fmt.Errorf("pictures of %d pixels cannot be cut into patches of %d", c.Resolution, c.Patch)
	case !c.IsResNet() && c.Width%c.Heads != 0:
		return fmt.Errorf("the image tower is %d wide, which %d heads do not share evenly", c.Width, c.Heads)
	case !c.IsResNet():
		layers = append(layers, c.Layers)
	}
	if n := slices.Max(layers); n > 1000 {
		return fmt.Errorf("%d layers given, 1000 at most expected", n)
	}
	if !c.IsResNet() && c.Layers < 1 {
		return fmt.Errorf("the image tower has %d layers, 1 at least expected", c.Layers)
	}
	return nil
}

// Presets lists the names, ViTs first, each kind from its smallest.
func Presets() []string {
	var names []string
	for _, c := range presets {
		names = append(names, c.Name)
	}
	return names
}
