package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// tableType is that of the table from which rows as y come: y's, or F32.
func tableType(y, table device.Buffer) device.Type {
	if table.Type == y.Type {
		return y.Type
	}
	return device.F32
}

// Gather computes y[i] = table[ids[i]] + beta y[i].
func (d *Device) Gather(y, table, ids device.Buffer, rows, cols int, beta float32) {
	const op = "gather"
	d.queue <- command{
		t: y.Type,
		p: [9]unsafe.Pointer{active(op, y.Type, y, rows*cols), typed(op, tableType(y, table), table, table.Len), atInts(op, ids, rows)},
		n: [4]int{rows, cols}, f: [2]float32{beta}, flags: [2]bool{table.Type == y.Type && y.Type == device.BF16},
		run: func(_ *Device, c *command) {
			if c.flags[0] {
				C.pl_pick(c.bf16(), c.p[0], c.p[1], ints(c.p[2]), C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]))
				return
			}
			C.pl_gather(c.bf16(), c.p[0], floats(c.p[1]), ints(c.p[2]), C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]))
		}}
}

// GatherBackward computes dtable[ids[i]] += dy[i].
func (d *Device) GatherBackward(dtable, dy, ids device.Buffer, rows, cols int) {
	const op = "gather backward"
	d.queue <- command{
		t: dy.Type,
		p: [9]unsafe.Pointer{typed(op, tableType(dy, dtable), dtable, dtable.Len), active(op, dy.Type, dy, rows*cols), atInts(op, ids, rows)},
		n: [4]int{rows, cols}, flags: [2]bool{dtable.Type == dy.Type && dy.Type == device.BF16},
		run: func(_ *Device, c *command) {
			if c.flags[0] {
				C.pl_pick_backward(c.bf16(), c.p[0], c.p[1], ints(c.p[2]), C.int64_t(c.n[0]), C.int64_t(c.n[1]))
				return
			}
			C.pl_gather_backward(c.bf16(), floats(c.p[0]), c.p[1], ints(c.p[2]), C.int64_t(c.n[0]), C.int64_t(c.n[1]))
		}}
}
