package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Patchify cuts pictures into rows of pixels.
func (d *Device) Patchify(out, pictures device.Buffer, batch, side, patch int) {
	const op = "patchify"
	n := side / patch
	d.queue <- command{
		t: out.Type,
		p: [9]unsafe.Pointer{active(op, out.Type, out, batch*(1+n*n)*3*patch*patch), active(op, out.Type, pictures, batch*3*side*side)},
		n: [4]int{batch, side, patch},
		run: func(_ *Device, c *command) {
			C.pl_patchify(c.bf16(), c.p[0], c.p[1], C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.int64_t(c.n[2]))
		}}
}
