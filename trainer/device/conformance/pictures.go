package conformance

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// pictureOperations are those on pictures as rows of channels: shapes past one
// register and one block of channels, one picture and several, and sides whose
// border is all there is.
func pictureOperations() []operation {
	var list []operation
	for _, c := range []device.Conv3x3{{Batch: 1, Side: 1, In: 1, Out: 1}, {Batch: 2, Side: 4, In: 3, Out: 5}, {Batch: 1, Side: 3, In: 17, Out: 16}, {Batch: 3, Side: 2, In: 8, Out: 20}} {
		list = append(list, conv3x3(c))
	}
	for _, s := range [][2]int{{2, 1}, {9, 5}, {131, 3}, {5, 37}} {
		for _, relu := range []bool{false, true} {
			for _, shortcut := range []bool{false, true} {
				list = append(list, batchNorm(s[0], s[1], relu, shortcut))
			}
		}
	}
	for _, s := range [][3]int{{1, 2, 1}, {2, 4, 5}, {1, 6, 17}, {2, 5, 3}} {
		list = append(list, avgPool(s[0], s[1], s[2]))
	}
	return append(list, meanToken(1, 1, 1), meanToken(3, 4, 17),
		attentionPool(device.AttentionPool{Batch: 1, Tokens: 1, Width: 2, Heads: 1}),
		attentionPool(device.AttentionPool{Batch: 3, Tokens: 5, Width: 12, Heads: 3}),
		attentionPool(device.AttentionPool{Batch: 2, Tokens: 19, Width: 16, Heads: 2}))
}

func conv3x3(c device.Conv3x3) operation {
	words := c.Out * c.In * 9
	return operation{
		name: fmt.Sprintf("conv3x3/%dx%d/%d-%d", c.Batch, c.Side, c.In, c.Out), inputs: []int{c.Rows() * c.In, words}, output: c.Rows() * c.Out,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, c.Rows()*c.Out)
			for b := range c.Batch {
				for i := range c.Side * c.Side {
					for k := range 9 {
						py, px := i/c.Side+k/3-1, i%c.Side+k%3-1
						if py < 0 || px < 0 || py >= c.Side || px >= c.Side {
							continue
						}
						for o := range c.Out {
							for j := range c.In {
								y[(b*c.Side*c.Side+i)*c.Out+o] += in[0][((b*c.Side+py)*c.Side+px)*c.In+j] * in[1][(o*c.In+j)*9+k]
							}
						}
					}
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y, dx, dw := b.zeros(c.Rows()*c.Out), b.zeros(c.Rows()*c.In), b.zeros(words)
			b.Fill(dx, 7)   // all of it must be overwritten
			b.Fill(dw, 0.5) // this is added to
			b.Conv3x3(y, in[0], in[1], c)
			b.Conv3x3BackwardData(dx, dy, in[1], c)
			b.Conv3x3BackwardWeights(dw, dy, in[0], c)
			less := b.zeros(words)
			b.Fill(less, -0.5)
			b.Sum(dw, dw, less)
			return y, []device.Buffer{dx, dw}
		},
		tolerance: 5e-6,
	}
}

func batchNorm(rows, cols int, relu, shortcut bool) operation {
	const eps = 1e-5
	op := operation{
		name: fmt.Sprintf("batchnorm/%dx%d/relu=%v/shortcut=%v", rows, cols, relu, shortcut), inputs: []int{rows * cols, cols, cols}, output: rows * cols,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, rows*cols)
			for j := range cols {
				var mean, variance float64
				for i := range rows {
					mean += in[0][i*cols+j] / float64(rows)
				}
				for i := range rows {
					variance += (in[0][i*cols+j] - mean) * (in[0][i*cols+j] - mean) / float64(rows)
				}
				for i := j; i < len(y); i += cols {
					y[i] = (in[0][i]-mean)/math.Sqrt(variance+eps)*in[1][j] + in[2][j]
					if shortcut {
						y[i] += in[3][i]
					}
					if relu {
						y[i] = max(y[i], 0)
					}
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			stats, dgain, dshift := b.zeros(2*cols), b.zeros(cols), b.zeros(cols)
			b.BatchStats(stats, in[0], device.Running{}, rows, cols, eps, 0)
			y := b.zeros(rows * cols)
			if !shortcut {
				b.BatchNorm(y, in[0], stats, in[1], in[2], device.Buffer{}, rows, cols, relu)
				b.BatchNormBackward(dy, dgain, dshift, dy, in[0], stats, in[1], in[2], device.Buffer{}, rows, cols, relu)
				return y, []device.Buffer{dy, dgain, dshift}
			}
			b.BatchNorm(y, in[0], stats, in[1], in[2], in[3], rows, cols, relu)
			b.BatchNormBackward(in[0], dgain, dshift, dy, in[0], stats, in[1], in[2], y, rows, cols, relu)
			return y, []device.Buffer{in[0], dgain, dshift, dy}
		},
		tolerance: 5e-6, shift: 0.5,
	}
	if shortcut {
		op.inputs = append(op.inputs, rows*cols)
	}
	return op
}

