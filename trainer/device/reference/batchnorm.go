package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// BatchStats computes each column's mean and 1/sqrt(variance+eps), and moves
// the running statistics.
func (d *Device) BatchStats(statsb, xb device.Buffer, running device.Running, rows, cols int, eps, momentum float32) {
	const op = "batch statistics"
	stats, x := floats(op, statsb, 2*cols), in(op, activations(op, xb), xb, rows*cols)
	for j := range cols {
		var mean, squares float64
		for i := range rows {
			mean += float64(x[i*cols+j]) / float64(rows)
		}
		for i := range rows {
			squares += (float64(x[i*cols+j]) - mean) * (float64(x[i*cols+j]) - mean)
		}
		stats[j], stats[cols+j] = float32(mean), float32(1/math.Sqrt(squares/float64(rows)+float64(eps)))
		if running.Absent() || !finite(mean) || !finite(squares) {
			continue
		}
		m, v := &floats(op, running.Mean, cols)[j], &floats(op, running.Variance, cols)[j]
		*m += float32(float64(momentum) * (mean - float64(*m)))
		*v += float32(float64(momentum) * (squares/float64(max(rows-1, 1)) - float64(*v)))
	}
	if !running.Absent() {
		floats(op, running.Count, 1)[0]++
	}
}

// RunningStats computes stats from the running statistics.
func (d *Device) RunningStats(statsb device.Buffer, running device.Running, cols int, eps float32) {
	const op = "running statistics"
	stats, mean, variance := floats(op, statsb, 2*cols), floats(op, running.Mean, cols), floats(op, running.Variance, cols)
	for j := range cols {
		stats[j], stats[cols+j] = mean[j], float32(1/math.Sqrt(float64(variance[j])+float64(eps)))
	}
}

// BatchNorm computes y = (x-mean)*rstd*gain + shift + shortcut, with relu at
// least 0.
func (d *Device) BatchNorm(yb, xb, statsb, gainb, shiftb, shortcutb device.Buffer, rows, cols int, relu bool) {
	const op = "batch norm"
	t := activations(op, yb)
	y, store := out(op, t, yb, rows*cols)
	defer store()
	x, stats := in(op, t, xb, rows*cols), floats(op, statsb, 2*cols)
	var shortcut []float32
	if !shortcutb.Absent() {
		shortcut = in(op, t, shortcutb, rows*cols)
	}
	gain, shift := floats(op, gainb, cols), floats(op, shiftb, cols)
	for i := range y {
		j := i % cols
		v := (float64(x[i])-float64(stats[j]))*float64(stats[cols+j])*float64(gain[j]) + float64(shift[j])
		if shortcut != nil {
			v += float64(shortcut[i])
		}
		if relu {
			v = max(v, 0)
		}
		y[i] = float32(v)
	}
}

// BatchNormBackward computes, with h = (x-mean)*rstd and g = dy where y > 0,
// dx = gain*rstd*(g - mean(g) - h*mean(g*h)), dgain += g*h and dshift += g.
func (d *Device) BatchNormBackward(dxb, dgainb, dshiftb, dyb, xb, statsb, gainb, shiftb, yb device.Buffer, rows, cols int, relu bool) {
	const op = "batch norm backward"
	t := activations(op, dxb)
	dx, store := out(op, t, dxb, rows*cols)
	defer store()
	dy, storeY := out(op, t, dyb, rows*cols)
	x, stats := in(op, t, xb, rows*cols), floats(op, statsb, 2*cols)
	var y []float32
	if !yb.Absent() {
		y = in(op, t, yb, rows*cols)
	}
	gain, shift := floats(op, gainb, cols), floats(op, shiftb, cols)
	dgain, dshift := floats(op, dgainb, cols), floats(op, dshiftb, cols)
	g := make([]float32, rows*cols)
	for i := range g {
		j := i % cols
		live := !relu
		switch {
		case relu && y == nil:
			live = (float64(x[i])-float64(stats[j]))*float64(stats[cols+j])*float64(gain[j])+float64(shift[j]) > 0
		case relu:
			live = y[i] > 0
		}
		if live {
			g[i] = dy[i]
		}
	}
	if y != nil {
		copy(dy, g)
		storeY()
	}
	for j := range cols {
		mean, rstd := float64(stats[j]), float64(stats[cols+j])
		var sum, along float64
		for i := j; i < len(g); i += cols {
			sum += float64(g[i])
			along += float64(g[i]) * (float64(x[i]) - mean) * rstd
		}
		for i := j; i < len(g); i += cols {
			h := (float64(x[i]) - mean) * rstd
			dx[i] = float32(float64(gain[j]) * rstd * (float64(g[i]) - sum/float64(rows) - h*along/float64(rows)))
		}
		dgain[j] += float32(along)
		dshift[j] += float32(sum)
	}
}
