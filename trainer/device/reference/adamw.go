package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// SquaredNorm computes out[0] = sum(x*x).
func (d *Device) SquaredNorm(outb, xb device.Buffer) {
	var sum float64
	for _, v := range floats("squared norm", xb, xb.Len) {
		sum += float64(v) * float64(v)
	}
	floats("squared norm", outb, 1)[0] = float32(sum)
}

// AdamW computes, with g the clipped gradient: m = b1 m + (1-b1) g,
// v = b2 v + (1-b2) g*g, and
// param -= rate * (decay*param + (m/correct1) / (sqrt(v/correct2) + eps)).
func (d *Device) AdamW(paramb, gradb, mb, vb, norm2b device.Buffer, a device.AdamW) {
	n := paramb.Len
	param, grad, m, v := floats("adamw", paramb, n), floats("adamw", gradb, n), floats("adamw", mb, n), floats("adamw", vb, n)
	norm2 := float64(floats("adamw", norm2b, 1)[0])
	if math.IsNaN(norm2) || math.IsInf(norm2, 0) || a.Limit > 0 && norm2 > float64(a.Limit) {
		return
	}
	scale := 1.0
	if norm := math.Sqrt(norm2); a.Clip > 0 && norm > float64(a.Clip) {
		scale = float64(a.Clip) / norm
	}
	b1, b2 := float64(a.Beta1), float64(a.Beta2)
	for i := range param {
		g := float64(grad[i]) * scale
		m[i] = float32(b1*float64(m[i]) + (1-b1)*g)
		v[i] = float32(b2*float64(v[i]) + (1-b2)*g*g)
		step := float64(m[i]) / float64(a.Correct1) / (math.Sqrt(float64(v[i])/float64(a.Correct2)) + float64(a.Epsilon))
		param[i] -= float32(float64(a.Rate) * (float64(a.Decay)*float64(param[i]) + step))
	}
}
