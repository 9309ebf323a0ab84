package device

import "fmt"

// Overlaps reports whether b and c share an element.
func (b Buffer) Overlaps(c Buffer) bool {
	if b.Len == 0 || c.Len == 0 || b.Memory != c.Memory {
		return false
	}
	begin, end := b.Offset*b.Type.Bytes(), (b.Offset+b.Len)*b.Type.Bytes()
	from, to := c.Offset*c.Type.Bytes(), (c.Offset+c.Len)*c.Type.Bytes()
	return begin < to && from < end
}

// same reports whether b and c are one run of elements, but for what one of them
// has behind.
func (b Buffer) same(c Buffer) bool {
	return b.Memory == c.Memory && b.Type == c.Type && b.Offset == c.Offset
}

// apart panics when what an operation writes overlaps another of its operands.
// The first result may be one of may, all of it.
func apart(operation string, written, may []Buffer, read ...Buffer) {
	for i, w := range written {
		for _, x := range may {
			if w.Overlaps(x) && (i > 0 || !w.same(x)) {
				panic(fmt.Sprintf("%s: result %d lies over an operand that it may not lie over, or lies askew", operation, i))
			}
		}
		for _, x := range read {
			if w.Overlaps(x) {
				panic(fmt.Sprintf("%s: result %d lies over an operand that it may not lie over", operation, i))
			}
		}
		for _, other := range written[:i] {
			if w.Overlaps(other) {
				panic(fmt.Sprintf("%s: two results overlap", operation))
			}
		}
	}
}

// Strict is a device that panics at the call where a result overlaps what the
// operation's docs do not let it lie over. Backends may trust that none does.
type Strict struct{ Device }

// Convert is Device.Convert.
func (s Strict) Convert(y, x Buffer) {
	apart("convert", []Buffer{y}, nil, x)
	s.Device.Convert(y, x)
}

// Pixels is Device.Pixels.
func (s Strict) Pixels(out, pictures Buffer, batch, side int, n Normalization) {
	apart("pixels", []Buffer{out}, nil, pictures)
	s.Device.Pixels(out, pictures, batch, side, n)
}

// MatMul is Device.MatMul.
func (s Strict) MatMul(c, a, b Buffer, m, n, k int, transA, transB bool, beta float32) {
	apart("matmul", []Buffer{c}, nil, a, b)
	s.Device.MatMul(c, a, b, m, n, k, transA, transB, beta)
}

// Linear is Device.Linear.
func (s Strict) Linear(y, x, w Buffer, m, n, k int, e Epilogue) {
	apart("linear", []Buffer{y, e.Pre}, []Buffer{e.Residual}, x, w, e.Bias)
	s.Device.Linear(y, x, w, m, n, k, e)
}

// LinearBackward is Device.LinearBackward.
func (s Strict) LinearBackward(dx, dw, dbias, dy, x, w Buffer, m, n, k int, e BackwardEpilogue) {
	apart("linear backward", []Buffer{dx, dw, dbias}, nil, dy, x, w, e.Pre)
	s.Device.LinearBackward(dx, dw, dbias, dy, x, w, m, n, k, e)
}

// Bias is Device.Bias.
func (s Strict) Bias(y, bias Buffer, rows, cols int) {
	apart("bias", []Buffer{y}, nil, bias)
	s.Device.Bias(y, bias, rows, cols)
}

// BiasBackward is Device.BiasBackward.
func (s Strict) BiasBackward(dbias, dy Buffer, rows, cols int) {
	apart("bias backward", []Buffer{dbias}, nil, dy)
	s.Device.BiasBackward(dbias, dy, rows, cols)
}

// Sum is Device.Sum.
func (s Strict) Sum(y, a, b Buffer) {
	apart("sum", []Buffer{y}, []Buffer{a, b})
	s.Device.Sum(y, a, b)
}

// Copy is Device.Copy.
func (s Strict) Copy(y, x Buffer) {
	apart("copy", []Buffer{y}, nil, x)
	s.Device.Copy(y, x)
}

// Blend is Device.Blend.
func (s Strict) Blend(y, x Buffer, keep float32) {
	apart("blend", []Buffer{y}, nil, x)
	s.Device.Blend(y, x, keep)
}

// LayerNorm is Device.LayerNorm.
func (s Strict) LayerNorm(y, stats, x, gain, shift Buffer, rows, cols int, eps float32) {
	apart("layer norm", []Buffer{y, stats}, nil, x, gain, shift)
	s.Device.LayerNorm(y, stats, x, gain, shift, rows, cols, eps)
}

// LayerNormBackward is Device.LayerNormBackward.
func (s Strict) LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain Buffer, rows, cols int, beta float32) {
	apart("layer norm backward", []Buffer{dx, dgain, dshift}, nil, dy, stats, x, gain)
	s.Device.LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain, rows, cols, beta)
}

