//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// products are what a layer computes with x[m,k] and w[n,k], of type t: y and what was
// before its activation, and the gradients.
func products(l *lab, t device.Type, m, n, k int, a device.Activation) [][]float32 {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func(t device.Type, n int) device.Buffer {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(random.NormFloat64())
		}
		x := l.alloc(device.F32, n)
		l.Write(x, values)
		if t == device.F32 {
			return x
		}
		y := l.alloc(t, n)
		l.Convert(y, x)
		return y
	}
	wide := func(x device.Buffer) []float32 {
		if x.Type != device.F32 {
			y := l.alloc(device.F32, x.Len)
			l.Convert(y, x)
			x = y
		}
		return l.read(x)
	}
	x, w, dy, residual, bias, dw := draw(t, m*k), draw(t, n*k), draw(t, m*n), draw(t, m*n), draw(device.F32, n), draw(device.F32, n*k)
	y, pre, dx, c := l.alloc(t, m*n), l.alloc(t, m*n), l.alloc(t, m*k), draw(device.F32, m*k)
	l.Linear(y, x, w, m, n, k, device.Epilogue{Bias: bias, Activation: a, Pre: pre, Residual: residual})
	l.LinearBackward(dx, dw, device.Buffer{}, dy, x, w, m, n, k, device.BackwardEpilogue{Activation: a, Pre: x})
	l.MatMul(c, dy, w, m, k, n, false, false, 1)
	out := [][]float32{wide(y), wide(dx), wide(dw), wide(c)}
	if a != device.NoActivation {
		out = append(out, wide(pre))
	}
	// y that holds the residual.
	l.Linear(residual, x, w, m, n, k, device.Epilogue{Bias: bias, Activation: a, Residual: residual})
	return append(out, wide(residual))
}

// TestOwnProducts holds our own products against cuBLASLt's, on which they fall back.
func TestOwnProducts(t *testing.T) {
	for _, kind := range []device.Type{device.F32, device.BF16} {
		for _, a := range []device.Activation{device.NoActivation, device.GELU} {
			for _, s := range [][3]int{{1, 1, 1}, {5, 7, 3}, {33, 40, 64}, {130, 24, 72}} {
				t.Run(fmt.Sprintf("%s/%d/%d", kind, a, s), func(t *testing.T) {
					run := func() (out [][]float32) {
						inLab(t, func(l *lab) {
							out = products(l, kind, s[0], s[1], s[2], a)
							inRow := products(l, kind, s[0], s[1], s[2], a)
							for i := range out {
								if !slices.Equal(out[i], inRow[i]) {
									t.Errorf("result %d differs from run to run", i)
								}
							}
						})
						return out
					}
					want := run()
					t.Setenv("PAIRLOOM_LIBCUBLASLT", "/no/libcublasLt.so")
					got := run()
					tolerance := map[device.Type]float64{device.F32: 1e-5, device.BF16: 3e-2}[kind]
					for i := range want {
						for j := range want[i] {
							if x, y := float64(got[i][j]), float64(want[i][j]); math.Abs(x-y) > tolerance*(1+math.Abs(y)) {
								t.Fatalf("result %d: word %d is %g, %g by cuBLASLt", i, j, x, y)
							}
						}
					}
				})
			}
		}
	}
}

// TestAlgorithms holds that the choice is kept and can be told.
func TestAlgorithms(t *testing.T) {
	inLab(t, func(l *lab) {
		a, b, c := l.filled(12, 1), l.filled(20, 1), l.filled(15, 0)
		for range 3 {
			l.MatMul(c, a, b, 3, 5, 4, false, true, 0)
		}
		l.MatMul(c, a, b, 3, 5, 4, false, false, 0)
		list := l.Algorithms()
		if len(list) != 2 {
			t.Fatalf("%d algorithms: %v", len(list), list)
		}
		list[0].Choice, list[1].Choice = "", ""
		if want := []Algorithm{{3, 5, 4, 1, "nt", "f32 -> f32", "", 3}, {3, 5, 4, 1, "nn", "f32 -> f32", "", 1}}; !slices.Equal(list, want) {
			t.Errorf("got %v, want %v", list, want)
		}
	})
}
