package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// SquaredNorm computes out[0] = sum(x*x).
func (d *Device) SquaredNorm(out, x device.Buffer) {
	const op = "squared norm"
	d.queue <- command{p: [9]unsafe.Pointer{at(op, out, 1), at(op, x, x.Len)}, n: [4]int{x.Len}, run: func(_ *Device, c *command) {
		C.pl_squared_norm(floats(c.p[0]), floats(c.p[1]), C.int64_t(c.n[0]))
	}}
}

// AdamW updates param, m and v in one pass.
func (d *Device) AdamW(param, grad, m, v, norm2 device.Buffer, a device.AdamW) {
	const op = "adamw"
	n := param.Len
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, param, n), at(op, grad, n), at(op, m, n), at(op, v, n), at(op, norm2, 1)}, n: [4]int{n}, adamw: a,
		run: func(_ *Device, c *command) {
			a := c.adamw
			C.pl_adamw(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), floats(c.p[4]), C.int64_t(c.n[0]), C.pl_adamw_figures{
				rate: C.float(a.Rate), beta1: C.float(a.Beta1), beta2: C.float(a.Beta2), epsilon: C.float(a.Epsilon), decay: C.float(a.Decay),
				clip: C.float(a.Clip), limit: C.float(a.Limit), correct1: C.float(a.Correct1), correct2: C.float(a.Correct2),
			})
		}}
}
