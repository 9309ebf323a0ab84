//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// rowStrip is the number of columns that a warp takes of a row; see kernels/rows.h.
const rowStrip = 256

// Bias computes y[i,j] += bias[j].
func (d *Device) Bias(y, bias device.Buffer, rows, cols int) {
	const op = "bias"
	t := y.Type
	l := launch{kernel: suffixed("bias", t), blocks: [3]int{(cols + rowStrip - 1) / rowStrip, min((rows+31)/32, 1<<12)}, threads: 256}
	if rows == 0 {
		l.blocks[0] = 0
	}
	d.do(op, l, active(op, t, y, rows*cols), at(op, bias, cols), rows, cols)
}

// BiasBackward computes dbias[j] += the sum over i of dy[i,j].
func (d *Device) BiasBackward(dbias, dy device.Buffer, rows, cols int) {
	const op = "bias backward"
	d.addColumns(op, at(op, dbias, cols), dy.Type, active(op, dy.Type, dy, rows*cols), rows, cols)
}
