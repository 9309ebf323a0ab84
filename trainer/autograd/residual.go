package autograd

import "github.com/pairloom/pairloom/trainer/device"

// The operations of a residual block are joined so that of each block only
// x[rows,width], qkv[rows,3*width], attention's output and the hidden layer
// before its activation live until the way back: what is cheap to compute
// again (layer norms, activations) is, and sums happen where products end.

// NormLinear is y = LayerNorm(x) w^t + b. The normalised rows are computed again
// on the way back.
func (t *Tape) NormLinear(x, gain, shift *Value, eps float32, w, b *Value) *Value {
	y := t.value(x.Rows, w.Rows)
	stats := t.buffer(2 * x.Rows)
	normalise := func() *Value {
		z := &Value{Data: t.Pool.Get(device.F32, x.Rows*x.Cols), Rows: x.Rows, Cols: x.Cols, owned: true}
		t.Device.LayerNorm(z.Data, stats, x.Data, gain.Data, shift.Data, x.Rows, x.Cols, eps)
		return z
	}
	z := normalise()
	t.Device.Linear(y.Data, z.Data, w.Data, y.Rows, w.Rows, w.Cols, device.Epilogue{Bias: b.Data})
	t.release(z)
	t.note(y, func() {
		z := normalise()
		t.linearBackward(y, z, w, b)
		dx, beta := t.gradient(x)
		t.Device.LayerNormBackward(dx, gain.Grad, shift.Grad, z.Grad, stats, x.Data, gain.Data, x.Rows, x.Cols, beta)
		t.release(z)
	})
	return y
}

// AddLinear is y = x + h w^t + b.
func (t *Tape) AddLinear(x, h, w, b *Value) *Value {
	y := t.value(x.Rows, x.Cols)
	t.addLinear(y, x, h, w, b)
	t.note(y, func() {
		t.linearBackward(y, h, w, b)
		t.hand(x, y)
	})
	return y
}

// AddGELULinear is y = x + GELU(h) w^t + b. The activation is computed again on
// the way back.
func (t *Tape) AddGELULinear(x, h *Value, quick bool, w, b *Value) *Value {
	y := t.value(x.Rows, x.Cols)
	activate := func() *Value {
		g := &Value{Data: t.Pool.Get(device.F32, h.Rows*h.Cols), Rows: h.Rows, Cols: h.Cols, owned: true}
		t.Device.GELU(g.Data, h.Data, quick)
		return g
	}
	g := activate()
	t.addLinear(y, x, g, w, b)
	t.release(g)
	t.note(y, func() {
		g := activate()
		t.linearBackward(y, g, w, b)
		t.Device.GELUBackward(g.Grad, g.Grad, h.Data, quick)
		t.hand(h, g)
		t.release(g)
		t.hand(x, y)
	})
	return y
}

func (t *Tape) addLinear(y, x, h, w, b *Value) {
	t.Device.Linear(y.Data, h.Data, w.Data, y.Rows, w.Rows, w.Cols, device.Epilogue{Bias: b.Data, Residual: x.Data})
}