// GELU is Device.GELU.
func (s Strict) GELU(y, x Buffer, quick bool) {
	apart("gelu", []Buffer{y}, nil, x)
	s.Device.GELU(y, x, quick)
}

// GELUBackward is Device.GELUBackward.
func (s Strict) GELUBackward(dx, dy, x Buffer, quick bool) {
	apart("gelu backward", []Buffer{dx}, []Buffer{dy}, x)
	s.Device.GELUBackward(dx, dy, x, quick)
}

// Attention is Device.Attention.
func (s Strict) Attention(out, lse, qkv, offsets Buffer, a AttentionShape) {
	apart("attention", []Buffer{out, lse}, nil, qkv, offsets)
	s.Device.Attention(out, lse, qkv, offsets, a)
}

// AttentionBackward is Device.AttentionBackward.
func (s Strict) AttentionBackward(dqkv, dout, out, lse, qkv, offsets Buffer, a AttentionShape) {
	apart("attention backward", []Buffer{dqkv}, nil, dout, out, lse, qkv, offsets)
	s.Device.AttentionBackward(dqkv, dout, out, lse, qkv, offsets, a)
}

// Gather is Device.Gather.
func (s Strict) Gather(y, table, ids Buffer, rows, cols int, beta float32) {
	apart("gather", []Buffer{y}, nil, table, ids)
	s.Device.Gather(y, table, ids, rows, cols, beta)
}

// GatherBackward is Device.GatherBackward.
func (s Strict) GatherBackward(dtable, dy, ids Buffer, rows, cols int) {
	apart("gather backward", []Buffer{dtable}, nil, dy, ids)
	s.Device.GatherBackward(dtable, dy, ids, rows, cols)
}

// Patchify is Device.Patchify.
func (s Strict) Patchify(out, pictures Buffer, batch, side, patch int) {
	apart("patchify", []Buffer{out}, nil, pictures)
	s.Device.Patchify(out, pictures, batch, side, patch)
}

// Unfold is Device.Unfold.
func (s Strict) Unfold(out, pictures Buffer, batch, side int) {
	apart("unfold", []Buffer{out}, nil, pictures)
	s.Device.Unfold(out, pictures, batch, side)
}

// Conv3x3 is Device.Conv3x3.
func (s Strict) Conv3x3(y, x, w Buffer, c Conv3x3) {
	apart("convolution", []Buffer{y}, nil, x, w)
	s.Device.Conv3x3(y, x, w, c)
}

// Conv3x3BackwardData is Device.Conv3x3BackwardData.
func (s Strict) Conv3x3BackwardData(dx, dy, w Buffer, c Conv3x3) {
	apart("convolution backward data", []Buffer{dx}, nil, dy, w)
	s.Device.Conv3x3BackwardData(dx, dy, w, c)
}

// Conv3x3BackwardWeights is Device.Conv3x3BackwardWeights.
func (s Strict) Conv3x3BackwardWeights(dw, dy, x Buffer, c Conv3x3) {
	apart("convolution backward weights", []Buffer{dw}, nil, dy, x)
	s.Device.Conv3x3BackwardWeights(dw, dy, x, c)
}

// BatchStats is Device.BatchStats.
func (s Strict) BatchStats(stats, x Buffer, r Running, rows, cols int, eps, momentum float32) {
	apart("batch statistics", []Buffer{stats, r.Mean, r.Variance, r.Count}, nil, x)
	s.Device.BatchStats(stats, x, r, rows, cols, eps, momentum)
}

// RunningStats is Device.RunningStats.
func (s Strict) RunningStats(stats Buffer, r Running, cols int, eps float32) {
	apart("running statistics", []Buffer{stats}, nil, r.Mean, r.Variance, r.Count)
	s.Device.RunningStats(stats, r, cols, eps)
}

// BatchNorm is Device.BatchNorm.
func (s Strict) BatchNorm(y, x, stats, gain, shift, shortcut Buffer, rows, cols int, relu bool) {
	apart("batch norm", []Buffer{y}, []Buffer{x, shortcut}, stats, gain, shift)
	s.Device.BatchNorm(y, x, stats, gain, shift, shortcut, rows, cols, relu)
}

// BatchNormBackward is Device.BatchNormBackward.
func (s Strict) BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, shift, y Buffer, rows, cols int, relu bool) {
	const op = "batch norm backward"
	if y.Absent() {
		apart(op, []Buffer{dx, dgain, dshift}, []Buffer{dy, x}, stats, gain, shift)
	} else {
		apart(op, []Buffer{dx, dgain, dshift, dy}, []Buffer{x}, stats, gain, shift, y)
		apart(op, []Buffer{dy}, nil, x)
	}
	s.Device.BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, shift, y, rows, cols, relu)
}

// AvgPool is Device.AvgPool.
func (s Strict) AvgPool(y, x Buffer, batch, side, cols int) {
	apart("average pool", []Buffer{y}, nil, x)
	s.Device.AvgPool(y, x, batch, side, cols)
}

