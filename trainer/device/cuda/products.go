//go:build cuda

package cuda

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
)

// finish is what cuBLASLt does with a product besides.
type finish struct {
	bias address // [n] of c's type; 0 for none
	plus address // what beta multiplies, like c; c itself unless set
}

// String names p's operation and shape.
func (p product) String(op string) string {
	name := fmt.Sprintf("%s: c[%d,%d] = a[%d,%d] b[%d,%d]", op, p.m, p.n, p.m, p.k, p.k, p.n)
	if p.batch > 1 {
		name += fmt.Sprintf(" of %d", p.batch)
	}
	return name + ", " + p.in.String() + " to " + p.out.String()
}

// whole fills in what p leaves out.
func (p product) whole() product {
	fill := func(ld *int, cols, transposed int, trans bool) {
		if trans {
			cols = transposed
		}
		if *ld == 0 {
			*ld = cols
		}
	}
	fill(&p.lda, p.k, p.m, p.transA)
	fill(&p.ldb, p.n, p.k, p.transB)
	fill(&p.ldc, p.n, 0, false)
	p.batch = max(1, p.batch)
	return p
}

// product enqueues p.
func (d *Device) product(op string, p product) {
	p = p.whole()
	if p.m == 0 || p.n == 0 {
		return
	}
	f := finish{plus: p.c}
	if chosen := d.plan(op, p, f); chosen != nil {
		d.multiply(op, chosen, p, f)
		return
	}
	d.ownProduct(op, p)
}

// MatMul computes C[m,n] = op(A)[m,k] op(B)[k,n] + beta C.
func (d *Device) MatMul(c, a, b device.Buffer, m, n, k int, transA, transB bool, beta float32) {
	const op = "matmul"
	t := a.Type
	d.product(op, product{c: active(op, c.Type, c, m*n), a: active(op, t, a, m*k), b: active(op, t, b, k*n), m: m, n: n, k: k,
		transA: transA, transB: transB, in: t, out: c.Type, beta: beta})
}

// Linear computes y = act(x w^t + bias) + residual. Where cuBLASLt has the product, bias
// and residual are its epilogue, and an activation is one pass more: the library's own
// GELU is an approximation. To a result of bf16 the library adds a bias of bf16, which
// is therefore rounded, as PyTorch's autocast does.
func (d *Device) Linear(y, x, w device.Buffer, m, n, k int, e device.Epilogue) {
	const op = "linear"
	t, to, activated := x.Type, y.Type, e.Activation != device.NoActivation
	out, residual, bias := active(op, to, y, m*n), optional(op, to, e.Residual, m*n), optional(op, device.F32, e.Bias, n)
	var pre address
	if activated {
		pre = optional(op, to, e.Pre, m*n)
	}
	p := product{c: out, a: active(op, t, x, m*k), b: active(op, t, w, n*k), m: m, n: n, k: k, transB: true, in: t, out: to}.whole()
	if m == 0 || n == 0 {
		return
	}
	f := finish{bias: bias, plus: out}
	switch {
	case activated && residual != 0:
		// To add a residual to what was rounded before the activation would lose too much.
		d.wideLinear(op, p, out, pre, bias, residual, e.Activation)
		return
	case residual != 0:
		p.beta, f.plus = 1, residual
	case pre != 0:
		p.c, f.plus = pre, pre
	}
	chosen := d.plan(op, p, f)
	if chosen == nil {
		d.wideLinear(op, p, out, pre, bias, residual, e.Activation)
		return
	}
	switch {
	case bias == 0:
	case to == device.BF16:
		f.bias = d.scratch(op, n*to.Bytes())
		d.do(op, elementwise("convert_to_bf16", n, 8), f.bias, bias, int64(n))
	case bias%16 != 0: // some algorithms read 16 bytes at once, and nothing tells them not to
		f.bias = d.scratch(op, n*to.Bytes())
		d.move(op, f.bias, bias, n*to.Bytes())
	}
	d.multiply(op, chosen, p, f)
	if activated {
		d.do(op, elementwise(suffixed("activate", to), m*n, 8), out, address(0), p.c, address(0), address(0), int64(m*n), n, int(e.Activation))
	}
}

// wideLinear is Linear by a product to f32, and one pass for the rest.
func (d *Device) wideLinear(op string, p product, y, pre, bias, residual address, a device.Activation) {
	n, to := p.n, p.out
	d.inRows(op, p, func(rows product, from int) {
		d.do(op, elementwise("activate_"+wideTo(to), rows.m*n, 8), row(y, from, n, to), row(pre, from, n, to), rows.c, bias, row(residual, from, n, to), int64(rows.m*n), n, int(a))
	})
}

// LinearBackward computes dw += dy^t x, dbias += the sum of dy's rows, and dx =
// (dy w) * act'(Pre) + beta dx.
func (d *Device) LinearBackward(dx, dw, dbias, dy, x, w device.Buffer, m, n, k int, e device.BackwardEpilogue) {
	const op = "linear backward"
	if e.Activation != device.NoActivation && e.Beta != 0 {
		panic(op + ": beta with an activation")
	}
	t := dy.Type
	dyAt := active(op, t, dy, m*n)
	d.product(op, product{c: at(op, dw, n*k), a: dyAt, b: active(op, t, x, m*k), m: n, n: k, k: m, transA: true, in: t, out: device.F32, beta: 1})
	if !dbias.Absent() {
		d.BiasBackward(dbias, dy, m, n)
	}
	if dx.Absent() {
		return
	}
	to := active(op, t, dx, m*k)
	var pre address
	if e.Activation != device.NoActivation {
		pre = active(op, t, e.Pre, m*k)
	}
	back := product{c: to, a: dyAt, b: active(op, t, w, n*k), m: m, n: k, k: n, in: t, out: t, beta: e.Beta}
	if pre == 0 {
		d.product(op, back)
		return
	}
	d.inRows(op, back, func(rows product, from int) {
		d.do(op, elementwise("activate_backward_"+wideTo(t), rows.m*k, 8), row(to, from, k, t), rows.c, row(pre, from, k, t), int64(rows.m*k), int(e.Activation))
	})
}

// wideRows is the number of rows of a product that are in f32 at a time: enough of them
// for all of a card, of a width of 3072 six waves of one of 132 multiprocessors, and 100 MB.
const wideRows = 8192

// inRows computes p to f32, some rows at a time, and calls then with those and where they start,
// so that the result is rounded once.
func (d *Device) inRows(op string, p product, then func(rows product, from int)) {
	rows := p
	rows.c, rows.out, rows.beta = d.scratch(op, min(p.m, wideRows)*p.n*device.F32.Bytes()), device.F32, 0
	for from := 0; from < p.m; from += wideRows {
		rows.m, rows.a = min(wideRows, p.m-from), row(p.a, from, p.k, p.in)
		d.product(op, rows)
		then(rows, from)
	}
}

// row is where a row of cols elements starts, 0 for what is absent.
func row(a address, from, cols int, t device.Type) address {
	if a == 0 {
		return 0
	}
	return a + address(from*cols*t.Bytes())
}

// wideTo is the suffix of a kernel from f32 to t.
func wideTo(t device.Type) string {
	if t == device.BF16 {
		return "f32_to_bf16"
	}
	return "f32"
}
