package cpu

// #include "contrastive_loss.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Siglip computes the pairwise sigmoid loss.
func (d *Device) Siglip(loss, x, y, scale, bias device.Buffer, n, dim int) {
	const op = "siglip"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, loss, 1), at(op, x, n*dim), at(op, y, n*dim), at(op, scale, 1), at(op, bias, 1)}, n: [4]int{n, dim},
		run: func(d *Device, c *command) {
			if d.growScratch(int(C.pl_contrastive_scratch(C.int64_t(c.n[0])))) {
				C.pl_siglip(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), floats(c.p[4]),
					C.int64_t(c.n[0]), C.int64_t(c.n[1]), floats(d.scratch))
			}
		}}
}

// SiglipBackward computes dx, dy, dscale += and dbias +=.
func (d *Device) SiglipBackward(dx, dy, dscale, dbias, x, y, scale, bias device.Buffer, n, dim int) {
	const op = "siglip backward"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dx, n*dim), at(op, dy, n*dim), at(op, dscale, 1), at(op, dbias, 1),
			at(op, x, n*dim), at(op, y, n*dim), at(op, scale, 1), at(op, bias, 1)},
		n: [4]int{n, dim},
		run: func(d *Device, c *command) {
			if d.growScratch(int(C.pl_contrastive_scratch(C.int64_t(c.n[0])))) {
				C.pl_siglip_backward(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), floats(c.p[4]), floats(c.p[5]), floats(c.p[6]), floats(c.p[7]),
					C.int64_t(c.n[0]), C.int64_t(c.n[1]), floats(d.scratch))
			}
		}}
}
