//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// SquaredNorm computes out[0] = the sum of x's squares.
func (d *Device) SquaredNorm(out, x device.Buffer) {
	const op = "squared norm"
	to, from := at(op, out, 1), at(op, x, x.Len)
	parts := max(1, min((x.Len+256*16-1)/(256*16), 8*132))
	sums := d.scratch(op, parts*8)
	d.do(op, launch{kernel: "squared_norm", blocks: [3]int{parts}, threads: 256}, sums, from, int64(x.Len))
	d.do(op, launch{kernel: "squared_norm_end", blocks: [3]int{1}, threads: 256}, to, sums, parts)
}

// AdamW updates param, m and v in one pass.
func (d *Device) AdamW(param, grad, m, v, norm2 device.Buffer, a device.AdamW) {
	const op = "adamw"
	n := param.Len
	l := elementwise("adamw", n, 4)
	l.blocks[0] = min(l.blocks[0], 5*132) // those that an H100 has at work at once
	d.do(op, l, at(op, param, n), at(op, grad, n), at(op, m, n), at(op, v, n), at(op, norm2, 1), int64(n),
		a.Rate, a.Beta1, a.Beta2, a.Epsilon, a.Decay, a.Clip, a.Limit, a.Correct1, a.Correct2)
}
