package cpu

// #include "product.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// MatMul computes C[m,n] = op(A)[m,k] op(B)[k,n] + beta C. Its backward is
// MatMul again.
func (d *Device) MatMul(c, a, b device.Buffer, m, n, k int, transA, transB bool, beta float32) {
	const op = "matmul"
	t, to := a.Type, c.Type
	d.queue <- command{run: matmul, t: t, to: to, p: [9]unsafe.Pointer{active(op, to, c, m*n), active(op, t, a, m*k), active(op, t, b, k*n)},
		n: [4]int{m, n, k}, flags: [2]bool{transA, transB}, f: [2]float32{beta}}
}

func matmul(d *Device, c *command) { d.product(productOf(c, c.n[0], c.n[1], c.n[2])) }

// productOf is the product of c.p[1] and c.p[2] that goes to c.p[0].
func productOf(c *command, m, n, k int) C.pl_product {
	lda, ldb := k, n
	if c.flags[0] {
		lda = m
	}
	if c.flags[1] {
		ldb = k
	}
	return C.pl_product{
		m: C.int64_t(m), n: C.int64_t(n), k: C.int64_t(k), alpha: 1,
		a: C.pl_view{at: c.p[1], ld: C.int64_t(lda), _type: c.bf16()}, trans_a: cBool(c.flags[0]),
		b: C.pl_view{at: c.p[2], ld: C.int64_t(ldb), _type: c.bf16()}, trans_b: cBool(c.flags[1]),
		c: c.p[0], ldc: C.int64_t(n), _type: cBool(c.to == device.BF16),
		finish: C.pl_finish{beta: C.float(c.f[0])},
	}
}

// product computes p.
func (d *Device) product(p C.pl_product) {
	if d.growScratch(int(C.pl_product_room(p))) {
		C.pl_product_run(p, floats(d.scratch))
	}
}
