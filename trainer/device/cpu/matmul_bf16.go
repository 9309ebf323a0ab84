package cpu

// #include <stdlib.h>
// #include "kernels.h"
// #include "matmul_bf16.h"
import "C"

import (
	"fmt"
	"unsafe"
)

// rounded holds the factors of the current product as bfloat16. A gradient is
// a factor twice in a row, for the weights and for the layer's input: the first
// factor is kept until another operation runs.
type rounded struct {
	at    [2]unsafe.Pointer
	bytes [2]int
	from  unsafe.Pointer // what at[0] was made of, nil for nothing
	words int
}

// make rounds n words into place number which.
func (r *rounded) make(d *Device, which int, x unsafe.Pointer, n int) bool {
	if which == 0 && r.from == x && r.words == n {
		return true
	}
	if r.bytes[which] < 2*n {
		r.release(d, which)
		at, err := d.allocate((n + 1) / 2 * 4)
		if err != nil {
			d.fault = err
			return false
		}
		r.at[which], r.bytes[which] = at, (n+1)/2*4
	}
	if which == 0 {
		r.from, r.words = x, n
	}
	C.pl_round_bf16((*C.uint16_t)(r.at[which]), floats(x), C.int64_t(n))
	return true
}

func (r *rounded) release(d *Device, which int) {
	if r.at[which] != nil {
		C.free(r.at[which])
		d.held.Add(-int64(r.bytes[which]))
		r.at[which], r.bytes[which] = nil, 0
	}
	if which == 0 {
		r.from = nil
	}
}

// forget drops the first factor if it was made of words that have just been
// overwritten.
func (r *rounded) forget(at unsafe.Pointer, words int) {
	from, to := uintptr(at), uintptr(at)+uintptr(4*words)
	if f := uintptr(r.from); r.from != nil && f < to && from < f+uintptr(4*r.words) {
		r.from = nil
	}
}

func (r *rounded) free(d *Device) {
	r.release(d, 0)
	r.release(d, 1)
}

// factor is x, or x rounded into place number which where products take
// bfloat16; nil after a fault.
func (d *Device) factor(which int, x unsafe.Pointer, n int) unsafe.Pointer {
	if !d.bf16 {
		return x
	}
	if !d.rounded.make(d, which, x, n) {
		return nil
	}
	return d.rounded.at[which]
}

// matmulBF16 is matmul with rounded factors.
func matmulBF16(d *Device, c *command) {
	m, n, k := c.n[0], c.n[1], c.n[2]
	if !d.rounded.make(d, 0, c.p[1], m*k) || !d.rounded.make(d, 1, c.p[2], k*n) {
		return
	}
	status := C.pl_matmul_bf16(d.onednn, floats(c.p[0]), (*C.uint16_t)(d.rounded.at[0]), (*C.uint16_t)(d.rounded.at[1]),
		C.int64_t(m), C.int64_t(n), C.int64_t(k), C.int(cBool(c.flags[0])), C.int(cBool(c.flags[1])), C.float(c.f[0]))
	d.rounded.forget(c.p[0], m*n)
	if status != C.dnnl_success {
		d.fault = fmt.Errorf("matmul [%d,%d] by [%d,%d] in bf16: oneDNN status %d", m, k, k, n, int(status))
	}
}
