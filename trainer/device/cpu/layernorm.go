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
		t: y.Type,
		p: [9]unsafe.Pointer{active(op, y.Type, y, rows*cols), at(op, stats, 2*rows), active(op, y.Type, x, rows*cols), at(op, gain, cols), at(op, shift, cols)},
		n: [4]int{rows, cols}, f: [2]float32{eps},
		run: func(_ *Device, c *command) {
			C.pl_layernorm(c.bf16(), c.p[0], floats(c.p[1]), c.p[2], floats(c.p[3]), floats(c.p[4]),
				C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]))
		}}
}

// LayerNormBackward computes dx (with beta), dgain += and dshift +=.
func (d *Device) LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain device.Buffer, rows, cols int, beta float32) {
	const op = "layer norm backward"
	d.queue <- command{
		t: dx.Type,
		p: [9]unsafe.Pointer{active(op, dx.Type, dx, rows*cols), at(op, dgain, cols), at(op, dshift, cols), active(op, dx.Type, dy, rows*cols),
			at(op, stats, 2*rows), active(op, dx.Type, x, rows*cols), at(op, gain, cols)},
		n: [4]int{rows, cols}, f: [2]float32{beta},
		run: func(_ *Device, c *command) {
			C.pl_layernorm_backward(c.bf16(), c.p[0], floats(c.p[1]), floats(c.p[2]), c.p[3], floats(c.p[4]), c.p[5], floats(c.p[6]),
				C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]))
		}}
}
