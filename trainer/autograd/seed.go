package autograd

import "github.com/pairloom/pairloom/trainer/device"

// Seed gives v a copy of dv as its gradient, or adds it to what is there, so
// that Backward can start from values whose gradient is known without a loss on
// the tape. Every value on the tape must then lead to a seeded one or to a loss.
func (t *Tape) Seed(v *Value, dv device.Buffer) {
	if v.Grad.Absent() {
		v.Grad = t.Pool.Get(v.Type, v.Rows*v.Cols)
		t.Device.Copy(v.Grad, dv)
		return
	}
	t.Device.Sum(v.Grad, v.Grad, dv)
}