// AvgPoolBackward is Device.AvgPoolBackward.
func (s Strict) AvgPoolBackward(dx, dy Buffer, batch, side, cols int, beta float32) {
	apart("average pool backward", []Buffer{dx}, nil, dy)
	s.Device.AvgPoolBackward(dx, dy, batch, side, cols, beta)
}

// MeanToken is Device.MeanToken.
func (s Strict) MeanToken(y, x Buffer, batch, n, cols int) {
	apart("mean token", []Buffer{y}, nil, x)
	s.Device.MeanToken(y, x, batch, n, cols)
}

// MeanTokenBackward is Device.MeanTokenBackward.
func (s Strict) MeanTokenBackward(dx, dy Buffer, batch, n, cols int) {
	apart("mean token backward", []Buffer{dx}, nil, dy)
	s.Device.MeanTokenBackward(dx, dy, batch, n, cols)
}

// AttentionPool is Device.AttentionPool.
func (s Strict) AttentionPool(out, q, x, wk, wv Buffer, a AttentionPool) {
	apart("attention pool", []Buffer{out}, nil, q, x, wk, wv)
	s.Device.AttentionPool(out, q, x, wk, wv, a)
}

// AttentionPoolBackward is Device.AttentionPoolBackward.
func (s Strict) AttentionPoolBackward(dq, dx, dwk, dwv, dout, q, x, wk, wv Buffer, a AttentionPool) {
	apart("attention pool backward", []Buffer{dq, dx, dwk, dwv}, nil, dout, q, x, wk, wv)
	s.Device.AttentionPoolBackward(dq, dx, dwk, dwv, dout, q, x, wk, wv, a)
}

// Normalize is Device.Normalize.
func (s Strict) Normalize(y, norm, x Buffer, rows, cols int) {
	apart("normalize", []Buffer{y, norm}, nil, x)
	s.Device.Normalize(y, norm, x, rows, cols)
}

// NormalizeBackward is Device.NormalizeBackward.
func (s Strict) NormalizeBackward(dx, dy, y, norm Buffer, rows, cols int) {
	apart("normalize backward", []Buffer{dx}, nil, dy, y, norm)
	s.Device.NormalizeBackward(dx, dy, y, norm, rows, cols)
}

// Contrastive is Device.Contrastive.
func (s Strict) Contrastive(loss, lse, x, y, scale Buffer, n, dim int, share float32) {
	apart("contrastive", []Buffer{loss, lse}, nil, x, y, scale)
	s.Device.Contrastive(loss, lse, x, y, scale, n, dim, share)
}

// ContrastiveBackward is Device.ContrastiveBackward.
func (s Strict) ContrastiveBackward(dx, dy, dscale, lse, x, y, scale Buffer, n, dim int, share float32) {
	apart("contrastive backward", []Buffer{dx, dy, dscale}, nil, lse, x, y, scale)
	s.Device.ContrastiveBackward(dx, dy, dscale, lse, x, y, scale, n, dim, share)
}

// Siglip is Device.Siglip.
func (s Strict) Siglip(loss, x, y, scale, bias Buffer, n, dim int) {
	apart("siglip", []Buffer{loss}, nil, x, y, scale, bias)
	s.Device.Siglip(loss, x, y, scale, bias, n, dim)
}

// SiglipBackward is Device.SiglipBackward.
func (s Strict) SiglipBackward(dx, dy, dscale, dbias, x, y, scale, bias Buffer, n, dim int) {
	apart("siglip backward", []Buffer{dx, dy, dscale, dbias}, nil, x, y, scale, bias)
	s.Device.SiglipBackward(dx, dy, dscale, dbias, x, y, scale, bias, n, dim)
}

// CrossEntropy is Device.CrossEntropy.
func (s Strict) CrossEntropy(loss, lse, logits, targets, offsets Buffer, rows, classes int) {
	apart("cross entropy", []Buffer{loss, lse}, nil, logits, targets, offsets)
	s.Device.CrossEntropy(loss, lse, logits, targets, offsets, rows, classes)
}

// CrossEntropyBackward is Device.CrossEntropyBackward.
func (s Strict) CrossEntropyBackward(dlogits, lse, logits, targets, offsets Buffer, rows, classes int, weight float32) {
	apart("cross entropy backward", []Buffer{dlogits}, []Buffer{logits}, lse, targets, offsets)
	s.Device.CrossEntropyBackward(dlogits, lse, logits, targets, offsets, rows, classes, weight)
}

// SquaredNorm is Device.SquaredNorm.
func (s Strict) SquaredNorm(out, x Buffer) {
	apart("squared norm", []Buffer{out}, nil, x)
	s.Device.SquaredNorm(out, x)
}

// AdamW is Device.AdamW.
func (s Strict) AdamW(param, grad, m, v, norm2 Buffer, a AdamW) {
	apart("adamw", []Buffer{param, m, v}, nil, grad, norm2)
	s.Device.AdamW(param, grad, m, v, norm2, a)
}
