package cpu

// #include "attentionpool.h"
// #include "kernels.h"
import "C"

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// MeanToken puts the mean of each picture's rows before them.
func (d *Device) MeanToken(y, x device.Buffer, batch, n, cols int) {
	const op = "mean token"
	d.queue <- command{t: y.Type, p: [9]unsafe.Pointer{active(op, y.Type, y, batch*(1+n)*cols), active(op, y.Type, x, batch*n*cols)}, n: [4]int{batch, n, cols}, run: func(_ *Device, c *command) {
		C.pl_mean_token(c.bf16(), c.p[0], c.p[1], C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.int64_t(c.n[2]))
	}}
}

// MeanTokenBackward computes dx[i] = dy[1+i] + dy[0]/n.
func (d *Device) MeanTokenBackward(dx, dy device.Buffer, batch, n, cols int) {
	const op = "mean token backward"
	d.queue <- command{t: dx.Type, p: [9]unsafe.Pointer{active(op, dx.Type, dx, batch*n*cols), active(op, dx.Type, dy, batch*(1+n)*cols)}, n: [4]int{batch, n, cols}, run: func(_ *Device, c *command) {
		C.pl_mean_token_backward(c.bf16(), c.p[0], c.p[1], C.int64_t(c.n[0]), C.int64_t(c.n[1]), C.int64_t(c.n[2]))
	}}
}

// poolShape makes room for the pool's scratch.
func (d *Device) poolShape(c *command, backward bool) (C.pl_pool_shape, bool) {
	shape := C.pl_pool_shape{batch: C.int64_t(c.n[0]), tokens: C.int64_t(c.n[1]), width: C.int64_t(c.n[2]), heads: C.int64_t(c.n[3]), _type: c.bf16()}
	return shape, d.growScratch(int(C.pl_attention_pool_scratch(shape, cBool(backward))))
}

// AttentionPool computes out = softmax(q k^t / sqrt(size)) v, head by head,
// without k and v.
func (d *Device) AttentionPool(out, q, x, wk, wv device.Buffer, a device.AttentionPool) {
	const op = "attention pool"
	w, t := a.Width, out.Type
	d.queue <- command{
		t: t,
		p: [9]unsafe.Pointer{active(op, t, out, a.Batch*w), active(op, t, q, a.Batch*w), active(op, t, x, a.Batch*a.Tokens*w), active(op, t, wk, w*w), active(op, t, wv, w*w)},
		n: [4]int{a.Batch, a.Tokens, w, a.Heads},
		run: func(d *Device, c *command) {
			if shape, ok := d.poolShape(c, false); ok {
				C.pl_attention_pool(c.p[0], c.p[1], c.p[2], c.p[3], c.p[4], shape, floats(d.scratch))
			}
		}}
}

// AttentionPoolBackward computes dq, dx, dwk += and dwv +=.
func (d *Device) AttentionPoolBackward(dq, dx, dwk, dwv, dout, q, x, wk, wv device.Buffer, a device.AttentionPool) {
	const op = "attention pool backward"
	w, rows, t := a.Width, a.Batch*a.Tokens, dq.Type
	d.queue <- command{
		t: t,
		p: [9]unsafe.Pointer{active(op, t, dq, a.Batch*w), active(op, t, dx, rows*w), at(op, dwk, w*w), at(op, dwv, w*w), active(op, t, dout, a.Batch*w),
			active(op, t, q, a.Batch*w), active(op, t, x, rows*w), active(op, t, wk, w*w), active(op, t, wv, w*w)},
		n: [4]int{a.Batch, a.Tokens, w, a.Heads},
		run: func(d *Device, c *command) {
			if shape, ok := d.poolShape(c, true); ok {
				C.pl_attention_pool_backward(c.p[0], c.p[1], floats(c.p[2]), floats(c.p[3]), c.p[4], c.p[5], c.p[6], c.p[7], c.p[8], shape, floats(d.scratch))
			}
		}}
}
