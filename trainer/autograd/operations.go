package autograd

import "github.com/pairloom/pairloom/trainer/device"

// Linear is y = x w^t + b with w[out,in], the layout of public weights. b may
// be nil.
func (t *Tape) Linear(x, w, b *Value) *Value { return t.linear(x, w, b, x.Type) }

// Output is Linear whose y is of F32 whatever x is, as the last product of a tower
// is, and logits are.
func (t *Tape) Output(x, w, b *Value) *Value { return t.linear(x, w, b, device.F32) }

func (t *Tape) linear(x, w, b *Value, as device.Type) *Value {
	y, factor := t.value(as, x.Rows, w.Rows), t.factor(w, x.Type)
	t.Device.Linear(y.Data, x.Data, factor, x.Rows, w.Rows, x.Cols, device.Epilogue{Bias: b.buffer()})
	t.note(y, func() { t.linearBackward(y, x, w, b, factor) })
	return y
}

// linearBackward goes back from y.Grad through y = x w^t + b, and, where x is the
// activation of another value, to that.
func (t *Tape) linearBackward(y, x, w, b *Value, factor device.Buffer) {
	dy, data := t.narrow(y, x.Type), t.data(x)
	var dbias device.Buffer
	if b != nil {
		dbias = b.Grad
	}
	back := func(dx device.Buffer, e device.BackwardEpilogue) {
		t.Device.LinearBackward(dx, w.Grad, dbias, dy, data, factor, x.Rows, w.Rows, x.Cols, e)
	}
	switch {
	case x.constant:
		back(device.Buffer{}, device.BackwardEpilogue{})
	case x.pre != nil:
		t.into(x.pre, func(dx device.Buffer) {
			back(dx, device.BackwardEpilogue{Activation: x.activation, Pre: x.pre.Data})
		})
	default:
		dx, beta := t.gradient(x)
		back(dx, device.BackwardEpilogue{Beta: beta})
	}
}

// buffer is v's data, or none of nil.
func (v *Value) buffer() device.Buffer {
	if v == nil {
		return device.Buffer{}
	}
	return v.Data
}

// Project is y = x p with p[in,out], the layout of proj and text_projection, which
// are the last products of towers: y is of F32.
func (t *Tape) Project(x, p *Value) *Value {
	y, factor := t.value(device.F32, x.Rows, p.Cols), t.factor(p, x.Type)
	t.Device.MatMul(y.Data, x.Data, factor, x.Rows, p.Cols, x.Cols, false, false, 0)
	t.note(y, func() {
		dy := t.narrow(y, x.Type)
		t.Device.MatMul(p.Grad, x.Data, dy, p.Rows, p.Cols, x.Rows, true, false, 1)
		dx, beta := t.gradient(x)
		t.Device.MatMul(dx, dy, factor, x.Rows, x.Cols, p.Cols, false, true, beta)
	})
	return y
}

// LayerNorm normalises each row of x.
func (t *Tape) LayerNorm(x, gain, shift *Value, eps float32) *Value {
	y, stats := t.like(x), t.statistics(2*x.Rows)
	t.Device.LayerNorm(y.Data, stats.Data, x.Data, gain.Data, shift.Data, x.Rows, x.Cols, eps)
	t.Forget(stats)
	t.note(y, func() {
		dx, beta := t.gradient(x)
		t.Device.LayerNormBackward(dx, gain.Grad, shift.Grad, y.Grad, stats.Data, x.Data, gain.Data, x.Rows, x.Cols, beta)
	})
	return y
}

// GELU is the activation, exact or quick.
func (t *Tape) GELU(x *Value, quick bool) *Value {
	y := t.like(x)
	t.Device.GELU(y.Data, x.Data, quick)
	t.note(y, func() {
		t.into(x, func(dx device.Buffer) { t.Device.GELUBackward(dx, y.Grad, x.Data, quick) })
	})
	return y
}

