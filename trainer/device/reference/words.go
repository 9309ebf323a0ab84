package reference

import "github.com/pairloom/pairloom/trainer/device"

// Fill sets every word to value.
func (d *Device) Fill(xb device.Buffer, value float32) {
	x, store := out("fill", activations("fill", xb), xb, xb.Len)
	defer store()
	for i := range x {
		x[i] = value
	}
}

// Sum computes y = a + b. Its backward is a copy of dy to each side.
func (d *Device) Sum(yb, ab, bb device.Buffer) {
	const op = "sum"
	t := activations(op, yb)
	y, store := out(op, t, yb, yb.Len)
	defer store()
	a, b := in(op, t, ab, yb.Len), in(op, t, bb, yb.Len)
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

// Copy computes y = x.
func (d *Device) Copy(yb, xb device.Buffer) {
	const op = "copy"
	t := activations(op, yb)
	y, store := out(op, t, yb, yb.Len)
	copy(y, in(op, t, xb, yb.Len))
	store()
}

// Blend computes y = keep*y + (1-keep)*x.
func (d *Device) Blend(yb, xb device.Buffer, keep float32) {
	y, x := floats("blend", yb, yb.Len), floats("blend", xb, yb.Len)
	for i := range y {
		y[i] = keep*y[i] + (1-keep)*x[i]
	}
}

// Clamp limits x to lo..hi.
func (d *Device) Clamp(xb device.Buffer, lo, hi float32) {
	x := floats("clamp", xb, xb.Len)
	for i := range x {
		x[i] = min(max(x[i], lo), hi)
	}
}
