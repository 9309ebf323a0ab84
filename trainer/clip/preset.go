package clip

import (
	"fmt"
	"strings"
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
	best, distance := "", 1<<30
	for _, c := range presets {
		if c.Name == name {
			return c, nil
		}
		if d := editDistance(strings.ToLower(name), c.Name); d < distance {
			best, distance = c.Name, d
		}
	}
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

// editDistance counts the insertions, deletions and replacements of bytes that
// turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
