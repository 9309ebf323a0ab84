package reference

import "github.com/pairloom/pairloom/trainer/device"

func gelu(quick bool) device.Activation {
	if quick {
		return device.QuickGELU
	}
	return device.GELU
}

// GELU computes y = x*Phi(x), or with quick y = x*sigmoid(1.702x).
func (d *Device) GELU(yb, xb device.Buffer, quick bool) {
	const op = "gelu"
	t := activations(op, yb)
	y, store := out(op, t, yb, yb.Len)
	defer store()
	x := in(op, t, xb, yb.Len)
	for i, v := range x {
		value, _ := activate(gelu(quick), float64(v))
		y[i] = float32(value)
	}
}

// GELUBackward computes dx = dy*(Phi(x) + x*phi(x)), or with quick and
// s = sigmoid(1.702x), dx = dy*(s + 1.702*x*s*(1-s)).
func (d *Device) GELUBackward(dxb, dyb, xb device.Buffer, quick bool) {
	const op = "gelu backward"
	t := activations(op, dxb)
	dx, store := out(op, t, dxb, dxb.Len)
	defer store()
	dy, x := in(op, t, dyb, dxb.Len), in(op, t, xb, dxb.Len)
	for i, v := range x {
		_, slope := activate(gelu(quick), float64(v))
		dx[i] = float32(float64(dy[i]) * slope)
	}
}
