package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Gather computes y[i] = table[ids[i]] + beta y[i].
func (d *Device) Gather(y, table, ids device.Buffer, rows, cols int, beta float32) {
	const op = "gather"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, y, rows*cols), at(op, table, table.Len), atInts(op, ids, rows)},
		n: [4]int{rows, cols}, f: [2]float32{beta},
		run: func(_ *Device, c *command) {
			C.pl_gather(floats(c.p[0]), floats(c.p[1]), ints(c.p[2]), C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]))
		}}
}

// GatherBackward computes dtable[ids[i]] += dy[i].
func (d *Device) GatherBackward(dtable, dy, ids device.Buffer, rows, cols int) {
	const op = "gather backward"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dtable, dtable.Len), at(op, dy, rows*cols), atInts(op, ids, rows)},
		n: [4]int{rows, cols},
		run: func(_ *Device, c *command) {
			C.pl_gather_backward(floats(c.p[0]), floats(c.p[1]), ints(c.p[2]), C.int64_t(c.n[0]), C.int64_t(c.n[1]))
		}}
}