// Attention attends within each sequence of qkv[rows,3*width].
func (t *Tape) Attention(qkv *Value, offsets device.Buffer, shape device.AttentionShape) *Value {
	y, lse := t.value(qkv.Type, qkv.Rows, qkv.Cols/3), t.statistics(qkv.Rows*shape.Heads)
	t.Device.Attention(y.Data, lse.Data, qkv.Data, offsets, shape)
	t.Forget(lse)
	t.note(y, func() {
		t.into(qkv, func(dqkv device.Buffer) {
			t.Device.AttentionBackward(dqkv, y.Grad, y.Data, lse.Data, qkv.Data, offsets, shape)
		})
	})
	return y
}

// Sum is y = a + b.
func (t *Tape) Sum(a, b *Value) *Value {
	y := t.like(a)
	t.Device.Sum(y.Data, a.Data, b.Data)
	t.note(y, func() {
		if b.Grad.Absent() {
			b.Grad = t.Pool.Get(b.Type, b.Rows*b.Cols)
			t.Device.Copy(b.Grad, y.Grad)
		} else {
			t.Device.Sum(b.Grad, b.Grad, y.Grad)
		}
		t.hand(a, y)
	})
	return y
}

// Gather takes the rows of table that ids names; an id below 0 gives zeros. The
// rows of a parameter become activations, those of activations stay what they are.
func (t *Tape) Gather(table *Value, ids device.Buffer, rows int) *Value {
	y := t.value(t.Type, rows, table.Cols)
	t.Device.Gather(y.Data, table.Data, ids, rows, table.Cols, 0)
	t.note(y, func() { t.gatherBackward(y, table, ids) })
	return y
}

func (t *Tape) gatherBackward(y, table *Value, ids device.Buffer) {
	dtable, beta := t.gradient(table)
	if beta == 0 {
		t.Device.Fill(dtable, 0)
	}
	t.Device.GatherBackward(dtable, y.Grad, ids, y.Rows, y.Cols)
}

// AddRows is y = x + table[ids]. It works in place: x must be fresh from
// Linear, Gather or AddRows, and must not be used again.
func (t *Tape) AddRows(x, table *Value, ids device.Buffer) *Value {
	y := &Value{Data: x.Data, Rows: x.Rows, Cols: x.Cols, Type: x.Type, owned: true}
	x.owned = false
	t.values = append(t.values, y)
	t.Device.Gather(y.Data, table.Data, ids, x.Rows, x.Cols, 1)
	t.note(y, func() {
		t.gatherBackward(y, table, ids)
		t.hand(x, y)
	})
	return y
}

// Normalize scales each row to length 1.
func (t *Tape) Normalize(x *Value) *Value {
	y, norm := t.like(x), t.statistics(x.Rows)
	t.Device.Normalize(y.Data, norm.Data, x.Data, x.Rows, x.Cols)
	t.Forget(norm)
	t.note(y, func() {
		t.into(x, func(dx device.Buffer) { t.Device.NormalizeBackward(dx, y.Grad, y.Data, norm.Data, x.Rows, x.Cols) })
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
	lse := t.statistics(2 * x.Rows).Data
	t.Device.Contrastive(loss, lse, x.Data, y.Data, scale.Data, x.Rows, x.Cols, share)
	end := &Value{}
	t.note(end, func() {
		dscale := scale.Grad
		if dscale.Absent() {
			dscale = t.statistics(1).Data
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
	lse := t.statistics(logits.Rows).Data
	t.Device.CrossEntropy(loss, lse, logits.Data, targets, offsets, logits.Rows, logits.Cols)
	end := &Value{}
	t.note(end, func() {
		t.Device.CrossEntropyBackward(logits.Data, lse, logits.Data, targets, offsets, logits.Rows, logits.Cols, weight)
		logits.Grad, logits.Data, logits.owned = logits.Data, device.Buffer{}, false
	})
}
