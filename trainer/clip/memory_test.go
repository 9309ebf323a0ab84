package clip

import (
	"errors"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// TestEvaluationMemory holds that embedding takes the memory of one layer, however
// many a tower has: on a tape of Evaluate, and on the one with which gradient
// caching rehearses.
func TestEvaluationMemory(t *testing.T) {
	vit := Config{Embed: 8, Resolution: 32, Patch: 4, Width: 32, Heads: 4, TextWidth: 32, TextHeads: 4, Context: 24}
	resnet := Config{Embed: 8, Resolution: 64, Blocks: [4]int{1, 1, 1, 1}, Width: 4, Heads: 2, TextWidth: 8, TextLayers: 1, TextHeads: 2, Context: 24}
	for _, tt := range []struct {
		name   string
		config Config
		deepen func(c *Config)
		embed  func(m *Model, tape *autograd.Tape, pictures *autograd.Value, c Config)
	}{
		{"ViT", vit, func(c *Config) { c.Layers = 8 }, func(m *Model, tape *autograd.Tape, pictures *autograd.Value, _ Config) { m.Images(tape, pictures) }},
		{"ResNet", resnet, func(c *Config) { c.Blocks = [4]int{4, 4, 4, 4} }, func(m *Model, tape *autograd.Tape, pictures *autograd.Value, _ Config) { m.Images(tape, pictures) }},
		{"text", vit, func(c *Config) { c.TextLayers = 8 }, func(m *Model, tape *autograd.Tape, _ *autograd.Value, c Config) {
			_, captions := fakeBatch(c, 8, 30)
			m.Texts(tape, captions)
		}},
	} {
		for _, activations := range []device.Type{device.F32, device.BF16} {
			for kind, tapeOf := range map[string]func(device.Device, *device.Pool) *autograd.Tape{"evaluate": autograd.Evaluate, "rehearse": autograd.Rehearse} {
				t.Run(tt.name+"/"+activations.String()+"/"+kind, func(t *testing.T) {
					// used is what a batch takes beside the parameters.
					used := func(c Config) int64 {
						d := reference.New()
						pool, m := device.NewPool(d), New(c, 30)
						m.Parameters.Type = activations
						if err := errors.Join(m.Parameters.Allocate(d, false), m.Parameters.Draw(d, 1)); err != nil {
							t.Fatal(err)
						}
						before := d.Bytes()
						tape := tapeOf(d, pool)
						tape.Type = activations
						pictures, _ := fakeBatch(c, 4, 30)
						tt.embed(m, tape, m.Planes(tape, pictures), c)
						n := d.Bytes() - before
						tape.Reset()
						pool.Close()
						m.Parameters.Free()
						if err := d.Close(); err != nil {
							t.Error(err)
						}
						return n
					}
					shallow, deep := tt.config, tt.config
					if shallow.Layers, shallow.TextLayers = 1, 1; shallow.IsResNet() {
						shallow.Layers = 0
					}
					deep.Layers, deep.TextLayers = shallow.Layers, shallow.TextLayers
					tt.deepen(&deep)
					if few, many := used(shallow), used(deep); many > few*21/20 {
						t.Errorf("the deep tower takes %d bytes, a shallow one %d", many, few)
					}
				})
			}
		}
	}
}
