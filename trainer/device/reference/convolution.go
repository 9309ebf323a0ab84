package reference

import "github.com/pairloom/pairloom/trainer/device"

// eachTap visits the words of x, y and w that meet in one product: row r of x
// and row s of y, and place k of the nine in w[.,.,3,3].
func eachTap(c device.Conv3x3, visit func(r, s, k int)) {
	for b := range c.Batch {
		for y := range c.Side {
			for x := range c.Side {
				for k := range 9 {
					iy, ix := y+k/3-1, x+k%3-1
					if iy >= 0 && iy < c.Side && ix >= 0 && ix < c.Side {
						visit((b*c.Side+iy)*c.Side+ix, (b*c.Side+y)*c.Side+x, k)
					}
				}
			}
		}
	}
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func narrow(x []float32, from []float64) {
	for i, v := range from {
		x[i] = float32(v)
	}
}

// Conv3x3 computes y[s,o] = the sum over taps and i of x[r,i]*w[o,i,k].
func (d *Device) Conv3x3(yb, xb, wb device.Buffer, c device.Conv3x3) {
	const op = "convolution"
	t := activations(op, yb)
	y, store := out(op, t, yb, c.Rows()*c.Out)
	defer store()
	x, w := in(op, t, xb, c.Rows()*c.In), in(op, t, wb, c.Out*c.In*9)
	sum := make([]float64, len(y))
	eachTap(c, func(r, s, k int) {
		for o := range c.Out {
			for i := range c.In {
				sum[s*c.Out+o] += float64(x[r*c.In+i]) * float64(w[(o*c.In+i)*9+k])
			}
		}
	})
	narrow(y, sum)
}

// Conv3x3BackwardData computes dx[r,i] = the sum over taps and o of
// dy[s,o]*w[o,i,k].
func (d *Device) Conv3x3BackwardData(dxb, dyb, wb device.Buffer, c device.Conv3x3) {
	const op = "convolution backward data"
	t := activations(op, dxb)
	dx, store := out(op, t, dxb, c.Rows()*c.In)
	defer store()
	dy, w := in(op, t, dyb, c.Rows()*c.Out), in(op, t, wb, c.Out*c.In*9)
	sum := make([]float64, len(dx))
	eachTap(c, func(r, s, k int) {
		for o := range c.Out {
			for i := range c.In {
				sum[r*c.In+i] += float64(dy[s*c.Out+o]) * float64(w[(o*c.In+i)*9+k])
			}
		}
	})
	narrow(dx, sum)
}

// Conv3x3BackwardWeights computes dw[o,i,k] += the sum over taps of
// dy[s,o]*x[r,i].
func (d *Device) Conv3x3BackwardWeights(dwb, dyb, xb device.Buffer, c device.Conv3x3) {
	const op = "convolution backward weights"
	t := activations(op, xb)
	dw, dy, x := floats(op, dwb, c.Out*c.In*9), in(op, t, dyb, c.Rows()*c.Out), in(op, t, xb, c.Rows()*c.In)
	sum := widen(dw)
	eachTap(c, func(r, s, k int) {
		for o := range c.Out {
			for i := range c.In {
				sum[(o*c.In+i)*9+k] += float64(dy[s*c.Out+o]) * float64(x[r*c.In+i])
			}
		}
	})
	narrow(dw, sum)
}
