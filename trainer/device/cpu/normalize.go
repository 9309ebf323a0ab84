package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Normalize computes y = x/|x| and norm = |x| for each row.
func (d *Device) Normalize(y, norm, x device.Buffer, rows, cols int) {
	const op = "normalize"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, y, rows*cols), at(op, norm, rows), at(op, x, rows*cols)}, n: [4]int{rows, cols},
		run: func(_ *Device, c *command) {
			C.pl_normalize(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), C.int64_t(c.n[0]), C.int64_t(c.n[1]))
		}}
}

// NormalizeBackward computes dx = (dy - y*sum(dy*y)) / |x|.
func (d *Device) NormalizeBackward(dx, dy, y, norm device.Buffer, rows, cols int) {
	const op = "normalize backward"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dx, rows*cols), at(op, dy, rows*cols), at(op, y, rows*cols), at(op, norm, rows)}, n: [4]int{rows, cols},
		run: func(_ *Device, c *command) {
			C.pl_normalize_backward(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), C.int64_t(c.n[0]), C.int64_t(c.n[1]))
		}}
}
