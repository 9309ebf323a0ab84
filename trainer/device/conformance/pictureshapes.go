package conformance

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
)

// pictureShapes are those of operations on pictures and of losses.
func pictureShapes() []shape {
	var list []shape
	add := func(operation, size string, types []device.Type, run func(b *bench, t device.Type) []device.Buffer) {
		list = append(list, shape{operation, size, types, run})
	}
	type bufs = []device.Buffer
	for _, s := range [][3]int{{3, 112, 16}, {1, 32, 8}, {0, 32, 8}, {2, 56, 14}} {
		batch, side, patch := s[0], s[1], s[2]
		n := side / patch
		size := fmt.Sprintf("%d of %d by %d", batch, side, patch)
		add("pixels", size, bothTypes, func(b *bench, t device.Type) bufs {
			out := b.alloc(t, batch*3*side*side)
			b.Pixels(out, b.bytes(batch*3*side*side), batch, side, device.Normalization{
				Mean: [3]float32{0.48145466, 0.4578275, 0.40821073}, Deviation: [3]float32{0.26862954, 0.26130258, 0.27577711},
			})
			return bufs{out}
		})
		add("patchify", size, bothTypes, func(b *bench, t device.Type) bufs {
			out := b.draw(t, batch*(1+n*n)*3*patch*patch)
			b.Patchify(out, b.draw(t, batch*3*side*side), batch, side, patch)
			return bufs{out}
		})
		add("unfold", size, bothTypes, func(b *bench, t device.Type) bufs {
			out := b.draw(t, batch*(side/2)*(side/2)*27)
			b.Unfold(out, b.draw(t, batch*3*side*side), batch, side)
			return bufs{out}
		})
	}
	for _, c := range []device.Conv3x3{{Batch: 3, Side: 14, In: 67, Out: 80}, {Batch: 1, Side: 7, In: 256, Out: 33}, {Batch: 2, Side: 1, In: 130, Out: 64}, {Batch: 0, Side: 7, In: 64, Out: 64}, {Batch: 2, Side: 14, In: 64, Out: 128}, {Batch: 1, Side: 28, In: 32, Out: 16}, {Batch: 1, Side: 14, In: 256, Out: 35}} {
		add("convolution", fmt.Sprintf("%d of %d, %d to %d", c.Batch, c.Side, c.In, c.Out), bothTypes, func(b *bench, t device.Type) bufs {
			x, w, dy := b.draw(t, c.Rows()*c.In), b.draw(t, c.Out*c.In*9), b.draw(t, c.Rows()*c.Out)
			y, dx, dw := b.draw(t, c.Rows()*c.Out), b.draw(t, c.Rows()*c.In), b.draw(device.F32, c.Out*c.In*9)
			b.Conv3x3(y, x, w, c)
			b.Conv3x3BackwardData(dx, dy, w, c)
			b.Conv3x3BackwardWeights(dw, dy, x, c)
			return bufs{y, dx, dw}
		})
	}
	for _, s := range [][3]int{{3, 15, 67}, {1, 14, 256}, {0, 4, 16}} {
		batch, side, cols := s[0], s[1], s[2]
		rows, n := batch*side*side, side/2
		size := fmt.Sprintf("%d of %d, %d", batch, side, cols)
		add("average pool", size, bothTypes, func(b *bench, t device.Type) bufs {
			y, over, into := b.draw(t, batch*n*n*cols), b.draw(t, rows*cols), b.draw(t, rows*cols)
			b.AvgPool(y, b.draw(t, rows*cols), batch, side, cols)
			dy := b.draw(t, batch*n*n*cols)
			b.AvgPoolBackward(over, dy, batch, side, cols, 0)
			b.AvgPoolBackward(into, dy, batch, side, cols, 1)
			return bufs{y, over, into}
		})
		add("mean token", size, bothTypes, func(b *bench, t device.Type) bufs {
			tokens := batch * (1 + side*side)
			y, dx := b.draw(t, tokens*cols), b.draw(t, rows*cols)
			b.MeanToken(y, b.draw(t, rows*cols), batch, side*side, cols)
			b.MeanTokenBackward(dx, b.draw(t, tokens*cols), batch, side*side, cols)
			return bufs{y, dx}
		})
	}
	for _, a := range []device.AttentionPool{{Batch: 5, Tokens: 50, Width: 128, Heads: 2}, {Batch: 1, Tokens: 17, Width: 192, Heads: 3}} {
		add("attention pool", fmt.Sprintf("%d of %d, %d", a.Batch, a.Tokens, a.Width), bothTypes, func(b *bench, t device.Type) bufs {
			w, rows := a.Width, a.Batch*a.Tokens
			q, x, wk, wv := b.draw(t, a.Batch*w), b.draw(t, rows*w), b.scaled(t, w*w, 0.1), b.scaled(t, w*w, 0.1)
			out, dq, dx := b.draw(t, a.Batch*w), b.draw(t, a.Batch*w), b.draw(t, rows*w)
			dwk, dwv := b.draw(device.F32, w*w), b.draw(device.F32, w*w)
			b.AttentionPool(out, q, x, wk, wv, a)
			b.AttentionPoolBackward(dq, dx, dwk, dwv, b.draw(t, a.Batch*w), q, x, wk, wv, a)
			return bufs{out, dq, dx, dwk, dwv}
		})
	}
	// The gradient of a batch of one is what rounding leaves of 0: the small shapes
	// have it.
	for _, s := range [][2]int{{300, 128}, {2, 512}, {257, 65}} {
		n, dim := s[0], s[1]
		size := fmt.Sprintf("%dx%d", n, dim)
		add("contrastive", size, wideOnly, func(b *bench, t device.Type) bufs {
			x, y, scale := b.scaled(t, n*dim, 0.1), b.scaled(t, n*dim, 0.1), b.floats(2.6)
			loss, lse, dx, dy, dscale := b.zeros(1), b.zeros(2*n), b.draw(t, n*dim), b.draw(t, n*dim), b.zeros(1)
			b.Contrastive(loss, lse, x, y, scale, n, dim, 0.5)
			b.ContrastiveBackward(dx, dy, dscale, lse, x, y, scale, n, dim, 0.5)
			return bufs{loss, lse, dx, dy, dscale}
		})
		add("siglip", size, wideOnly, func(b *bench, t device.Type) bufs {
			x, y, scale, bias := b.scaled(t, n*dim, 0.1), b.scaled(t, n*dim, 0.1), b.floats(2.3), b.floats(-10)
			loss, dx, dy, dscale, dbias := b.zeros(1), b.draw(t, n*dim), b.draw(t, n*dim), b.zeros(1), b.zeros(1)
			b.Siglip(loss, x, y, scale, bias, n, dim)
			b.SiglipBackward(dx, dy, dscale, dbias, x, y, scale, bias, n, dim)
			return bufs{loss, dx, dy, dscale, dbias}
		})
		add("cross entropy", size, wideOnly, func(b *bench, t device.Type) bufs {
			offsets, targets := []int32{0}, []int32{}
			for r := range n {
				for k := range r % 3 {
					targets = append(targets, int32((r*7+k*3)%dim))
				}
				offsets = append(offsets, int32(len(targets)))
			}
			logits, loss, lse, dlogits := b.draw(t, n*dim), b.zeros(1), b.zeros(n), b.draw(t, n*dim)
			ids, at := b.ints(append(targets, 0)...), b.ints(offsets...)
			b.CrossEntropy(loss, lse, logits, ids, at, n, dim)
			b.CrossEntropyBackward(dlogits, lse, logits, ids, at, n, dim, 0.5)
			return bufs{loss, lse, dlogits}
		})
	}
	return list
}

