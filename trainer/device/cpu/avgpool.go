package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// AvgPool computes y = the means of 2x2 squares.
func (d *Device) AvgPool(y, x device.Buffer, batch, side, cols int) {
	const op = "average pool"
	n, words := side/2, batch*side*side*cols
	d.queue <- command{t: y.Type, p: [9]unsafe.Pointer{active(op, y.Type, y, batch*n*n*cols), active(op, y.Type, x, words)}, n: [4]int{batch, side, cols}, run: func(_ *Device, c *command) {
		C.pl_avg_pool(c.bf16(), c.p[0], c.p[1], C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.int64_t(c.n[2]))
	}}
}

// AvgPoolBackward computes dx = dy/4, with beta.
func (d *Device) AvgPoolBackward(dx, dy device.Buffer, batch, side, cols int, beta float32) {
	const op = "average pool backward"
	n, words := side/2, batch*side*side*cols
	d.queue <- command{
		t: dx.Type,
		p: [9]unsafe.Pointer{active(op, dx.Type, dx, words), active(op, dx.Type, dy, batch*n*n*cols)}, n: [4]int{batch, side, cols}, f: [2]float32{beta},
		run: func(_ *Device, c *command) {
			C.pl_avg_pool_backward(c.bf16(), c.p[0], c.p[1], C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.int64_t(c.n[2]), C.float(c.f[0]))
		}}
}
