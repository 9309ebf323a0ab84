package autograd

import "github.com/pairloom/pairloom/trainer/device"

// Linear is y = x w^t + b with w[out,in], the layout of public weights. b may
// be nil.
func (t *Tape) Linear(x, w, b *Value) *Value {
	y := t.value(x.Rows, w.Rows)
	t.Device.Linear(y.Data, x.Data, w.Data, x.Rows, w.Rows, x.Cols, device.Epilogue{Bias: b.buffer()})
	t.note(y, func() { t.linearBackward(y, x, w, b) })
	return y
}

// linearBackward goes back from y.Grad through y = x w^t + b.
func (t *Tape) linearBackward(y, x, w, b *Value) {
	var dx, dbias device.Buffer
	var e device.BackwardEpilogue
	if !x.constant {
		dx, e.Beta = t.gradient(x)
	}
	if b != nil {
		dbias = b.Grad
	}
	t.Device.LinearBackward(dx, w.Grad, dbias, y.Grad, t.data(x), w.Data, x.Rows, w.Rows, x.Cols, e)
}

// buffer is v's data, or none of nil.
func (v *Value) buffer() device.Buffer {
	if v == nil {
		return device.Buffer{}
	}
	return v.Data
}

// Project is y = x p with p[in,out], the layout of proj and text_projection.
func (t *Tape) Project(x, p *Value) *Value {
	y := t.value(x.Rows, p.Cols)
	t.Device.MatMul(y.Data, x.Data, p.Data, x.Rows, p.Cols, x.Cols, false, false, 0)
	t.note(y, func() {
		t.Device.MatMul(p.Grad, x.Data, y.Grad, p.Rows, p.Cols, x.Rows, true, false, 1)
		dx, beta := t.gradient(x)
		t.Device.MatMul(dx, y.Grad, p.Data, x.Rows, x.Cols, p.Cols, false, true, beta)
	})
	return y
}

// LayerNorm normalises each row of x.
func (t *Tape) LayerNorm(x, gain, shift *Value, eps float32) *Value {
	y := t.value(x.Rows, x.Cols)
	stats := t.buffer(2 * x.Rows)
	t.Device.LayerNorm(y.Data, stats, x.Data, gain.Data, shift.Data, x.Rows, x.Cols, eps)
	t.note(y, func() {
		dx, beta := t.gradient(x)
		t.Device.LayerNormBackward(dx, gain.Grad, shift.Grad, y.Grad, stats, x.Data, gain.Data, x.Rows, x.Cols, beta)
	})
	return y
}

// GELU is the activation, exact or quick.
func (t *Tape) GELU(x *Value, quick bool) *Value {
	y := t.value(x.Rows, x.Cols)
	t.Device.GELU(y.Data, x.Data, quick)
	t.note(y, func() {
		t.into(x, func(dx device.Buffer) { t.Device.GELUBackward(dx, y.Grad, x.Data, quick) })
	})
	return y
}

// Attention attends within each sequence of qkv[rows,3*width].
func (t *Tape) Attention(qkv *Value, offsets device.Buffer, shape device.AttentionShape) *Value {
	y := t.value(qkv.Rows, qkv.Cols/3)
	lse := t.buffer(qkv.Rows * shape.Heads)
	t.Device.Attention(y.Data, lse, qkv.Data, offsets, shape)
	t.note(y, func() {
		t.into(qkv, func(dqkv device.Buffer) {
			t.Device.AttentionBackward(dqkv, y.Grad, y.Data, lse, qkv.Data, offsets, shape)
		})
	})
	return y
}

// Sum is y = a + b.
func (t *Tape) Sum(a, b *Value) *Value {
	y := t.value(a.Rows, a.Cols)
	t.Device.Sum(y.Data, a.Data, b.Data)
	t.note(y, func() {
		if b.Grad.Absent() {
			b.Grad = t.Pool.Get(device.F32, b.Rows*b.Cols)
			t.Device.Copy(b.Grad, y.Grad)
		} else {
			t.Device.Sum(b.Grad, b.Grad, y.Grad)
		}
		t.hand(a, y)
	})
	return y
}

