package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Unfold cuts pictures into the windows of a 3x3 convolution of stride 2.
func (d *Device) Unfold(out, pictures device.Buffer, batch, side int) {
	const op = "unfold"
	n := side / 2
	d.queue <- command{t: out.Type, p: [9]unsafe.Pointer{active(op, out.Type, out, batch*n*n*27), active(op, out.Type, pictures, batch*3*side*side)}, n: [4]int{batch, side}, run: func(_ *Device, c *command) {
		C.pl_unfold(c.bf16(), c.p[0], c.p[1], C.int64_t(c.n[0]), C.int64_t(c.n[1]))
	}}
}
