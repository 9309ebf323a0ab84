package conformance

import (
	"math"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// checkContract holds what all operations share.
func checkContract(t *testing.T, open func() device.Device) {
	d := open()
	before := d.Bytes()
	b := &bench{Device: d, t: t}
	x := b.floats(1, 2, 3, 4, 5)
	b.Fill(x.Slice(1, 2), 9) // a slice touches its own words alone
	b.Sum(x, x, x)           // in order, in place
	if got, want := b.read(x), []float32{2, 18, 18, 8, 10}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	b.Copy(x.Slice(3, 2), x.Slice(0, 2))
	if got, want := b.read(x.Slice(2, 3)), []float32{18, 2, 18}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if d.Bytes() <= before {
		t.Errorf("%d bytes held after an allocation, %d before", d.Bytes(), before)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a buffer too small for its shape was accepted")
			}
		}()
		b.Bias(x, x, 100, 5)
	}()
	b.free()
	closeDevice(t, d)

	d = open()
	if _, err := d.Alloc(4 * 3); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err == nil {
		t.Error("close with memory still allocated gave no error")
	}
}

// checkAdamW follows three updates in float64, with clipping, then one whose
// gradient is not finite, or above the limit, and must change nothing.
func checkAdamW(t *testing.T, open func() device.Device) {
	const n = 37
	d := open()
	defer closeDevice(t, d)
	b := &bench{Device: d, t: t}
	defer b.free()
	param, m, v := make([]float64, n), make([]float64, n), make([]float64, n)
	grad := make([]float32, n)
	for i := range param {
		param[i] = math.Sin(float64(i))
	}
	bp, bm, bv, bg, norm := b.floats(narrow(param)...), b.zeros(n), b.zeros(n), b.zeros(n), b.zeros(1)
	for step := 1; step <= 3; step++ {
		var norm2 float64
		for i := range grad {
			grad[i] = float32(math.Cos(float64(i * step)))
			norm2 += float64(grad[i]) * float64(grad[i])
		}
		a := device.AdamW{Rate: 0.01, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Decay: 0.2, Clip: 0.5,
			Correct1: float32(1 - math.Pow(0.9, float64(step))), Correct2: float32(1 - math.Pow(0.98, float64(step)))}
		b.Write(bg, slices.Clone(grad))
		b.SquaredNorm(norm, bg)
		b.AdamW(bp, bg, bm, bv, norm, a)
		compare(t, "squared norm", b.read(norm), []float64{norm2}, 1e-6)
		for i := range param {
			g := float64(grad[i]) * math.Min(1, 0.5/math.Sqrt(norm2))
			m[i] = 0.9*m[i] + 0.1*g
			v[i] = 0.98*v[i] + 0.02*g*g
			param[i] -= 0.01 * (0.2*param[i] + m[i]/float64(a.Correct1)/(math.Sqrt(v[i]/float64(a.Correct2))+1e-6))
		}
	}
	compare(t, "parameter", b.read(bp), param, 2e-6)
	compare(t, "first moment", b.read(bm), m, 1e-6)
	compare(t, "second moment", b.read(bv), v, 1e-6)

	// A gradient of twos has the squared norm 4n, which is exact.
	for _, tt := range []struct {
		gradient, limit float32
		changes         bool
	}{{float32(math.NaN()), 0, false}, {float32(math.Inf(1)), 0, false}, {2, 4*n - 1, false}, {2, 4 * n, true}, {2, 0, true}} {
		before := b.read(bp)
		b.Fill(bg, tt.gradient)
		b.SquaredNorm(norm, bg)
		b.AdamW(bp, bg, bm, bv, norm, device.AdamW{Rate: 1, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Limit: tt.limit, Correct1: 1, Correct2: 1})
		if changes := !slices.Equal(before, b.read(bp)); changes != tt.changes {
			t.Errorf("a gradient of %g, with a limit of %g, changed the parameters: %v", tt.gradient, tt.limit, changes)
		}
		if !tt.changes {
			compare(t, "first moment after a bad gradient", b.read(bm), m, 1e-6)
		}
	}
}

func checkPatchify(t *testing.T, open func() device.Device) {
	d := open()
	defer closeDevice(t, d)
	b := &bench{Device: d, t: t}
	defer b.free()
	const batch, side, patch = 2, 4, 2
	pictures := make([]float32, batch*3*side*side)
	for i := range pictures {
		pictures[i] = float32(i + 1)
	}
	out := b.zeros(batch * 5 * 12)
	b.Fill(out, -1)
	b.Patchify(out, b.floats(pictures...), batch, side, patch)
	got := b.read(out)
	pixel := func(b, c, y, x int) float32 { return pictures[((b*3+c)*side+y)*side+x] }
	for _, tt := range []struct {
		row  int
		want []float32
	}{
		{0, make([]float32, 12)},
		{1, []float32{pixel(0, 0, 0, 0), pixel(0, 0, 0, 1), pixel(0, 0, 1, 0), pixel(0, 0, 1, 1), pixel(0, 1, 0, 0), pixel(0, 1, 0, 1), pixel(0, 1, 1, 0), pixel(0, 1, 1, 1), pixel(0, 2, 0, 0), pixel(0, 2, 0, 1), pixel(0, 2, 1, 0), pixel(0, 2, 1, 1)}},
		{2, []float32{pixel(0, 0, 0, 2), pixel(0, 0, 0, 3), pixel(0, 0, 1, 2)}},
		{5, make([]float32, 12)},
		{8, []float32{pixel(1, 0, 2, 0), pixel(1, 0, 2, 1), pixel(1, 0, 3, 0)}},
	} {
		if row := got[tt.row*12:][:len(tt.want)]; !slices.Equal(row, tt.want) {
			t.Errorf("row %d is %v, want %v", tt.row, row, tt.want)
		}
	}
}

func checkClamp(t *testing.T, open func() device.Device) {
	d := open()
	defer closeDevice(t, d)
	b := &bench{Device: d, t: t}
	defer b.free()
	x := b.floats(-3, 0.5, 7)
	b.Clamp(x, 0, 1)
	if got, want := b.read(x), []float32{0, 0.5, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
