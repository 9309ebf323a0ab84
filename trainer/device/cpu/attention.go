package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

func cShape(a device.AttentionShape) C.pl_attention_shape {
	return C.pl_attention_shape{
		rows: C.int32_t(a.Rows), sequences: C.int32_t(a.Sequences), longest: C.int32_t(a.Longest),
		width: C.int32_t(a.Width), heads: C.int32_t(a.Heads), causal: C.int32_t(cBool(a.Causal)),
	}
}

// attentionScratch makes room for one head a thread.
func (d *Device) attentionScratch(a device.AttentionShape) bool {
	each := int(C.pl_attention_scratch(C.int64_t(a.Longest), C.int64_t(a.Width/a.Heads)))
	return d.growScratch(each * d.threads)
}

// Attention computes out = softmax(q k^t / sqrt(size)) v and the rows' lse.
func (d *Device) Attention(out, lse, qkv, offsets device.Buffer, a device.AttentionShape) {
	const op = "attention"
	d.queue <- command{
		p:     [9]unsafe.Pointer{at(op, out, a.Rows*a.Width), at(op, lse, a.Rows*a.Heads), at(op, qkv, a.Rows*3*a.Width), atInts(op, offsets, a.Sequences+1)},
		shape: a,
		run: func(d *Device, c *command) {
			if d.attentionScratch(c.shape) {
				C.pl_attention(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), ints(c.p[3]), cShape(c.shape), floats(d.scratch))
			}
		}}
}

// AttentionBackward computes dqkv.
func (d *Device) AttentionBackward(dqkv, dout, out, lse, qkv, offsets device.Buffer, a device.AttentionShape) {
	const op = "attention backward"
	d.queue <- command{
		p: [9]unsafe.Pointer{at(op, dqkv, a.Rows*3*a.Width), at(op, dout, a.Rows*a.Width), at(op, out, a.Rows*a.Width),
			at(op, lse, a.Rows*a.Heads), at(op, qkv, a.Rows*3*a.Width), atInts(op, offsets, a.Sequences+1)},
		shape: a,
		run: func(d *Device, c *command) {
			if d.attentionScratch(c.shape) {
				C.pl_attention_backward(floats(c.p[0]), floats(c.p[1]), floats(c.p[2]), floats(c.p[3]), floats(c.p[4]), ints(c.p[5]),
					cShape(c.shape), floats(d.scratch))
			}
		}}
}
