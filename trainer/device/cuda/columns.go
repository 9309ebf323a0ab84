//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// As kernels/columns.h has them.
const (
	columnStrip = 128
	columnWarps = 8
)

// columnChunks cuts rows into parts of chunk rows for kernels that sum columns, by the
// shape alone: about 792 blocks, the 6 that each multiprocessor of an H100 has at work at
// once, but none of less than 64 rows. The kernel is launched with blocks {strips, parts}
// of 256 threads and leaves parts*sums*cols floats.
func columnChunks(rows, cols int) (strips, parts, chunk int) {
	strips = (cols + columnStrip - 1) / columnStrip
	most := max(1, 6*132/max(1, strips))
	chunk = max(64, (rows+most-1)/most)
	chunk = (chunk + columnWarps - 1) / columnWarps * columnWarps
	return strips, (rows + chunk - 1) / chunk, chunk
}

// addParts computes first[cols] += the first sum of each column in parts, and second[cols] +=
// the second unless second is 0.
func (d *Device) addParts(op string, first, second, parts address, count, cols int) {
	width := cols
	if second != 0 {
		width = 2 * cols
	}
	if count > 0 {
		d.do(op, launch{kernel: "columns_add", blocks: [3]int{(width + 31) / 32}, threads: 512}, first, second, parts, count, cols)
	}
}

// addColumns computes sums[cols] += the sum of the rows of x[rows,cols], of type t.
func (d *Device) addColumns(op string, sums address, t device.Type, x address, rows, cols int) {
	if rows == 0 || cols == 0 {
		return
	}
	strips, parts, chunk := columnChunks(rows, cols)
	at := d.scratch(op, parts*cols*4)
	d.do(op, launch{kernel: suffixed("bias_backward", t), blocks: [3]int{strips, parts}, threads: 256}, at, x, rows, cols, chunk)
	d.addParts(op, sums, 0, at, parts, cols)
}
