package cpu

// #include "contrastive_loss.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Contrastive computes the weighted loss and the log-sum-exp of rows and
// columns.
func (d *Device) Contrastive(loss, lse, x, y, scale device.Buffer, n, dim int, share float32) {
	const op = "contrastive"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, loss, 1), at(op, lse, 2*n), at(op, x, n*dim), at(op, y, n*dim), at(op, scale, 1)}, n: [4]int{n, dim}, f: [2]float32{share},
		run: func(d *Device, c *command) {
			if d.growScratch(int(C.pl_contrastive_scratch(C.int64_t(c.n[0])))) {
				C.pl_contrastive(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), floats(c.p[4]),
					C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]), floats(d.scratch))
			}
		}}
}

// ContrastiveBackward computes dx, dy and dscale +=.
func (d *Device) ContrastiveBackward(dx, dy, dscale, lse, x, y, scale device.Buffer, n, dim int, share float32) {
	const op = "contrastive backward"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dx, n*dim), at(op, dy, n*dim), at(op, dscale, 1), at(op, lse, 2*n), at(op, x, n*dim), at(op, y, n*dim), at(op, scale, 1)},
		n: [4]int{n, dim}, f: [2]float32{share},
		run: func(d *Device, c *command) {
			if d.growScratch(int(C.pl_contrastive_scratch(C.int64_t(c.n[0])))) {
				C.pl_contrastive_backward(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), floats(c.p[4]), floats(c.p[5]), floats(c.p[6]),
					C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]), floats(d.scratch))
			}
		}}
}
