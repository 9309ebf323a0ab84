package autograd

import "github.com/pairloom/pairloom/trainer/device"

// Operations on pictures as rows of channels: x[batch*side*side, channels]. Of
// a ResNet's values only the products live until the way back; what lies
// between them is forgotten and computed again.

// Pixels uploads pictures[batch,side,side,3] of bytes, red, green and blue, and
// makes them planes of activations. The slice stays unchanged as long as that of
// device.Device's WriteBytes.
func (t *Tape) Pixels(pictures []byte, batch, side int, n device.Normalization) *Value {
	bytes := t.value(device.U8, batch, 3*side*side)
	t.Device.WriteBytes(bytes.Data, pictures)
	y := t.value(t.Type, batch, 3*side*side)
	y.constant = true
	y.again = func() { t.Device.Pixels(y.Data, bytes.Data, batch, side, n) }
	y.again()
	return y
}

// Patchify cuts pictures into rows of pixels; see device.Device.
func (t *Tape) Patchify(pictures *Value, batch, side, patch int) *Value {
	n := side / patch
	y := t.value(t.Type, batch*(1+n*n), 3*patch*patch)
	y.constant = true
	t.Device.Patchify(y.Data, t.as(pictures.Data, t.Type), batch, side, patch)
	return y
}

// Unfold cuts pictures into the windows of a 3x3 convolution of stride 2; see
// device.Device.
func (t *Tape) Unfold(pictures *Value, batch, side int) *Value {
	y := t.value(t.Type, batch*(side/2)*(side/2), 27)
	y.constant = true
	y.again = func() { t.Device.Unfold(y.Data, t.as(t.data(pictures), t.Type), batch, side) }
	y.again()
	return y
}

// Conv3x3 is a convolution of stride 1 and padding 1 with w[out,in*9].
func (t *Tape) Conv3x3(x, w *Value, side int) *Value {
	y, factor := t.value(x.Type, x.Rows, w.Rows), t.factor(w, x.Type)
	shape := device.Conv3x3{Batch: x.Rows / (side * side), Side: side, In: x.Cols, Out: w.Rows}
	t.Device.Conv3x3(y.Data, x.Data, factor, shape)
	t.note(y, func() {
		t.Device.Conv3x3BackwardWeights(w.Grad, y.Grad, t.data(x), shape)
		t.into(x, func(dx device.Buffer) { t.Device.Conv3x3BackwardData(dx, y.Grad, factor, shape) })
	})
	return y
}

// Norm is a batch norm: gain and shift[cols], and running statistics, whose
// Count is one word.
type Norm struct {
	Gain, Shift           *Value
	Mean, Variance, Count *Value
	Epsilon, Momentum     float32
}

func (n Norm) running() device.Running {
	return device.Running{Mean: n.Mean.Data, Variance: n.Variance.Data, Count: n.Count.Data}
}

// BatchNorm normalises columns, then adds shortcut, if there is one, and with
// relu takes the larger of that and 0. Nothing else may use x. The result may
// be forgotten: it is computed again from x and from shortcut, which may have
// been forgotten too.
func (t *Tape) BatchNorm(x *Value, n Norm, shortcut *Value, relu bool) *Value {
	y, noted := t.like(x), t.statistics(2*x.Cols)
	stats := noted.Data
	switch {
	case t.rehearsal:
		t.Device.BatchStats(stats, x.Data, device.Running{}, x.Rows, x.Cols, n.Epsilon, 0)
	case t.evaluate:
		t.Device.RunningStats(stats, n.running(), x.Cols, n.Epsilon)
	default:
		t.Device.BatchStats(stats, x.Data, n.running(), x.Rows, x.Cols, n.Epsilon, n.Momentum)
	}
	y.again = func() {
		var add device.Buffer
		if shortcut != nil {
			add = t.data(shortcut)
		}
		t.Device.BatchNorm(y.Data, x.Data, stats, n.Gain.Data, n.Shift.Data, add, x.Rows, x.Cols, relu)
	}
	y.again()
	t.Forget(noted)
	backward := func(dx, output device.Buffer) {
		t.Device.BatchNormBackward(dx, n.Gain.Grad, n.Shift.Grad, y.Grad, x.Data, stats, n.Gain.Data, n.Shift.Data, output, x.Rows, x.Cols, relu)
	}
	t.note(y, func() {
		if shortcut == nil {
			backward(y.Grad, device.Buffer{}) // over y's gradient, which is x's then
			t.hand(x, y)
			return
		}
		// Over x, which has no reader left.
		backward(x.Data, t.data(y))
		x.Grad, x.Data, x.owned = x.Data, device.Buffer{}, false
		t.hand(shortcut, y)
	})
	return y
}

// AvgPool takes the means of 2x2 squares.
func (t *Tape) AvgPool(x *Value, side int) *Value {
	batch := x.Rows / (side * side)
	y := t.value(x.Type, batch*(side/2)*(side/2), x.Cols)
	y.again = func() { t.Device.AvgPool(y.Data, t.data(x), batch, side, x.Cols) }
	y.again()
	t.note(y, func() {
		dx, beta := t.gradient(x)
		t.Device.AvgPoolBackward(dx, y.Grad, batch, side, x.Cols, beta)
	})
	return y
}

// MeanToken puts the mean of each picture's rows before them.
func (t *Tape) MeanToken(x *Value, batch int) *Value {
	n := x.Rows / batch
	y := t.value(x.Type, batch*(1+n), x.Cols)
	t.Device.MeanToken(y.Data, x.Data, batch, n, x.Cols)
	t.note(y, func() {
		t.into(x, func(dx device.Buffer) { t.Device.MeanTokenBackward(dx, y.Grad, batch, n, x.Cols) })
	})
	return y
}

// AttentionPool lets one query a picture, q[batch,width], attend to its rows of
// x, and adds the bias of the values.
func (t *Tape) AttentionPool(q, x, wk, wv, bv *Value, heads int) *Value {
	shape := device.AttentionPool{Batch: q.Rows, Tokens: x.Rows / q.Rows, Width: x.Cols, Heads: heads}
	y, keys, values := t.like(q), t.factor(wk, x.Type), t.factor(wv, x.Type)
	t.Device.AttentionPool(y.Data, q.Data, x.Data, keys, values, shape)
	t.Device.Bias(y.Data, bv.Data, y.Rows, y.Cols)
	t.note(y, func() {
		t.Device.BiasBackward(bv.Grad, y.Grad, y.Rows, y.Cols)
		t.into(q, func(dq device.Buffer) {
			t.into(x, func(dx device.Buffer) {
				t.Device.AttentionPoolBackward(dq, dx, wk.Grad, wv.Grad, y.Grad, q.Data, x.Data, keys, values, shape)
			})
		})
	})
	return y
}
