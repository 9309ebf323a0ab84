//go:build cuda

package cuda

import (
	"github.com/pairloom/pairloom/trainer/device"
	"gorgonia.org/cu"
)

// Fill sets every element of T to value.
func (d *Device) Fill(x device.Buffer, value float32) {
	const op = "fill"
	d.do(op, elementwise(suffixed("fill", x.Type), x.Len, 8), active(op, x.Type, x, x.Len), int64(x.Len), value)
}

// Sum computes y = a + b.
func (d *Device) Sum(y, a, b device.Buffer) {
	const op = "sum"
	t, n := y.Type, y.Len
	d.do(op, elementwise(suffixed("sum", t), n, 8), active(op, t, y, n), active(op, t, a, n), active(op, t, b, n), int64(n))
}

// Copy computes y = x.
func (d *Device) Copy(y, x device.Buffer) {
	const op = "copy"
	d.move(op, typed(op, y.Type, y, y.Len), typed(op, y.Type, x, y.Len), y.Len*y.Type.Bytes())
}

// move copies so many bytes.
func (d *Device) move(op string, to, from address, bytes int) {
	if bytes == 0 {
		return
	}
	d.queue <- command{op: op, run: func() error {
		return plain(cu.MemcpyDtoDAsync(cu.DevicePtr(to), cu.DevicePtr(from), int64(bytes), d.work))
	}}
}

// Convert computes y = x between F32 and BF16.
func (d *Device) Convert(y, x device.Buffer) {
	const op = "convert"
	from := device.F32
	if y.Type == device.F32 {
		from = device.BF16
	}
	d.do(op, elementwise("convert_to_"+y.Type.String(), y.Len, 8), active(op, y.Type, y, y.Len), typed(op, from, x, y.Len), int64(y.Len))
}

// Blend computes y = keep*y + (1-keep)*x.
func (d *Device) Blend(y, x device.Buffer, keep float32) {
	const op = "blend"
	d.do(op, elementwise(op, y.Len, 8), at(op, y, y.Len), at(op, x, y.Len), int64(y.Len), keep)
}

// Clamp limits x to lo..hi.
func (d *Device) Clamp(x device.Buffer, lo, hi float32) {
	const op = "clamp"
	d.do(op, elementwise(op, x.Len, 8), at(op, x, x.Len), int64(x.Len), lo, hi)
}
