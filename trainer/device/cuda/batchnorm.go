//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// normBlocks is about the number of blocks that sum columns, of which a card runs hundreds at
// a time.
const normBlocks = 1024

// BatchStats computes each column's mean and 1/sqrt(variance+eps), and moves the running
// statistics.
func (d *Device) BatchStats(stats, x device.Buffer, running device.Running, rows, cols int, eps, momentum float32) {
	const op = "batch statistics"
	t := x.Type
	pstats, px := at(op, stats, 2*cols), active(op, t, x, rows*cols)
	mean, variance, count := optional(op, device.F32, running.Mean, cols), optional(op, device.F32, running.Variance, cols), optional(op, device.F32, running.Count, 1)
	w := walkOf(t, rows, cols, 8, px).sums(rows, normBlocks)
	parts := d.scratch(op, w.chunks*2*cols*device.F32.Bytes())
	d.do(op, w.launch("batch_moments", t), parts, px, rows, cols, w.groups, w.each)
	d.do(op, launch{kernel: "batch_stats", blocks: [3]int{(cols + 7) / 8}, threads: 256}, pstats, mean, variance, count, parts, w.chunks, w.each, rows, cols, eps, momentum)
}

// RunningStats computes stats from the running statistics.
func (d *Device) RunningStats(stats device.Buffer, running device.Running, cols int, eps float32) {
	const op = "running statistics"
	d.do(op, launch{kernel: "running_stats", blocks: [3]int{(cols + 255) / 256}, threads: 256},
		at(op, stats, 2*cols), at(op, running.Mean, cols), at(op, running.Variance, cols), cols, eps)
}

// BatchNorm computes y = (x-mean)*rstd*gain + shift + shortcut, with relu at least 0.
func (d *Device) BatchNorm(y, x, stats, gain, shift, shortcut device.Buffer, rows, cols int, relu bool) {
	const op = "batch norm"
	t := y.Type
	py, px, add := active(op, t, y, rows*cols), active(op, t, x, rows*cols), optional(op, t, shortcut, rows*cols)
	w := walkOf(t, rows, cols, 16, py, px, add)
	d.do(op, w.launch("batch_norm", t), py, px, at(op, stats, 2*cols), at(op, gain, cols), at(op, shift, cols), add, rows, cols, relu, w.groups, w.each)
}

// Where a batch norm's dy counts, in the kernels' numbers.
const (
	countsEverywhere = iota
	countsGiven
	countsAgain
)

// BatchNormBackward computes dx, dgain += and dshift +=, and masks dy where y is given.
func (d *Device) BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, shift, y device.Buffer, rows, cols int, relu bool) {
	const op = "batch norm backward"
	t := dx.Type
	pdx, pdy, px, py := active(op, t, dx, rows*cols), active(op, t, dy, rows*cols), active(op, t, x, rows*cols), optional(op, t, y, rows*cols)
	pstats, pgain, pshift := at(op, stats, 2*cols), at(op, gain, cols), at(op, shift, cols)
	pdgain, pdshift := at(op, dgain, cols), at(op, dshift, cols)
	where := countsEverywhere
	switch {
	case relu && py != 0:
		where = countsGiven
	case relu:
		where = countsAgain
	}
	if rows == 0 {
		return
	}
	w := walkOf(t, rows, cols, 16, pdx, pdy, px, py)
	s := w.sums(rows, normBlocks)
	level := d.scratch(op, (s.chunks+1)*2*cols*device.F32.Bytes())
	parts := level + address(2*cols*device.F32.Bytes())
	d.do(op, s.launch("batch_slopes", t), parts, pdy, px, pstats, pgain, pshift, py, rows, cols, where, s.groups, s.each)
	d.do(op, launch{kernel: "batch_level", blocks: [3]int{(cols + 7) / 8}, threads: 256}, level, pdgain, pdshift, parts, pstats, s.chunks, rows, cols)
	d.do(op, w.launch("batch_norm_backward", t), pdx, pdy, px, pstats, pgain, pshift, level, rows, cols, where, w.groups, w.each)
}