// norms are both ways of a batch norm, with and without ReLU and shortcut.
func norms(b *bench, t device.Type, rows, cols int) []device.Buffer {
	x, gain, shift := b.draw(t, rows*cols), b.draw(device.F32, cols), b.draw(device.F32, cols)
	shortcut, dy, stats := b.draw(t, rows*cols), b.draw(t, rows*cols), b.zeros(2*cols)
	r := device.Running{Mean: b.draw(device.F32, cols), Variance: b.filled(device.F32, cols, 1), Count: b.zeros(1)}
	b.BatchStats(stats, x, r, rows, cols, 1e-5, 0.1)
	results := []device.Buffer{stats, r.Mean, r.Variance, r.Count}
	y, dx, dgain, dshift := b.alloc(t, rows*cols), b.alloc(t, rows*cols), b.draw(device.F32, cols), b.draw(device.F32, cols)
	b.BatchNorm(y, x, stats, gain, shift, device.Buffer{}, rows, cols, false)
	b.BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, shift, device.Buffer{}, rows, cols, false)
	results = append(results, y, dx, dgain, dshift)
	// The sign that ReLU's way back needs is read from y: from x it would be computed
	// again, and a backend may be on the other side of 0 by a rounding.
	sum, dsum, through := b.alloc(t, rows*cols), b.alloc(t, rows*cols), b.alloc(t, rows*cols)
	dgain, dshift = b.draw(device.F32, cols), b.draw(device.F32, cols)
	b.BatchNorm(sum, x, stats, gain, shift, shortcut, rows, cols, true)
	b.Copy(through, dy)
	b.BatchNormBackward(dsum, dgain, dshift, through, x, stats, gain, shift, sum, rows, cols, true)
	return append(results, sum, dsum, through, dgain, dshift)
}
