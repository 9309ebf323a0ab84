//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

func gelu(quick bool) int {
	if quick {
		return int(device.QuickGELU)
	}
	return int(device.GELU)
}

// GELU computes y = x*Phi(x), or with quick y = x*sigmoid(1.702x).
func (d *Device) GELU(y, x device.Buffer, quick bool) {
	const op = "gelu"
	t, n := y.Type, y.Len
	d.do(op, elementwise(suffixed("activate", t), n, 8), active(op, t, y, n), address(0), active(op, t, x, n), address(0), address(0), int64(n), 1, gelu(quick))
}

// GELUBackward computes dx = dy*y'(x).
func (d *Device) GELUBackward(dx, dy, x device.Buffer, quick bool) {
	const op = "gelu backward"
	t, n := dx.Type, dx.Len
	d.do(op, elementwise(suffixed("activate_backward", t), n, 8), active(op, t, dx, n), active(op, t, dy, n), active(op, t, x, n), int64(n), gelu(quick))
}
