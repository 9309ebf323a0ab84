package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

func cBool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// GELU computes y = x*Phi(x), or with quick y = x*sigmoid(1.702x).
func (d *Device) GELU(y, x device.Buffer, quick bool) {
	const op = "gelu"
	d.queue <- command{t: y.Type, p: [9]unsafe.Pointer{active(op, y.Type, y, y.Len), active(op, y.Type, x, y.Len)}, n: [4]int{y.Len}, flags: [2]bool{quick}, run: func(_ *Device, c *command) {
		C.pl_gelu(c.bf16(), c.p[0], c.p[1], C.int64_t(c.n[0]), cBool(c.flags[0]))
	}}
}

// GELUBackward computes dx = dy*y'(x).
func (d *Device) GELUBackward(dx, dy, x device.Buffer, quick bool) {
	const op = "gelu backward"
	d.queue <- command{t: dx.Type, p: [9]unsafe.Pointer{active(op, dx.Type, dx, dx.Len), active(op, dx.Type, dy, dx.Len), active(op, dx.Type, x, dx.Len)}, n: [4]int{dx.Len}, flags: [2]bool{quick}, run: func(_ *Device, c *command) {
		C.pl_gelu_backward(c.bf16(), c.p[0], c.p[1], c.p[2], C.int64_t(c.n[0]), cBool(c.flags[0]))
	}}
}
