package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// activate is the value of an activation at x, and its slope.
func activate(a device.Activation, x float64) (y, slope float64) {
	switch a {
	case device.GELU:
		p := 0.5 * (1 + math.Erf(x/math.Sqrt2))
		return x * p, p + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
	case device.QuickGELU:
		s := 1 / (1 + math.Exp(-1.702*x))
		return x * s, s + 1.702*x*s*(1-s)
	default:
		return x, 1
	}
}

// Linear computes y = act(x w^t + bias) + residual.
func (d *Device) Linear(yb, xb, wb device.Buffer, m, n, k int, e device.Epilogue) {
	const op = "linear"
	t, to := activations(op, xb), activations(op, yb)
	y, store := out(op, to, yb, m*n)
	defer store()
	x, w := in(op, t, xb, m*k), in(op, t, wb, n*k)
	var bias, pre, residual []float32
	if !e.Bias.Absent() {
		bias = floats(op, e.Bias, n)
	}
	if !e.Pre.Absent() {
		var storePre func()
		pre, storePre = out(op, to, e.Pre, m*n)
		defer storePre()
	}
	if !e.Residual.Absent() {
		residual = in(op, to, e.Residual, m*n)
	}
	for i := range m {
		for j := range n {
			var sum float64
			for l := range k {
				sum += float64(x[i*k+l]) * float64(w[j*k+l])
			}
			if bias != nil {
				sum += float64(bias[j])
			}
			if pre != nil {
				pre[i*n+j] = float32(sum)
			}
			sum, _ = activate(e.Activation, sum)
			if residual != nil {
				sum += float64(residual[i*n+j])
			}
			y[i*n+j] = float32(sum)
		}
	}
}

// LinearBackward computes dw += dy^t x, dbias += the sum of dy's rows, and dx =
// (dy w) * act'(pre) + beta dx.
func (d *Device) LinearBackward(dxb, dwb, dbiasb, dyb, xb, wb device.Buffer, m, n, k int, e device.BackwardEpilogue) {
	const op = "linear backward"
	if e.Activation != device.NoActivation && e.Beta != 0 {
		panic(op + ": beta with an activation")
	}
	floats(op, dwb, n*k)
	d.MatMul(dwb, dyb, xb, n, k, m, true, false, 1)
	if !dbiasb.Absent() {
		d.BiasBackward(dbiasb, dyb, m, n)
	}
	if dxb.Absent() {
		return
	}
	t := activations(op, dyb)
	dx, store := out(op, t, dxb, m*k)
	defer store()
	dy, w := in(op, t, dyb, m*n), in(op, t, wb, n*k)
	var pre []float32
	if e.Activation != device.NoActivation {
		pre = in(op, t, e.Pre, m*k)
	}
	for i := range m {
		for j := range k {
			var sum float64
			for l := range n {
				sum += float64(dy[i*n+l]) * float64(w[l*k+j])
			}
			if pre != nil {
				_, slope := activate(e.Activation, float64(pre[i*k+j]))
				sum *= slope
			}
			if e.Beta != 0 {
				sum += float64(e.Beta) * float64(dx[i*k+j])
			}
			dx[i*k+j] = float32(sum)
		}
	}
}
