//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// Normalize computes y = x/|x| and norm = |x| for each row.
func (d *Device) Normalize(y, norm, x device.Buffer, rows, cols int) {
	const op = "normalize"
	d.do(op, launch{kernel: "normalize", blocks: [3]int{(rows + 7) / 8}, threads: 256},
		at(op, y, rows*cols), at(op, norm, rows), at(op, x, rows*cols), rows, cols)
}

// NormalizeBackward computes dx = (dy - y*sum(dy*y)) / |x|.
func (d *Device) NormalizeBackward(dx, dy, y, norm device.Buffer, rows, cols int) {
	const op = "normalize backward"
	d.do(op, launch{kernel: "normalize_backward", blocks: [3]int{(rows + 7) / 8}, threads: 256},
		at(op, dx, rows*cols), at(op, dy, rows*cols), at(op, y, rows*cols), at(op, norm, rows), rows, cols)
}
