package clip

import (
	"fmt"
	"math"
	"strings"

	"github.com/pairloom/pairloom/internal/spelling"
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
}

// presets are the models known by name. nano is for tests; micro trains on two
// CPU cores in minutes; small has 12 million parameters; the others are the
// paper's, with the GELU of open_clip's configurations.
var presets = []Config{
	{"vit-nano", 32, 32, 8, 64, 2, 2, 64, 2, 2, 77, false},
	{"vit-micro", 128, 64, 8, 128, 4, 4, 128, 3, 4, 77, false},
	{"vit-small", 256, 112, 16, 256, 8, 4, 256, 6, 4, 77, false},
	{"vit-b-32", 512, 224, 32, 768, 12, 12, 512, 12, 8, 77, false},
	{"vit-b-16", 512, 224, 16, 768, 12, 12, 512, 12, 8, 77, false},
	{"vit-l-14", 768, 224, 14, 1024, 24, 16, 768, 12, 12, 77, false},
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

// Presets lists the names, smallest model first.
func Presets() []string {
	var names []string
	for _, c := range presets {
		names = append(names, c.Name)
	}
	return names
}
