//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// Unfold cuts pictures into the windows of a 3x3 convolution of stride 2.
func (d *Device) Unfold(out, pictures device.Buffer, batch, side int) {
	const op = "unfold"
	t, rows := out.Type, batch*(side/2)*(side/2)
	to, from := active(op, t, out, rows*27), active(op, t, pictures, batch*3*side*side)
	w := walkIn(false, 1, rows, 27, 8)
	d.do(op, w.launch("unfold", t), to, from, rows, side, w.groups, w.each)
}
