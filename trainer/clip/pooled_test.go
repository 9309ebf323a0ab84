package clip

import (
	"math"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device/cpu"
)

// TestPooled projects pooled rows by hand: normalised, they are what Images gives.
// A ViT's are the last layer norm's, of mean 0 and variance 1 while its gain is 1
// and its shift 0.
func TestPooled(t *testing.T) {
	for _, c := range []Config{tiny, tinyResNet} {
		t.Run(c.Name, func(t *testing.T) {
			const pictures = 3
			r := start(t, cpu.Open(1), c, 30)
			x, _ := fakeBatch(c, pictures, 30)
			read := func(v *autograd.Value) []float32 { return r.read(t, v.Data) }
			tape := autograd.Evaluate(r.dev, r.pool)
			pooled, images := read(r.model.Pooled(tape, r.model.Planes(tape, x))), read(r.model.Images(tape, r.model.Planes(tape, x)))
			width := len(pooled) / pictures
			features := make([]float64, pictures*c.Embed)
			if c.IsResNet() {
				if width != c.Embed {
					t.Fatalf("the attention pool gives %d words, want %d", width, c.Embed)
				}
				for i, v := range pooled {
					features[i] = float64(v)
				}
			} else {
				if width != c.Width {
					t.Fatalf("the class token has %d words, want %d", width, c.Width)
				}
				proj := read(r.model.image.(*vit).proj)
				for i, v := range pooled {
					for j := range c.Embed {
						features[i/width*c.Embed+j] += float64(v) * float64(proj[i%width*c.Embed+j])
					}
				}
				for i := range pictures {
					var sum, squares float64
					for _, v := range pooled[i*width : (i+1)*width] {
						sum, squares = sum+float64(v), squares+float64(v)*float64(v)
					}
					if n := float64(width); math.Abs(sum/n) > 1e-5 || math.Abs(squares/n-1) > 1e-3 {
						t.Errorf("row %d has the mean %g and the variance %g", i, sum/n, squares/n)
					}
				}
			}
			for i := range pictures {
				row, squares := features[i*c.Embed:(i+1)*c.Embed], 0.0
				for _, v := range row {
					squares += v * v
				}
				for j, v := range row {
					if got := float64(images[i*c.Embed+j]); math.Abs(got-v/math.Sqrt(squares)) > 1e-5 {
						t.Errorf("picture %d: word %d is %g, of the pooled row %g", i, j, got, v/math.Sqrt(squares))
					}
				}
			}
			tape.Reset()
		})
	}
}