// Gather takes the rows of table that ids names; an id below 0 gives zeros.
func (t *Tape) Gather(table *Value, ids device.Buffer, rows int) *Value {
	y := t.value(rows, table.Cols)
	t.Device.Gather(y.Data, table.Data, ids, rows, table.Cols, 0)
	t.note(y, func() {
		dtable, beta := t.gradient(table)
		if beta == 0 {
			t.Device.Fill(dtable, 0)
		}
		t.Device.GatherBackward(dtable, y.Grad, ids, rows, table.Cols)
	})
	return y
}

// AddRows is y = x + table[ids]. It works in place: x must be fresh from
// Linear, Gather or AddRows, and must not be used again.
func (t *Tape) AddRows(x, table *Value, ids device.Buffer) *Value {
	y := &Value{Data: x.Data, Rows: x.Rows, Cols: x.Cols, owned: true}
	x.owned = false
	t.values = append(t.values, y)
	t.Device.Gather(y.Data, table.Data, ids, x.Rows, x.Cols, 1)
	t.note(y, func() {
		dtable, beta := t.gradient(table)
		if beta == 0 {
			t.Device.Fill(dtable, 0)
		}
		t.Device.GatherBackward(dtable, y.Grad, ids, x.Rows, x.Cols)
		t.hand(x, y)
	})
	return y
}

// Patchify cuts pictures into rows of pixels; see device.Device.
func (t *Tape) Patchify(pictures *Value, batch, side, patch int) *Value {
	n := side / patch
	y := t.value(batch*(1+n*n), 3*patch*patch)
	y.constant = true
	t.Device.Patchify(y.Data, pictures.Data, batch, side, patch)
	return y
}

// Normalize scales each row to length 1.
func (t *Tape) Normalize(x *Value) *Value {
	y := t.value(x.Rows, x.Cols)
	norm := t.buffer(x.Rows)
	t.Device.Normalize(y.Data, norm, x.Data, x.Rows, x.Cols)
	t.note(y, func() {
		t.into(x, func(dx device.Buffer) { t.Device.NormalizeBackward(dx, y.Grad, y.Data, norm, x.Rows, x.Cols) })
	})
	return y
}

// Siglip writes the pairwise sigmoid loss of x against y to loss[0]. It is an
// end of the tape, as Contrastive is.
func (t *Tape) Siglip(loss device.Buffer, x, y, scale, bias *Value) {
	t.Device.Siglip(loss, x.Data, y.Data, scale.Data, bias.Data, x.Rows, x.Cols)
	end := &Value{}
	t.note(end, func() {
		t.into(x, func(dx device.Buffer) {
			t.into(y, func(dy device.Buffer) {
				t.Device.SiglipBackward(dx, dy, scale.Grad, bias.Grad, x.Data, y.Data, scale.Data, bias.Data, x.Rows, x.Cols)
			})
		})
	})
}

// Contrastive writes the loss of x against y to loss[0], of which share is that
// of x's rows: 0.5 is CLIP's. It is the end of the tape: its own gradient is 1.
// A scale without gradient, as one of the state, is not learned.
func (t *Tape) Contrastive(loss device.Buffer, x, y, scale *Value, share float32) {
	lse := t.buffer(2 * x.Rows)
	t.Device.Contrastive(loss, lse, x.Data, y.Data, scale.Data, x.Rows, x.Cols, share)
	end := &Value{}
	t.note(end, func() {
		dscale := scale.Grad
		if dscale.Absent() {
			dscale = t.buffer(1)
		}
		t.into(x, func(dx device.Buffer) {
			t.into(y, func(dy device.Buffer) {
				t.Device.ContrastiveBackward(dx, dy, dscale, lse, x.Data, y.Data, scale.Data, x.Rows, x.Cols, share)
			})
		})
	})
}

// CrossEntropy writes the mean softmax cross entropy of logits[rows,classes] to
// loss[0]; see device.Device for targets and offsets. It is an end of the tape,
// as Contrastive is, with weight as its own gradient. Its gradient takes the
// place of the logits, which nothing else may use.
func (t *Tape) CrossEntropy(loss device.Buffer, logits *Value, targets, offsets device.Buffer, weight float32) {
	lse := t.buffer(logits.Rows)
	t.Device.CrossEntropy(loss, lse, logits.Data, targets, offsets, logits.Rows, logits.Cols)
	end := &Value{}
	t.note(end, func() {
		t.Device.CrossEntropyBackward(logits.Data, lse, logits.Data, targets, offsets, logits.Rows, logits.Cols, weight)
		logits.Grad, logits.Data, logits.owned = logits.Data, device.Buffer{}, false
	})
}
