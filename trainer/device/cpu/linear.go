package cpu

// #include "product.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// activation is the number that the kernels have for a.
func activation(a device.Activation) C.int {
	return [...]C.int{device.NoActivation: 0, device.GELU: C.PL_GELU, device.QuickGELU: C.PL_QUICK_GELU}[a]
}

// given is the address of a buffer that may be absent.
func given(operation string, t device.Type, b device.Buffer, n int) unsafe.Pointer {
	if b.Absent() {
		return nil
	}
	return active(operation, t, b, n)
}

// Linear computes y = act(x w^t + bias) + residual.
func (d *Device) Linear(y, x, w device.Buffer, m, n, k int, e device.Epilogue) {
	const op = "linear"
	t, to := x.Type, y.Type
	pre := e.Pre
	if e.Activation == device.NoActivation {
		pre = device.Buffer{}
	}
	d.queue <- command{run: linear, t: t, to: to, n: [4]int{m, n, k, int(e.Activation)}, flags: [2]bool{false, true},
		p: [9]unsafe.Pointer{active(op, to, y, m*n), active(op, t, x, m*k), active(op, t, w, n*k),
			given(op, device.F32, e.Bias, n), given(op, to, pre, m*n), given(op, to, e.Residual, m*n)}}
}

func linear(d *Device, c *command) {
	p := productOf(c, c.n[0], c.n[1], c.n[2])
	p.finish = C.pl_finish{bias: floats(c.p[3]), pre: c.p[4], activation: activation(device.Activation(c.n[3])), residual: c.p[5]}
	d.product(p)
}

// LinearBackward computes dw += dy^t x, dbias += the sum of dy's rows, and dx =
// (dy w) * act'(Pre) + beta dx.
func (d *Device) LinearBackward(dx, dw, dbias, dy, x, w device.Buffer, m, n, k int, e device.BackwardEpilogue) {
	const op = "linear backward"
	if e.Activation != device.NoActivation && e.Beta != 0 {
		panic(op + ": beta with an activation")
	}
	t := dy.Type
	d.queue <- command{run: linearWeights, t: t, n: [4]int{m, n, k}, flags: [2]bool{true, false}, f: [2]float32{1},
		p: [9]unsafe.Pointer{at(op, dw, n*k), active(op, t, dy, m*n), active(op, t, x, m*k)}}
	if !dbias.Absent() {
		d.BiasBackward(dbias, dy, m, n)
	}
	if dx.Absent() {
		return
	}
	var pre unsafe.Pointer
	if e.Activation != device.NoActivation {
		pre = active(op, t, e.Pre, m*k)
	}
	d.queue <- command{run: linearData, t: t, to: t, n: [4]int{m, n, k, int(e.Activation)}, f: [2]float32{e.Beta},
		p: [9]unsafe.Pointer{active(op, t, dx, m*k), active(op, t, dy, m*n), active(op, t, w, n*k), pre}}
}

func linearWeights(d *Device, c *command) { d.product(productOf(c, c.n[1], c.n[2], c.n[0])) }

func linearData(d *Device, c *command) {
	p := productOf(c, c.n[0], c.n[2], c.n[1])
	p.finish.slope, p.finish.slope_of = c.p[3], activation(device.Activation(c.n[3]))
	d.product(p)
}
