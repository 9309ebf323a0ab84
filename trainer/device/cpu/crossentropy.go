package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// CrossEntropy computes the mean cross entropy of rows of logits against their
// targets. Whoever made the targets made sure that they are classes.
func (d *Device) CrossEntropy(loss, lse, logits, targets, offsets device.Buffer, rows, classes int) {
	const op = "cross entropy"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, loss, 1), at(op, lse, rows), at(op, logits, rows*classes), atInts(op, targets, 0), atInts(op, offsets, rows+1)}, n: [4]int{rows, classes},
		run: func(d *Device, c *command) {
			rows := c.n[0]
			if !d.growScratch(rows) {
				return
			}
			C.pl_cross_entropy(floats(d.scratch), floats(c.p[1]), floats(c.p[2]), ints(c.p[3]), ints(c.p[4]), C.int64_t(rows), C.int64_t(c.n[1]))
			total := 0.0
			for _, v := range unsafe.Slice((*float32)(d.scratch), rows) {
				total += float64(v)
			}
			*(*float32)(c.p[0]) = float32(total / float64(rows))
		}}
}

// CrossEntropyBackward computes dlogits, times weight.
func (d *Device) CrossEntropyBackward(dlogits, lse, logits, targets, offsets device.Buffer, rows, classes int, weight float32) {
	const op = "cross entropy backward"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dlogits, rows*classes), at(op, lse, rows), at(op, logits, rows*classes), atInts(op, targets, 0), atInts(op, offsets, rows+1)},
		n: [4]int{rows, classes}, f: [2]float32{weight},
		run: func(_ *Device, c *command) {
			C.pl_cross_entropy_backward(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), ints(c.p[3]), ints(c.p[4]), C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]))
		}}
}
