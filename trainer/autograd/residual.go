package autograd

import "github.com/pairloom/pairloom/trainer/device"

// The operations of a residual block are joined so that of each block only
// x[rows,width], qkv[rows,3*width], attention's output and the hidden layer
// before its activation live until the way back: what is cheap to compute
// again (layer norms, activations) is, and what follows a product on each element
// happens where the product ends.

// NormLinear is y = act(LayerNorm(x) w^t + b). The normalised rows are computed
// again on the way back, and so is an activation that was forgotten, which its
// reader, to need it least, takes through Linear or AddLinear.
func (t *Tape) NormLinear(x, gain, shift *Value, eps float32, w, b *Value, act device.Activation) *Value {
	y, stats, factor := t.value(x.Type, x.Rows, w.Rows), t.statistics(2*x.Rows), t.factor(w, x.Type)
	normalise := func() *Value {
		z := &Value{Data: t.Pool.Get(x.Type, x.Rows*x.Cols), Rows: x.Rows, Cols: x.Cols, Type: x.Type, owned: true}
		t.Device.LayerNorm(z.Data, stats.Data, x.Data, gain.Data, shift.Data, x.Rows, x.Cols, eps)
		return z
	}
	pre, e := y, device.Epilogue{Bias: b.Data, Activation: act}
	if act != device.NoActivation && !t.evaluate {
		pre = t.like(y)
		e.Pre = pre.Data
	}
	z := normalise()
	t.Device.Linear(y.Data, z.Data, factor, y.Rows, w.Rows, w.Cols, e)
	t.release(z)
	t.Forget(stats)
	t.note(pre, func() {
		z := normalise()
		t.linearBackward(pre, z, w, b, factor)
		dx, beta := t.gradient(x)
		t.Device.LayerNormBackward(dx, gain.Grad, shift.Grad, z.Grad, stats.Data, x.Data, gain.Data, x.Rows, x.Cols, beta)
		t.release(z)
	})
	if pre != y {
		t.activated(y, pre, act)
	}
	return y
}

// activated notes that y is the activation of pre.
func (t *Tape) activated(y, pre *Value, act device.Activation) {
	quick := act == device.QuickGELU
	y.pre, y.activation = pre, act
	y.again = func() { t.Device.GELU(y.Data, pre.Data, quick) }
	t.note(y, func() {
		if !y.Grad.Absent() { // by a reader that does not go back to pre itself
			t.into(pre, func(dx device.Buffer) { t.Device.GELUBackward(dx, y.Grad, pre.Data, quick) })
		}
	})
}

// AddLinear is y = x + h w^t + b.
func (t *Tape) AddLinear(x, h, w, b *Value) *Value {
	y, factor := t.like(x), t.factor(w, h.Type)
	t.Device.Linear(y.Data, h.Data, factor, y.Rows, w.Rows, w.Cols, device.Epilogue{Bias: b.Data, Residual: x.Data})
	t.note(y, func() {
		t.linearBackward(y, h, w, b, factor)
		t.hand(x, y)
	})
	return y
}
