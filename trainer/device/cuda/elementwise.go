//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// Fill sets every element of T to value.
func (d *Device) Fill(x device.Buffer, value float32) {
	const op = "fill"
	d.do(op, elementwise(suffixed("fill", x.Type), x.Len, 4), active(op, x.Type, x, x.Len), int64(x.Len), value)
}
