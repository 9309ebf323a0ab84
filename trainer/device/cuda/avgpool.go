//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// AvgPool computes y = the means of 2x2 squares.
func (d *Device) AvgPool(y, x device.Buffer, batch, side, cols int) {
	const op = "average pool"
	t, n := y.Type, side/2
	py, px := active(op, t, y, batch*n*n*cols), active(op, t, x, batch*side*side*cols)
	w := walkOf(t, batch*n*n, cols, 4, py, px)
	d.do(op, w.launch("avg_pool", t), py, px, batch*n*n, side, cols, w.groups, w.each)
}

// AvgPoolBackward computes dx = dy/4, with beta.
func (d *Device) AvgPoolBackward(dx, dy device.Buffer, batch, side, cols int, beta float32) {
	const op = "average pool backward"
	t, n, rows := dx.Type, side/2, batch*side*side
	pdx, pdy := active(op, t, dx, rows*cols), active(op, t, dy, batch*n*n*cols)
	w := walkOf(t, rows, cols, 4, pdx, pdy)
	d.do(op, w.launch("avg_pool_backward", t), pdx, pdy, rows, side, cols, beta != 0, w.groups, w.each)
}
