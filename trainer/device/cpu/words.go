package cpu

// #include <string.h>
// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Fill sets every word to value.
func (d *Device) Fill(x device.Buffer, value float32) {
	d.queue <- command{t: x.Type, p: [9]unsafe.Pointer{active("fill", x.Type, x, x.Len)}, n: [4]int{x.Len}, f: [2]float32{value}, run: func(_ *Device, c *command) {
		C.pl_fill(c.bf16(), c.p[0], C.int64_t(c.n[0]), C.float(c.f[0]))
	}}
}

// Sum computes y = a + b.
func (d *Device) Sum(y, a, b device.Buffer) {
	const op = "sum"
	d.queue <- command{t: y.Type, p: [9]unsafe.Pointer{active(op, y.Type, y, y.Len), active(op, y.Type, a, y.Len), active(op, y.Type, b, y.Len)}, n: [4]int{y.Len}, run: func(_ *Device, c *command) {
		C.pl_sum(c.bf16(), c.p[0], c.p[1], c.p[2], C.int64_t(c.n[0]))
	}}
}

// Copy computes y = x.
func (d *Device) Copy(y, x device.Buffer) {
	const op = "copy"
	d.queue <- command{p: [9]unsafe.Pointer{typed(op, y.Type, y, y.Len), typed(op, y.Type, x, y.Len)}, n: [4]int{y.Len * y.Type.Bytes()}, run: func(_ *Device, c *command) {
		C.memmove(c.p[0], c.p[1], C.size_t(c.n[0]))
	}}
}

// Blend computes y = keep*y + (1-keep)*x.
func (d *Device) Blend(y, x device.Buffer, keep float32) {
	const op = "blend"
	d.queue <- command{p: [9]unsafe.Pointer{at(op, y, y.Len), at(op, x, y.Len)}, n: [4]int{y.Len}, f: [2]float32{keep}, run: func(_ *Device, c *command) {
		C.pl_blend(floats(c.p[0]), floats(c.p[1]), C.int64_t(c.n[0]), C.float(c.f[0]))
	}}
}

// Clamp limits x to lo..hi.
func (d *Device) Clamp(x device.Buffer, lo, hi float32) {
	d.queue <- command{p: [9]unsafe.Pointer{at("clamp", x, x.Len)}, n: [4]int{x.Len}, f: [2]float32{lo, hi}, run: func(_ *Device, c *command) {
		C.pl_clamp(floats(c.p[0]), C.int64_t(c.n[0]), C.float(c.f[0]), C.float(c.f[1]))
	}}
}
