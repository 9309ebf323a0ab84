package cpu

// #include "convolution.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// convolution makes room for the scratch of a convolution.
func (d *Device) convolution(c *command) (C.pl_convolution, bool) {
	s := C.pl_convolution{batch: C.int64_t(c.n[0]), side: C.int64_t(c.n[1]), in: C.int64_t(c.n[2]), out: C.int64_t(c.n[3]), _type: c.bf16()}
	return s, d.growScratch(int(C.pl_convolution_scratch(s)))
}

// Conv3x3 computes y[s,o] = the sum over taps and i of x[r,i]*w[o,i,k].
func (d *Device) Conv3x3(y, x, w device.Buffer, s device.Conv3x3) {
	const op = "convolution"
	t := y.Type
	d.queue <- command{
		t: t, p: [9]unsafe.Pointer{active(op, t, y, s.Rows()*s.Out), active(op, t, x, s.Rows()*s.In), active(op, t, w, s.Out*s.In*9)}, n: [4]int{s.Batch, s.Side, s.In, s.Out},
		run: func(d *Device, c *command) {
			if s, ok := d.convolution(c); ok {
				C.pl_convolution_forward(c.p[0], c.p[1], c.p[2], s, floats(d.scratch))
			}
		}}
}

// Conv3x3BackwardData computes dx.
func (d *Device) Conv3x3BackwardData(dx, dy, w device.Buffer, s device.Conv3x3) {
	const op = "convolution backward data"
	t := dx.Type
	d.queue <- command{
		t: t, p: [9]unsafe.Pointer{active(op, t, dx, s.Rows()*s.In), active(op, t, dy, s.Rows()*s.Out), active(op, t, w, s.Out*s.In*9)}, n: [4]int{s.Batch, s.Side, s.In, s.Out},
		run: func(d *Device, c *command) {
			if s, ok := d.convolution(c); ok {
				C.pl_convolution_backward_data(c.p[0], c.p[1], c.p[2], s, floats(d.scratch))
			}
		}}
}

// Conv3x3BackwardWeights computes dw +=.
func (d *Device) Conv3x3BackwardWeights(dw, dy, x device.Buffer, s device.Conv3x3) {
	const op = "convolution backward weights"
	t := x.Type
	d.queue <- command{
		t: t, p: [9]unsafe.Pointer{at(op, dw, s.Out*s.In*9), active(op, t, dy, s.Rows()*s.Out), active(op, t, x, s.Rows()*s.In)}, n: [4]int{s.Batch, s.Side, s.In, s.Out},
		run: func(d *Device, c *command) {
			if s, ok := d.convolution(c); ok {
				C.pl_convolution_backward_weights(floats(c.p[0]), c.p[1], c.p[2], s, floats(d.scratch))
			}
		}}
}
