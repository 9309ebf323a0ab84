package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// LayerNorm computes y = (x-mean)*rstd*gain + shift over each row.
func (d *Device) LayerNorm(yb, statsb, xb, gainb, shiftb device.Buffer, rows, cols int, eps float32) {
	const op = "layer norm"
	t := activations(op, yb)
	y, store := out(op, t, yb, rows*cols)
	defer store()
	x, stats := in(op, t, xb, rows*cols), floats(op, statsb, 2*rows)
	gain, shift := floats(op, gainb, cols), floats(op, shiftb, cols)
	for i := range rows {
		row := x[i*cols : (i+1)*cols]
		var mean, variance float64
		for _, v := range row {
			mean += float64(v)
		}
		mean /= float64(cols)
		for _, v := range row {
			variance += (float64(v) - mean) * (float64(v) - mean)
		}
		rstd := 1 / math.Sqrt(variance/float64(cols)+float64(eps))
		for j, v := range row {
			y[i*cols+j] = float32((float64(v)-mean)*rstd*float64(gain[j]) + float64(shift[j]))
		}
		stats[2*i], stats[2*i+1] = float32(mean), float32(rstd)
	}
}

// LayerNormBackward computes, with h = (x-mean)*rstd and e = dy*gain,
// dx = rstd*(e - mean(e) - h*mean(e*h)), dgain += dy*h and dshift += dy.
func (d *Device) LayerNormBackward(dxb, dgainb, dshiftb, dyb, statsb, xb, gainb device.Buffer, rows, cols int, beta float32) {
	const op = "layer norm backward"
	t := activations(op, dxb)
	dx, store := out(op, t, dxb, rows*cols)
	defer store()
	dy, x := in(op, t, dyb, rows*cols), in(op, t, xb, rows*cols)
	stats, gain := floats(op, statsb, 2*rows), floats(op, gainb, cols)
	dgain, dshift := floats(op, dgainb, cols), floats(op, dshiftb, cols)
	sumGain, sumShift := widen(dgain), widen(dshift)
	for i := range rows {
		mean, rstd := float64(stats[2*i]), float64(stats[2*i+1])
		var sumE, sumEH float64
		for j := range cols {
			h := (float64(x[i*cols+j]) - mean) * rstd
			e := float64(dy[i*cols+j]) * float64(gain[j])
			sumE += e
			sumEH += e * h
			sumGain[j] += float64(dy[i*cols+j]) * h
			sumShift[j] += float64(dy[i*cols+j])
		}
		sumE /= float64(cols)
		sumEH /= float64(cols)
		for j := range cols {
			h := (float64(x[i*cols+j]) - mean) * rstd
			v := rstd * (float64(dy[i*cols+j])*float64(gain[j]) - sumE - h*sumEH)
			if beta != 0 {
				v += float64(beta) * float64(dx[i*cols+j])
			}
			dx[i*cols+j] = float32(v)
		}
	}
	narrow(dgain, sumGain)
	narrow(dshift, sumShift)
}
