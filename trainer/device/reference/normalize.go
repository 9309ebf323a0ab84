package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// smallestNorm keeps a row of zeros from dividing by zero.
const smallestNorm = 1e-12

// Normalize computes y = x/|x| and norm = |x| for each row.
func (d *Device) Normalize(yb, normb, xb device.Buffer, rows, cols int) {
	y, norm, x := floats("normalize", yb, rows*cols), floats("normalize", normb, rows), floats("normalize", xb, rows*cols)
	for i := range rows {
		var sum float64
		for j := range cols {
			sum += float64(x[i*cols+j]) * float64(x[i*cols+j])
		}
		length := max(math.Sqrt(sum), smallestNorm)
		for j := range cols {
			y[i*cols+j] = float32(float64(x[i*cols+j]) / length)
		}
		norm[i] = float32(length)
	}
}

// NormalizeBackward computes dx = (dy - y*sum(dy*y)) / |x|.
func (d *Device) NormalizeBackward(dxb, dyb, yb, normb device.Buffer, rows, cols int) {
	const op = "normalize backward"
	dx, dy, y, norm := floats(op, dxb, rows*cols), floats(op, dyb, rows*cols), floats(op, yb, rows*cols), floats(op, normb, rows)
	for i := range rows {
		var dot float64
		for j := range cols {
			dot += float64(dy[i*cols+j]) * float64(y[i*cols+j])
		}
		for j := range cols {
			dx[i*cols+j] = float32((float64(dy[i*cols+j]) - float64(y[i*cols+j])*dot) / float64(norm[i]))
		}
	}
}
