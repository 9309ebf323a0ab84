package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Bias computes y[i,j] += bias[j].
func (d *Device) Bias(y, bias device.Buffer, rows, cols int) {
	const op = "bias"
	d.queue <- command{t: y.Type, p: [9]unsafe.Pointer{active(op, y.Type, y, rows*cols), at(op, bias, cols)}, n: [4]int{rows, cols}, run: func(_ *Device, c *command) {
		C.pl_bias(c.bf16(), c.p[0], floats(c.p[1]), C.int64_t(c.n[0]), C.int64_t(c.n[1]))
	}}
}

// BiasBackward computes dbias[j] += sum over i of dy[i,j].
func (d *Device) BiasBackward(dbias, dy device.Buffer, rows, cols int) {
	const op = "bias backward"
	d.queue <- command{t: dy.Type, p: [9]unsafe.Pointer{at(op, dbias, cols), active(op, dy.Type, dy, rows*cols)}, n: [4]int{rows, cols}, run: func(_ *Device, c *command) {
		C.pl_bias_backward(c.bf16(), floats(c.p[0]), c.p[1], C.int64_t(c.n[0]), C.int64_t(c.n[1]))
	}}
}
