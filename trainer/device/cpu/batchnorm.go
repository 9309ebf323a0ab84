package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// maybe is the address of b, of type t, nil if b is absent.
func maybe(operation string, t device.Type, b device.Buffer, n int) unsafe.Pointer {
	if b.Absent() {
		return nil
	}
	return typed(operation, t, b, n)
}

// normScratch makes room for the parts' sums, in double, and behind them for
// three floats a column.
func (d *Device) normScratch(cols int) (parts *C.double, floatsBehind *C.float, ok bool) {
	words := int(C.pl_batch_norm_parts) * 2 * 2 * cols
	if !d.growScratch(words + 3*cols) {
		return nil, nil, false
	}
	return (*C.double)(d.scratch), floats(unsafe.Add(d.scratch, words*4)), true
}

// BatchStats computes each column's mean and 1/sqrt(variance+eps), and moves
// the running statistics.
func (d *Device) BatchStats(stats, x device.Buffer, running device.Running, rows, cols int, eps, momentum float32) {
	const op = "batch statistics"
	d.queue <- command{
		t: x.Type,
		p: [9]unsafe.Pointer{at(op, stats, 2*cols), maybe(op, device.F32, running.Mean, cols), maybe(op, device.F32, running.Variance, cols), maybe(op, device.F32, running.Count, 1), active(op, x.Type, x, rows*cols)},
		n: [4]int{rows, cols}, f: [2]float32{eps, momentum},
		run: func(d *Device, c *command) {
			if parts, _, ok := d.normScratch(c.n[1]); ok {
				C.pl_batch_stats(c.bf16(), floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), c.p[4],
					C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.float(c.f[0]), C.float(c.f[1]), parts)
			}
		}}
}

// RunningStats computes stats from the running statistics.
func (d *Device) RunningStats(stats device.Buffer, running device.Running, cols int, eps float32) {
	const op = "running statistics"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, stats, 2*cols), at(op, running.Mean, cols), at(op, running.Variance, cols)}, n: [4]int{cols}, f: [2]float32{eps},
		run: func(_ *Device, c *command) {
			C.pl_running_stats(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), C.int64_t(c.n[0]), C.float(c.f[0]))
		}}
}

// BatchNorm computes y = (x-mean)*rstd*gain + shift + shortcut, with relu at
// least 0.
func (d *Device) BatchNorm(y, x, stats, gain, shift, shortcut device.Buffer, rows, cols int, relu bool) {
	const op = "batch norm"
	d.queue <- command{
		t: y.Type,
		p: [9]unsafe.Pointer{active(op, y.Type, y, rows*cols), active(op, y.Type, x, rows*cols), at(op, stats, 2*cols), at(op, gain, cols), at(op, shift, cols), maybe(op, y.Type, shortcut, rows*cols)},
		n: [4]int{rows, cols}, flags: [2]bool{relu},
		run: func(d *Device, c *command) {
			if _, scale, ok := d.normScratch(c.n[1]); ok {
				C.pl_batch_norm(c.bf16(), c.p[0], c.p[1], floats(c.p[2]), floats(c.p[3]), floats(c.p[4]), c.p[5],
					C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.int(cBool(c.flags[0])), scale)
			}
		}}
}

// BatchNormBackward computes dx, dgain += and dshift +=, and masks dy where y
// is given.
func (d *Device) BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, shift, y device.Buffer, rows, cols int, relu bool) {
	const op = "batch norm backward"
	d.queue <- command{
		t: dx.Type,
		p: [9]unsafe.Pointer{active(op, dx.Type, dx, rows*cols), at(op, dgain, cols), at(op, dshift, cols), active(op, dx.Type, dy, rows*cols), active(op, dx.Type, x, rows*cols),
			at(op, stats, 2*cols), at(op, gain, cols), at(op, shift, cols), maybe(op, dx.Type, y, rows*cols)},
		n: [4]int{rows, cols}, flags: [2]bool{relu},
		run: func(d *Device, c *command) {
			if parts, scale, ok := d.normScratch(c.n[1]); ok {
				C.pl_batch_norm_backward(c.bf16(), c.p[0], floats(c.p[1]), floats(c.p[2]), c.p[3], c.p[4],
					floats(c.p[5]), floats(c.p[6]), floats(c.p[7]), c.p[8],
					C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.int(cBool(c.flags[0])), scale, parts)
			}
		}}
}
