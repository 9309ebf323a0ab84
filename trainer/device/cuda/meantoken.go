//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// MeanToken puts the mean of each picture's rows before them.
func (d *Device) MeanToken(y, x device.Buffer, batch, n, cols int) {
	const op = "mean token"
	t := y.Type
	py, px := active(op, t, y, batch*(1+n)*cols), active(op, t, x, batch*n*cols)
	w := walkOf(t, batch, cols, 1, py, px)
	d.do(op, w.launch("mean_token", t), py, px, batch, n, cols, w.groups, w.each)
}

// MeanTokenBackward computes dx.
func (d *Device) MeanTokenBackward(dx, dy device.Buffer, batch, n, cols int) {
	const op = "mean token backward"
	t := dx.Type
	pdx, pdy := active(op, t, dx, batch*n*cols), active(op, t, dy, batch*(1+n)*cols)
	w := walkOf(t, batch*n, cols, 4, pdx, pdy)
	d.do(op, w.launch("mean_token_backward", t), pdx, pdy, batch*n, n, cols, w.groups, w.each)
}
