//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// rowKernel is the kernel for rows of cols elements of type t: of the given name where a
// warp keeps a row, 16 bytes at a time; else where a block does; else where rows are
// wider. See kernels/layernorm.cu.
func rowKernel(name string, t device.Type, cols int, rows ...address) (kernel string, warps bool) {
	even := cols*t.Bytes()%16 == 0
	for _, a := range rows {
		even = even && a%16 == 0
	}
	switch {
	case cols <= 1024 && even:
		return suffixed(name, t), true
	case cols <= 4096:
		return suffixed(name+"_block", t), false
	}
	return suffixed(name+"_wide", t), false
}

// LayerNorm computes y = (x-mean)*rstd*gain + shift over each row.
func (d *Device) LayerNorm(y, stats, x, gain, shift device.Buffer, rows, cols int, eps float32) {
	const op = "layer norm"
	t := y.Type
	out, in := active(op, t, y, rows*cols), active(op, t, x, rows*cols)
	gains, shifts := at(op, gain, cols), at(op, shift, cols)
	kernel, warps := rowKernel("layer_norm", t, cols, out, in, gains, shifts)
	l := launch{kernel: kernel, blocks: [3]int{rows}, threads: 256}
	if warps {
		l.blocks[0] = (rows + 7) / 8
	}
	d.do(op, l, out, at(op, stats, 2*rows), in, gains, shifts, rows, cols, eps)
}

// LayerNormBackward computes dx (with beta), dgain += and dshift +=.
func (d *Device) LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain device.Buffer, rows, cols int, beta float32) {
	const op = "layer norm backward"
	t := dx.Type
	out, back, in := active(op, t, dx, rows*cols), active(op, t, dy, rows*cols), active(op, t, x, rows*cols)
	gains, shifts, factors, moments := at(op, dgain, cols), at(op, dshift, cols), at(op, gain, cols), at(op, stats, 2*rows)
	if rows == 0 || cols == 0 {
		return
	}
	kernel, warps := rowKernel("layer_norm_backward", t, cols, out, back, in, factors)
	l := launch{kernel: kernel, threads: 256}
	if cols > 4096 {
		l.blocks[0] = rows
		d.do(op, l, out, back, moments, in, factors, rows, cols, beta)
		strips, parts, chunk := columnChunks(rows, cols)
		sums := d.scratch(op, parts*2*cols*4)
		d.do(op, launch{kernel: suffixed("layer_norm_columns", t), blocks: [3]int{strips, parts}, threads: 256}, sums, back, moments, in, rows, cols, chunk)
		d.addParts(op, gains, shifts, sums, parts, cols)
		return
	}
	// As many blocks as an H100 has at work at once, each with rows that far apart.
	parts := min(rows, 2*132)
	if warps {
		l.threads = 128
		parts = min((rows+3)/4, map[device.Type]int{device.F32: 3, device.BF16: 4}[t]*132)
	}
	l.blocks[0] = parts
	sums := d.scratch(op, parts*2*cols*4)
	d.do(op, l, sums, out, back, moments, in, factors, rows, cols, beta)
	d.addParts(op, gains, shifts, sums, parts, cols)
}
