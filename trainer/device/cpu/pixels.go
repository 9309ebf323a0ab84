package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Convert computes y = x between F32 and BF16.
func (d *Device) Convert(y, x device.Buffer) {
	const op = "convert"
	if y.Type == device.BF16 {
		d.queue <- command{p: [9]unsafe.Pointer{typed(op, device.BF16, y, y.Len), at(op, x, y.Len)}, n: [4]int{y.Len}, run: func(_ *Device, c *command) {
			C.pl_round_bf16((*C.uint16_t)(c.p[0]), floats(c.p[1]), C.int64_t(c.n[0]))
		}}
		return
	}
	d.queue <- command{p: [9]unsafe.Pointer{at(op, y, y.Len), typed(op, device.BF16, x, y.Len)}, n: [4]int{y.Len}, run: func(_ *Device, c *command) {
		C.pl_widen_bf16(floats(c.p[0]), (*C.uint16_t)(c.p[1]), C.int64_t(c.n[0]))
	}}
}

// Pixels computes out[batch,3,side,side] = (x/255 - mean)/deviation.
func (d *Device) Pixels(out, pictures device.Buffer, batch, side int, n device.Normalization) {
	const op = "pixels"
	count := batch * 3 * side * side
	d.queue <- command{
		t: out.Type, p: [9]unsafe.Pointer{active(op, out.Type, out, count), typed(op, device.U8, pictures, count)},
		n: [4]int{batch, side}, pixels: n,
		run: func(_ *Device, c *command) {
			var n C.pl_normalization
			for i := range 3 {
				n.mean[i], n.deviation[i] = C.float(c.pixels.Mean[i]), C.float(c.pixels.Deviation[i])
			}
			C.pl_pixels(c.bf16(), c.p[0], (*C.uint8_t)(c.p[1]), C.int64_t(c.n[0]), C.int64_t(c.n[1]), n)
		}}
}
