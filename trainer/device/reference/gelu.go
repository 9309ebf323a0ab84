package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// GELU computes y = x*Phi(x), or with quick y = x*sigmoid(1.702x).
func (d *Device) GELU(yb, xb device.Buffer, quick bool) {
	y, x := floats("gelu", yb, yb.Len), floats("gelu", xb, yb.Len)
	for i, v := range x {
		v := float64(v)
		if quick {
			y[i] = float32(v / (1 + math.Exp(-1.702*v)))
		} else {
			y[i] = float32(v * 0.5 * (1 + math.Erf(v/math.Sqrt2)))
		}
	}
}

// GELUBackward computes dx = dy*(Phi(x) + x*phi(x)), or with quick and
// s = sigmoid(1.702x), dx = dy*(s + 1.702*x*s*(1-s)).
func (d *Device) GELUBackward(dxb, dyb, xb device.Buffer, quick bool) {
	dx, dy, x := floats("gelu backward", dxb, dxb.Len), floats("gelu backward", dyb, dxb.Len), floats("gelu backward", xb, dxb.Len)
	for i, v := range x {
		v := float64(v)
		var slope float64
		if quick {
			s := 1 / (1 + math.Exp(-1.702*v))
			slope = s + 1.702*v*s*(1-s)
		} else {
			slope = 0.5*(1+math.Erf(v/math.Sqrt2)) + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi)
		}
		dx[i] = float32(float64(dy[i]) * slope)
	}
}
