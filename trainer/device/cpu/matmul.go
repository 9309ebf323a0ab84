package cpu

/*
#include <oneapi/dnnl/dnnl.h>
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// MatMul computes C[m,n] = op(A)[m,k] op(B)[k,n] + beta C, by oneDNN's sgemm,
// which keeps its generated code for the next call. Its backward is MatMul
// again.
func (d *Device) MatMul(c, a, b device.Buffer, m, n, k int, transA, transB bool, beta float32) {
	const op = "matmul"
	d.queue <- command{run: matmul, keeps: true, p: [9]unsafe.Pointer{at(op, c, m*n), at(op, a, m*k), at(op, b, k*n)},
		n: [4]int{m, n, k}, flags: [2]bool{transA, transB}, f: [2]float32{beta}}
}

func matmul(d *Device, c *command) {
	m, n, k := c.n[0], c.n[1], c.n[2]
	if m == 0 || n == 0 {
		return
	}
	if d.bf16 {
		matmulBF16(d, c)
		return
	}
	transA, lda, transB, ldb := C.char('N'), k, C.char('N'), n
	if c.flags[0] {
		transA, lda = 'T', m
	}
	if c.flags[1] {
		transB, ldb = 'T', k
	}
	status := C.dnnl_sgemm(transA, transB, C.dnnl_dim_t(m), C.dnnl_dim_t(n), C.dnnl_dim_t(k), 1,
		(*C.float)(c.p[1]), C.dnnl_dim_t(lda), (*C.float)(c.p[2]), C.dnnl_dim_t(ldb),
		C.float(c.f[0]), (*C.float)(c.p[0]), C.dnnl_dim_t(n))
	if status != C.dnnl_success {
		d.fault = fmt.Errorf("matmul [%d,%d] by [%d,%d]: oneDNN status %d", m, k, k, n, int(status))
	}
}
