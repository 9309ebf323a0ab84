package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// LayerNorm computes y = (x-mean)*rstd*gain + shift over each row.
func (d *Device) LayerNorm(y, stats, x, gain, shift device.Buffer, rows, cols int, eps float32) {
	const op = "layer norm"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, y, rows*cols), at(op, stats, 2*rows), at(op, x, rows*cols), at(op, gain, cols), at(op, shift, cols)},
		n: [4]int{rows, cols}, f: [2]float32{eps},
		run: func(_ *Device, c *command) {
			C.pl_layernorm(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), floats(c.p[4]),
				C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]))
		}}
}

// LayerNormBackward computes dx (with beta), dgain += and dshift +=.
func (d *Device) LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain device.Buffer, rows, cols int, beta float32) {
	const op = "layer norm backward"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dx, rows*cols), at(op, dgain, cols), at(op, dshift, cols), at(op, dy, rows*cols),
			at(op, stats, 2*rows), at(op, x, rows*cols), at(op, gain, cols)},
		n: [4]int{rows, cols}, f: [2]float32{beta},
		run: func(_ *Device, c *command) {
			C.pl_layernorm_backward(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), floats(c.p[4]), floats(c.p[5]), floats(c.p[6]),
				C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]))
		}}
}
