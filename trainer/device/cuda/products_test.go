//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		want := []Algorithm{{64, 5, 4, 1, "nt", "f32 -> f32", "", 3}, {64, 5, 4, 1, "nn", "f32 -> f32", "", 1}}
		if list := withoutChoices(l.Algorithms()); !slices.Equal(list, want) {
			t.Errorf("got %v, want %v", list, want)
		}
	})
}

func withoutChoices(list []Algorithm) []Algorithm {
	for i := range list {
		list[i].Choice = ""
	}
	return list
}

// TestRound holds how many shapes share a choice: 50 rows a picture, of a power of two of
// them, are a shape of their own.
func TestRound(t *testing.T) {
	for n, want := range map[int64]int64{1: 64, 64: 64, 65: 128, 2048: 2048, 2049: 2112, 14_200: 14_336, 51_200: 51_200, 204_800: 204_800, 204_801: 208_896} {
		if got := round(n); got != want {
			t.Errorf("%d rows share the choice of %d, want %d", n, got, want)
		}
	}
}

// TestVaryingRows holds that products of another number of rows each time, as packed captions
// give them, share a few choices, and that each has its own result, whichever came
// before, and even where cuBLASLt does not take the choice for it.
func TestVaryingRows(t *testing.T) {
	const n, k, most = 24, 40, 150
	rows := []int{most, 1, 100, 64, 65, 128, 99, 100, 101, 3}
	// forward is y of so many rows; weights the sum over them.
	run := func(l *lab, kind device.Type, order []int) (forward, weights map[int][]float32) {
		forward, weights = map[int][]float32{}, map[int][]float32{}
		random := rand.New(rand.NewPCG(3, 4))
		draw := func(n int) device.Buffer {
			values := make([]float32, n)
			for i := range values {
				values[i] = float32(random.NormFloat64())
			}
			x, y := l.alloc(device.F32, n), l.alloc(kind, n)
			l.Write(x, values)
			if kind == device.F32 {
				return x
			}
			l.Convert(y, x)
			return y
		}
		x, w, dy, bias := draw(most*k), draw(n*k), draw(most*n), l.filled(n, 0.5)
		for _, m := range order {
			y, wide, dw := l.alloc(kind, m*n), l.alloc(device.F32, m*n), l.filled(n*k, 0)
			l.Linear(y, x, w, m, n, k, device.Epilogue{Bias: bias})
			l.LinearBackward(device.Buffer{}, dw, device.Buffer{}, dy, x, w, m, n, k, device.BackwardEpilogue{})
			if kind == device.BF16 {
				l.Convert(wide, y)
				y = wide
			}
			forward[m], weights[m] = l.read(y), l.read(dw)
		}
		return forward, weights
	}
	for _, kind := range []device.Type{device.F32, device.BF16} {
		t.Run(kind.String(), func(t *testing.T) {
			one, oneSum := map[int][]float32{}, map[int][]float32{}
			for _, m := range rows { // each on a device of its own
				inLab(t, func(l *lab) {
					y, dw := run(l, kind, []int{m})
					one[m], oneSum[m] = y[m], dw[m]
				})
			}
			for _, refuse := range []bool{false, true} {
				t.Run(fmt.Sprintf("refused %t", refuse), func(t *testing.T) {
					if refuse {
						t.Setenv("PAIRLOOM_TESTDRIVER_FAIL", "cublasLtMatmulAlgoCheck=15")
					}
					inLab(t, func(l *lab) {
						y, dw := run(l, kind, rows)
						for _, m := range rows {
							if !slices.Equal(y[m], one[m]) || !slices.Equal(dw[m], oneSum[m]) {
								t.Errorf("%d rows: another result than on a device of their own", m)
							}
						}
						to := kind.String() + " -> "
						want := []Algorithm{
							{192, n, k, 1, "nt", to + kind.String(), "", 1}, {n, k, 192, 1, "tn", to + "f32", "", 1},
							{64, n, k, 1, "nt", to + kind.String(), "", 3}, {n, k, 64, 1, "tn", to + "f32", "", 3},
							{128, n, k, 1, "nt", to + kind.String(), "", 6}, {n, k, 128, 1, "tn", to + "f32", "", 6},
						}
						if list := withoutChoices(l.Algorithms()); !slices.Equal(list, want) {
							t.Errorf("got %v, want %v", list, want)
						}
					})
				})
			}
		})
	}
}

// TestBiasBetweenLines holds that a bias may lie anywhere.
func TestBiasBetweenLines(t *testing.T) {
	inLab(t, func(l *lab) {
		x, w, y, bias := l.filled(6, 1), l.filled(9, 1), l.filled(6, 0), l.alloc(device.F32, 5)
		l.Write(bias, []float32{9, 1, 2, 3, 9})
		l.Linear(y, x, w, 2, 3, 3, device.Epilogue{Bias: bias.Slice(1, 3)})
		if got, want := l.read(y), []float32{4, 5, 6, 4, 5, 6}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestLibraries holds that the libraries that PyTorch brings are found, for the Python that is
// active and for the one on the path, and that those of CUDA 13 lie elsewhere.
func TestLibraries(t *testing.T) {
	t.Setenv("PAIRLOOM_LIBCUBLASLT", "")
	active, other := t.TempDir(), t.TempDir()
	for path, mode := range map[string]os.FileMode{
		active + "/lib/python3.12/site-packages/nvidia/cublas/lib/libcublasLt.so.12": 0o644,
		other + "/lib/python3.12/dist-packages/nvidia/cu13/lib/libcublasLt.so.13":    0o644,
		other + "/bin/python3": 0o755,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("VIRTUAL_ENV", active)
	t.Setenv("PATH", other+"/bin")
	var found []string
	for _, path := range libraries("libcublasLt.so", "13", "12") {
		if strings.HasPrefix(path, active) || strings.HasPrefix(path, other) {
			found = append(found, path)
		}
	}
	want := []string{other + "/lib/python3.12/dist-packages/nvidia/cu13/lib/libcublasLt.so.13", active + "/lib/python3.12/site-packages/nvidia/cublas/lib/libcublasLt.so.12"}
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
