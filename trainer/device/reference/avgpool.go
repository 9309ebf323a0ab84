package reference

import "github.com/pairloom/pairloom/trainer/device"

// square lists the four rows of x that make row i of y.
func square(i, side int) [4]int {
	n := side / 2
	b, y, x := i/(n*n), i/n%n, i%n
	at := (b*side+2*y)*side + 2*x
	return [4]int{at, at + 1, at + side, at + side + 1}
}

// AvgPool computes y = the means of 2x2 squares.
func (d *Device) AvgPool(yb, xb device.Buffer, batch, side, cols int) {
	const op = "average pool"
	rows, t := batch*(side/2)*(side/2), activations(op, yb)
	y, store := out(op, t, yb, rows*cols)
	defer store()
	x := in(op, t, xb, batch*side*side*cols)
	for i := range rows {
		for j := range cols {
			var sum float64
			for _, r := range square(i, side) {
				sum += float64(x[r*cols+j])
			}
			y[i*cols+j] = float32(sum / 4)
		}
	}
}

// AvgPoolBackward computes dx = dy/4 of the square that a row is in.
func (d *Device) AvgPoolBackward(dxb, dyb device.Buffer, batch, side, cols int, beta float32) {
	const op = "average pool backward"
	rows, t := batch*(side/2)*(side/2), activations(op, dxb)
	dx, store := out(op, t, dxb, batch*side*side*cols)
	defer store()
	dy := in(op, t, dyb, rows*cols)
	if beta == 0 {
		clear(dx)
	}
	for i := range rows {
		for _, r := range square(i, side) {
			for j := range cols {
				dx[r*cols+j] += dy[i*cols+j] / 4
			}
		}
	}
}