func avgPool(batch, side, cols int) operation {
	n := side / 2
	return operation{
		name: fmt.Sprintf("avgpool/%dx%d/%d", batch, side, cols), inputs: []int{batch * side * side * cols}, output: batch * n * n * cols,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, batch*n*n*cols)
			for i := range batch * side * side {
				b, py, px := i/(side*side), i/side%side, i%side
				if py/2 == n || px/2 == n {
					continue
				}
				for j := range cols {
					y[((b*n+py/2)*n+px/2)*cols+j] += in[0][i*cols+j] / 4
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y, dx := b.zeros(batch*n*n*cols), b.zeros(batch*side*side*cols)
			b.AvgPool(y, in[0], batch, side, cols)
			b.Fill(dx, 7)
			b.AvgPoolBackward(dx, dy, batch, side, cols, 0)
			b.AvgPoolBackward(dx, dy, batch, side, cols, 1)
			half := b.zeros(dx.Len)
			b.Blend(dx, half, 0.5)
			return y, []device.Buffer{dx}
		},
		tolerance: 1e-6,
	}
}

func meanToken(batch, n, cols int) operation {
	return operation{
		name: fmt.Sprintf("meantoken/%dx%dx%d", batch, n, cols), inputs: []int{batch * n * cols}, output: batch * (1 + n) * cols,
		forward: func(in [][]float64) []float64 {
			y := make([]float64, batch*(1+n)*cols)
			for b := range batch {
				for i := range n {
					for j := range cols {
						v := in[0][(b*n+i)*cols+j]
						y[(b*(1+n)+1+i)*cols+j] = v
						y[b*(1+n)*cols+j] += v / float64(n)
					}
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y, dx := b.zeros(batch*(1+n)*cols), b.zeros(batch*n*cols)
			b.Fill(dx, 7)
			b.MeanToken(y, in[0], batch, n, cols)
			b.MeanTokenBackward(dx, dy, batch, n, cols)
			return y, []device.Buffer{dx}
		},
		tolerance: 1e-6,
	}
}

func attentionPool(a device.AttentionPool) operation {
	w, size := a.Width, a.Width/a.Heads
	return operation{
		name:   fmt.Sprintf("attentionpool/%dx%dx%d/heads=%d", a.Batch, a.Tokens, w, a.Heads),
		inputs: []int{a.Batch * w, a.Batch * a.Tokens * w, w * w, w * w}, output: a.Batch * w,
		forward: func(in [][]float64) []float64 {
			project := func(weights []float64, b, t, c int) float64 {
				var sum float64
				for i := range w {
					sum += in[1][(b*a.Tokens+t)*w+i] * weights[c*w+i]
				}
				return sum
			}
			y := make([]float64, a.Batch*w)
			for b := range a.Batch {
				for h := range a.Heads {
					var total float64
					for t := range a.Tokens {
						var score float64
						for c := h * size; c < (h+1)*size; c++ {
							score += in[0][b*w+c] * project(in[2], b, t, c)
						}
						p := math.Exp(score / math.Sqrt(float64(size)))
						total += p
						for c := h * size; c < (h+1)*size; c++ {
							y[b*w+c] += p * project(in[3], b, t, c)
						}
					}
					for c := h * size; c < (h+1)*size; c++ {
						y[b*w+c] /= total
					}
				}
			}
			return y
		},
		device: func(b *bench, in []device.Buffer, dy device.Buffer) (device.Buffer, []device.Buffer) {
			y, dq, dx, dwk, dwv := b.zeros(a.Batch*w), b.zeros(a.Batch*w), b.zeros(a.Batch*a.Tokens*w), b.zeros(w*w), b.zeros(w*w)
			b.Fill(dq, 7)
			b.Fill(dx, 7)
			b.AttentionPool(y, in[0], in[1], in[2], in[3], a)
			b.AttentionPoolBackward(dq, dx, dwk, dwv, dy, in[0], in[1], in[2], in[3], a)
			return y, []device.Buffer{dq, dx, dwk, dwv}
		},
		tolerance: 1e-5,
	}
}

// checkRunning follows running statistics over two batches, reads them back as
// statistics, and holds that a column that is not finite moves nothing.
func checkRunning(t *testing.T, open func() device.Device) {
	const rows, cols, momentum = 70, 3, 0.1
	d := open()
	defer closeDevice(t, d)
	b := &bench{Device: d, t: t}
	defer b.free()
	r := device.Running{Mean: b.zeros(cols), Variance: b.floats(1, 1, 1), Count: b.zeros(1)}
	mean, variance := make([]float64, cols), []float64{1, 1, 1}
	stats := b.zeros(2 * cols)
	for step := range 2 {
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = float32(math.Sin(float64(i*(step+1))))*float32(1+i%cols) + 3000*float32(i%cols)
		}
		for j := range cols {
			var m, v float64
			for i := range rows {
				m += float64(x[i*cols+j]) / rows
			}
			for i := range rows {
				v += (float64(x[i*cols+j]) - m) * (float64(x[i*cols+j]) - m) / (rows - 1)
			}
			mean[j] += momentum * (m - mean[j])
			variance[j] += momentum * (v - variance[j])
		}
		b.BatchStats(stats, b.floats(x...), r, rows, cols, 1e-5, momentum)
	}
	compare(t, "running mean", b.read(r.Mean), mean, 1e-6)
	compare(t, "running variance", b.read(r.Variance), variance, 1e-5)
	if got := b.read(r.Count)[0]; got != 2 {
		t.Errorf("%g batches were counted, want 2", got)
	}
	b.RunningStats(stats, r, cols, 1e-5)
	want := append(slices.Clone(mean), 0, 0, 0)
	for j, v := range variance {
		want[cols+j] = 1 / math.Sqrt(v+1e-5)
	}
	compare(t, "statistics from running ones", b.read(stats), want, 1e-5)

	before := b.read(r.Mean)
	bad := make([]float32, rows*cols)
	bad[cols*7] = float32(math.NaN())
	bad[cols*8+1] = float32(math.Inf(1))
	b.BatchStats(stats, b.floats(bad...), r, rows, cols, 1e-5, momentum)
	after := b.read(r.Mean)
	if !slices.Equal(after[:2], before[:2]) || after[2] == before[2] {
		t.Errorf("a batch with two bad columns moves the means from %v to %v", before, after)
	}
}

func checkUnfold(t *testing.T, open func() device.Device) {
	d := open()
	defer closeDevice(t, d)
	b := &bench{Device: d, t: t}
	defer b.free()
	const batch, side, n = 2, 6, 3
	pictures := make([]float32, batch*3*side*side)
	for i := range pictures {
		pictures[i] = float32(i + 1)
	}
	out := b.zeros(batch * n * n * 27)
	b.Fill(out, -1)
	b.Unfold(out, b.floats(pictures...), batch, side)
	got := b.read(out)
	for i, v := range got {
		row, c, ky, kx := i/27, i%27/9, i%9/3, i%3
		y, x := 2*(row/n%n)+ky-1, 2*(row%n)+kx-1
		var want float32
		if y >= 0 && x >= 0 {
			want = pictures[((row/(n*n)*3+c)*side+y)*side+x]
		}
		if v != want {
			t.Fatalf("window %d, channel %d, row %d, column %d is %g, want %g", row, c, ky, kx, v, want)
		}
	}
}
