package cpu

// #include "convolution.h"
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// convolution is oneDNN's code for the shape, generated at its first use, with
// room for its scratch. It runs on the queue's goroutine; nil after a fault.
func (d *Device) convolution(n [4]int) *C.pl_convolution {
	made := d.convolutions[n]
	if made == nil {
		if status := C.pl_convolution_new(&made, d.onednn, C.int64_t(n[0]), C.int64_t(n[1]), C.int64_t(n[2]), C.int64_t(n[3]), cBool(d.bf16)); status != C.dnnl_success {
			d.convolutionFault(n, status)
			return nil
		}
		if d.convolutions == nil {
			d.convolutions = map[[4]int]*C.pl_convolution{}
		}
		d.convolutions[n] = made
	}
	if !d.growScratch(int(C.pl_convolution_scratch(made))) {
		return nil
	}
	return made
}

// convolutionFault keeps a status that is not success.
func (d *Device) convolutionFault(n [4]int, status C.int) {
	if status != C.dnnl_success {
		d.fault = fmt.Errorf("convolution of %d pictures of %dx%d, %d to %d channels: oneDNN status %d", n[0], n[1], n[1], n[2], n[3], int(status))
	}
}

func (d *Device) freeConvolutions() {
	for _, made := range d.convolutions {
		C.pl_convolution_free(made)
	}
}

// Conv3x3 computes y[s,o] = the sum over taps and i of x[r,i]*w[o,i,k].
func (d *Device) Conv3x3(y, x, w device.Buffer, s device.Conv3x3) {
	const op = "convolution"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, y, s.Rows()*s.Out), at(op, x, s.Rows()*s.In), at(op, w, s.Out*s.In*9)}, n: [4]int{s.Batch, s.Side, s.In, s.Out},
		run: func(d *Device, c *command) {
			made, x := d.convolution(c.n), d.factor(0, c.p[1], c.n[0]*c.n[1]*c.n[1]*c.n[2])
			if made != nil && x != nil {
				d.convolutionFault(c.n, C.pl_convolution_forward(made, floats(c.p[0]), x, floats(c.p[2]), floats(d.scratch)))
			}
		}}
}

// Conv3x3BackwardData computes dx.
func (d *Device) Conv3x3BackwardData(dx, dy, w device.Buffer, s device.Conv3x3) {
	const op = "convolution backward data"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dx, s.Rows()*s.In), at(op, dy, s.Rows()*s.Out), at(op, w, s.Out*s.In*9)}, n: [4]int{s.Batch, s.Side, s.In, s.Out}, keeps: true,
		run: func(d *Device, c *command) {
			made, dy := d.convolution(c.n), d.factor(0, c.p[1], c.n[0]*c.n[1]*c.n[1]*c.n[3])
			if made != nil && dy != nil {
				d.convolutionFault(c.n, C.pl_convolution_backward_data(made, floats(c.p[0]), dy, floats(c.p[2]), floats(d.scratch)))
				d.rounded.forget(c.p[0], c.n[0]*c.n[1]*c.n[1]*c.n[2])
			}
		}}
}

// Conv3x3BackwardWeights computes dw +=.
func (d *Device) Conv3x3BackwardWeights(dw, dy, x device.Buffer, s device.Conv3x3) {
	const op = "convolution backward weights"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dw, s.Out*s.In*9), at(op, dy, s.Rows()*s.Out), at(op, x, s.Rows()*s.In)}, n: [4]int{s.Batch, s.Side, s.In, s.Out}, keeps: true,
		run: func(d *Device, c *command) {
			made, rows := d.convolution(c.n), c.n[0]*c.n[1]*c.n[1]
			dy, x := d.factor(0, c.p[1], rows*c.n[3]), d.factor(1, c.p[2], rows*c.n[2])
			if made != nil && dy != nil && x != nil {
				d.convolutionFault(c.n, C.pl_convolution_backward_weights(made, floats(c.p[0]), dy, x, floats(d.scratch)))
			}
		}}
}
