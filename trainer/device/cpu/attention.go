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
		t:     out.Type,
		p:     [9]unsafe.Pointer{active(op, out.Type, out, a.Rows*a.Width), at(op, lse, a.Rows*a.Heads), active(op, out.Type, qkv, a.Rows*3*a.Width), atInts(op, offsets, a.Sequences+1)},
		shape: a,
		run: func(d *Device, c *command) {
			if d.attentionScratch(c.shape) {
				C.pl_attention(c.bf16(), c.p[0], floats(c.p[1]), c.p[2], ints(c.p[3]), cShape(c.shape), floats(d.scratch))
			}
		}}
}

// AttentionBackward computes dqkv.
func (d *Device) AttentionBackward(dqkv, dout, out, lse, qkv, offsets device.Buffer, a device.AttentionShape) {
	const op = "attention backward"
	d.queue <- command{
		t: dqkv.Type,
		p: [9]unsafe.Pointer{active(op, dqkv.Type, dqkv, a.Rows*3*a.Width), active(op, dqkv.Type, dout, a.Rows*a.Width), active(op, dqkv.Type, out, a.Rows*a.Width),
			at(op, lse, a.Rows*a.Heads), active(op, dqkv.Type, qkv, a.Rows*3*a.Width), atInts(op, offsets, a.Sequences+1)},
		shape: a,
		run: func(d *Device, c *command) {
			if d.attentionScratch(c.shape) {
				C.pl_attention_backward(c.bf16(), c.p[0], c.p[1], c.p[2], floats(c.p[3]), c.p[4], ints(c.p[5]),
					cShape(c.shape), floats(d.scratch))
			}
		}}
}
