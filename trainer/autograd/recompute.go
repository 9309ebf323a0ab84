package autograd

import "github.com/pairloom/pairloom/trainer/device"

// Recompute is y = f(x), where f keeps nothing for the way back: Backward
// computes f once more and goes back through it (activation checkpointing,
// arXiv 1604.06174). It costs a forward pass of f and saves all of f's inner
// values. f must give the same result each time, from x, from parameters and
// from buffers that live until this tape is reset.
func (t *Tape) Recompute(x *Value, f func(t *Tape, x *Value) *Value) *Value {
	if t.evaluate {
		return f(t, x)
	}
	inner := Rehearse(t.Device, t.Pool)
	inner.Type = t.Type
	// f may forget what it is given, and x is not inner's.
	last := f(inner, &Value{Data: x.Data, Rows: x.Rows, Cols: x.Cols, Type: x.Type})
	y := &Value{Data: last.Data, Rows: last.Rows, Cols: last.Cols, Type: last.Type, owned: true}
	last.owned = false
	inner.Reset()
	t.values = append(t.values, y)
	t.note(y, func() {
		again := New(t.Device, t.Pool)
		again.Type = t.Type
		from := &Value{Data: t.data(x), Rows: x.Rows, Cols: x.Cols, Type: x.Type, constant: x.constant}
		last := f(again, from)
		last.Grad, y.Grad = y.Grad, device.Buffer{}
		again.Backward()
		t.hand(x, from)
		t.release(from)
	})
	return y
}
