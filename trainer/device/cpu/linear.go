package cpu

import "github.com/pairloom/pairloom/trainer/device"

// Linear computes y = act(x w^t + bias) + residual.
func (d *Device) Linear(y, x, w device.Buffer, m, n, k int, e device.Epilogue) {
	into, beta := y, float32(0)
	switch {
	case e.Activation != device.NoActivation && !e.Pre.Absent():
		into = e.Pre.Slice(0, m*n)
	case e.Activation == device.NoActivation && !e.Residual.Absent():
		if e.Residual != y {
			d.Copy(y.Slice(0, m*n), e.Residual)
		}
		beta = 1
	}
	d.MatMul(into, x, w, m, n, k, false, true, beta)
	if !e.Bias.Absent() {
		d.Bias(into, e.Bias, m, n)
	}
	if e.Activation == device.NoActivation {
		return
	}
	d.GELU(y.Slice(0, m*n), into, e.Activation == device.QuickGELU)
	if !e.Residual.Absent() {
		d.Sum(y.Slice(0, m*n), y, e.Residual)
	}
}

// LinearBackward computes dw += dy^t x, dbias += the sum of dy's rows, and dx =
// (dy w) * act'(Pre) + beta dx.
func (d *Device) LinearBackward(dx, dw, dbias, dy, x, w device.Buffer, m, n, k int, e device.BackwardEpilogue) {
	if e.Activation != device.NoActivation && e.Beta != 0 {
		panic("linear backward: beta with an activation")
	}
	d.MatMul(dw, dy, x, n, k, m, true, false, 1)
	if !dbias.Absent() {
		d.BiasBackward(dbias, dy, m, n)
	}
	if dx.Absent() {
		return
	}
	d.MatMul(dx, dy, w, m, k, n, false, false, e.Beta)
	if e.Activation != device.NoActivation {
		d.GELUBackward(dx.Slice(0, m*k), dx, e.Pre, e.Activation == device.QuickGELU)
	}
}
