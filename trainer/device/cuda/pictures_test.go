//go:build cuda

package cuda

import (
	"fmt"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// TestPictures holds operations on pictures against the reference backend where the
// conformance suite does not go: whole chunks and single elements, tiles of both widths,
// sums over several chunks of rows, and each way of a batch norm's gradient in place.
func TestPictures(t *testing.T) {
	type buffers = []device.Buffer
	type operation struct {
		name      string
		f32, bf16 float64
		run       func(b *desk, t device.Type) buffers
	}
	var list []operation
	for _, c := range []device.Conv3x3{{Batch: 2, Side: 5, In: 32, Out: 40}, {Batch: 1, Side: 6, In: 8, Out: 128}, {Batch: 3, Side: 19, In: 8, Out: 16}} {
		list = append(list, operation{fmt.Sprintf("convolution of %d of %d, %d to %d", c.Batch, c.Side, c.In, c.Out), 5e-6, 8e-3, func(b *desk, t device.Type) buffers {
			x, w, dy := b.draw(t, c.Rows()*c.In), b.draw(t, c.Out*c.In*9), b.draw(t, c.Rows()*c.Out)
			y, dx, dw := b.room(t, c.Rows()*c.Out), b.room(t, c.Rows()*c.In), b.draw(device.F32, c.Out*c.In*9)
			b.Conv3x3(y, x, w, c)
			b.Conv3x3BackwardData(dx, dy, w, c)
			b.Conv3x3BackwardWeights(dw, dy, x, c)
			return buffers{y, dx, dw}
		}})
	}
	for _, s := range [][2]int{{5000, 8}, {700, 33}, {70, 520}} {
		rows, cols := s[0], s[1]
		list = append(list, operation{fmt.Sprintf("batch norm of %d by %d", rows, cols), 1e-5, 8e-3, func(b *desk, t device.Type) buffers {
			x, gain, shift := b.draw(t, rows*cols), b.draw(device.F32, cols), b.draw(device.F32, cols)
			stats, y := b.room(device.F32, 2*cols), b.room(t, rows*cols)
			running := device.Running{Mean: b.draw(device.F32, cols), Variance: b.draw(device.F32, cols), Count: b.draw(device.F32, 1)}
			b.BatchStats(stats, x, running, rows, cols, 1e-5, 0.1)
			b.BatchNorm(y, x, stats, gain, shift, device.Buffer{}, rows, cols, true)
			results := buffers{stats, running.Mean, running.Variance, running.Count, y}
			// The sign of y is computed again, once into dy and once into x.
			dy, dgain, dshift := b.draw(t, rows*cols), b.draw(device.F32, cols), b.draw(device.F32, cols)
			b.BatchNormBackward(dy, dgain, dshift, dy, x, stats, gain, shift, device.Buffer{}, rows, cols, true)
			results = append(results, dy, dgain, dshift)
			dy, dgain, dshift = b.draw(t, rows*cols), b.draw(device.F32, cols), b.draw(device.F32, cols)
			b.BatchNorm(y, x, stats, gain, shift, y, rows, cols, true)
			b.BatchNormBackward(x, dgain, dshift, dy, x, stats, gain, shift, y, rows, cols, true)
			return append(results, x, dy, dgain, dshift)
		}})
	}
	for _, s := range [][3]int{{2, 6, 64}, {3, 5, 40}, {1, 2, 300}} {
		batch, side, cols := s[0], s[1], s[2]
		rows, n := batch*side*side, side/2
		list = append(list, operation{fmt.Sprintf("pools of %d of %d by %d", batch, side, cols), 1e-6, 8e-3, func(b *desk, t device.Type) buffers {
			y, dx, over := b.room(t, batch*n*n*cols), b.draw(t, rows*cols), b.room(t, rows*cols)
			b.AvgPool(y, b.draw(t, rows*cols), batch, side, cols)
			dy := b.draw(t, batch*n*n*cols)
			b.AvgPoolBackward(dx, dy, batch, side, cols, 1)
			b.AvgPoolBackward(over, dy, batch, side, cols, 0)
			tokens, dtokens := b.room(t, batch*(1+side*side)*cols), b.room(t, rows*cols)
			b.MeanToken(tokens, dx, batch, side*side, cols)
			b.MeanTokenBackward(dtokens, tokens, batch, side*side, cols)
			return buffers{y, dx, over, tokens, dtokens}
		}})
	}
	for _, s := range [][3]int{{2, 16, 8}, {2, 28, 14}, {3, 10, 5}} {
		batch, side, patch := s[0], s[1], s[2]
		n := side / patch
		list = append(list, operation{fmt.Sprintf("patches and windows of %d of %d by %d", batch, side, patch), 0, 0, func(b *desk, t device.Type) buffers {
			pictures := b.draw(t, batch*3*side*side)
			out, windows := b.draw(t, batch*(1+n*n)*3*patch*patch), b.draw(t, batch*(side/2)*(side/2)*27)
			b.Patchify(out, pictures, batch, side, patch)
			b.Unfold(windows, pictures, batch, side)
			return buffers{out, windows}
		}})
	}
	for _, op := range list {
		for _, typ := range []device.Type{device.F32, device.BF16} {
			truth := newDesk(t, reference.New(), false)
			var wanted [][]float32
			for _, x := range op.run(truth, typ) {
				wanted = append(wanted, truth.read(x))
			}
			for _, askew := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, askew %v", op.name, typ, askew), func(t *testing.T) {
					b := newDesk(t, device.Strict{Device: card(t)}, askew)
					limit := op.f32
					if typ == device.BF16 {
						limit = op.bf16
					}
					for i, got := range op.run(b, typ) {
						near(t, fmt.Sprintf("result %d", i), b.read(got), wanted[i], limit)
					}
				})
			}
		}
	}
}
