package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// kernels are the sets that this processor may have.
var kernels = []struct {
	name  string
	level int
}{{"best", 0}, {"avx2", 1}, {"plain", 2}}

// A table uploads and downloads matrices of a type.
type table struct {
	*Device
	t    testing.TB
	held []device.Memory
}

func newTable(t testing.TB, threads, level int) *table {
	return &table{Device: open(threads, level), t: t}
}

// buffer holds x, as numbers of type typ.
func (b *table) buffer(typ device.Type, x []float32) device.Buffer {
	b.t.Helper()
	alloc := func(typ device.Type) device.Buffer {
		m, err := b.Alloc(len(x) * typ.Bytes())
		if err != nil {
			b.t.Fatal(err)
		}
		b.held = append(b.held, m)
		return device.Buffer{Memory: m, Type: typ, Len: len(x)}
	}
	f := alloc(device.F32)
	b.Write(f, x)
	if typ == device.F32 {
		return f
	}
	h := alloc(typ)
	b.Convert(h, f)
	return h
}

func (b *table) read(x device.Buffer) []float32 {
	b.t.Helper()
	got := make([]float32, x.Len)
	if x.Type != device.F32 {
		f := b.buffer(device.F32, got)
		b.Convert(f, x)
		x = f
	}
	if err := b.Read(got, x); err != nil {
		b.t.Fatal(err)
	}
	return got
}

func (b *table) close() {
	b.t.Helper()
	for _, m := range b.held {
		m.Free()
	}
	if err := b.Close(); err != nil {
		b.t.Error(err)
	}
}

func normals(seed uint64, n int) []float32 {
	random := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(random.NormFloat64())
	}
	return x
}

// TestRowsOfProducts holds that a row of a product is the same bits in whatever
// batch it comes, on whatever number of threads.
func TestRowsOfProducts(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	const rows = 337 // two blocks and an odd rest
	for _, set := range kernels {
		for _, typ := range []device.Type{device.F32, device.BF16} {
			for _, s := range []struct{ n, k int }{{1, 1}, {33, 17}, {257, 511}, {1100, 70}, {65, 2000}} {
				t.Run(fmt.Sprintf("%s/%s/n=%d,k=%d", set.name, typ, s.n, s.k), func(t *testing.T) {
					x, w, bias := normals(1, rows*s.k), normals(2, s.n*s.k), normals(3, s.n)
					type result struct{ y, dx []float32 }
					// of is what the rows from first become in a batch of their own.
					of := func(b *table, first, m int) result {
						px, pw, pb := b.buffer(typ, x[first*s.k:(first+m)*s.k]), b.buffer(typ, w), b.buffer(device.F32, bias)
						y, dx, dw := b.buffer(typ, make([]float32, m*s.n)), b.buffer(typ, make([]float32, m*s.k)), b.buffer(device.F32, make([]float32, s.n*s.k))
						b.Linear(y, px, pw, m, s.n, s.k, device.Epilogue{Bias: pb, Activation: device.GELU})
						b.LinearBackward(dx, dw, device.Buffer{}, y, px, pw, m, s.n, s.k, device.BackwardEpilogue{})
						return result{b.read(y), b.read(dx)}
					}
					one := newTable(t, 1, set.level)
					whole := of(one, 0, rows)
					one.close()
					for _, threads := range []int{1, 2, 3} {
						b := newTable(t, threads, set.level)
						for _, part := range [][2]int{{0, rows}, {0, 1}, {rows - 1, 1}, {5, 2}, {3, 13}, {100, 17}, {1, 169}} {
							got := of(b, part[0], part[1])
							if !slices.Equal(got.y, whole.y[part[0]*s.n:][:len(got.y)]) {
								t.Errorf("threads=%d: y of %d rows from row %d differs", threads, part[1], part[0])
							}
							if !slices.Equal(got.dx, whole.dx[part[0]*s.k:][:len(got.dx)]) {
								t.Errorf("threads=%d: dx of %d rows from row %d differs", threads, part[1], part[0])
							}
						}
						b.close()
					}
				})
			}
		}
	}
}

// TestThreadsOfProducts holds that gradients of weights, which are sums over rows,
// and convolutions are the same bits on any number of threads.
func TestThreadsOfProducts(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	// Rows past what is added up at a time, and enough to be cut in two and in eight pieces.
	linears := []struct{ m, n, k int }{{4100, 70, 45}, {6500, 20, 33}, {25000, 33, 10}}
	// Lines of which tiles are a part, and lines of whole tiles.
	convs := []device.Conv3x3{{Batch: 3, Side: 13, In: 20, Out: 24}, {Batch: 2, Side: 14, In: 32, Out: 40}, {Batch: 1, Side: 28, In: 128, Out: 64}}
	for _, set := range kernels {
		for _, typ := range []device.Type{device.F32, device.BF16} {
			t.Run(set.name+"/"+typ.String(), func(t *testing.T) {
				of := func(threads int) [][]float32 {
					b := newTable(t, threads, set.level)
					defer b.close()
					zeros := func(typ device.Type, n int) device.Buffer { return b.buffer(typ, make([]float32, n)) }
					var all [][]float32
					for _, s := range linears {
						dw := zeros(device.F32, s.n*s.k)
						b.LinearBackward(device.Buffer{}, dw, device.Buffer{}, b.buffer(typ, normals(1, s.m*s.n)), b.buffer(typ, normals(2, s.m*s.k)), device.Buffer{}, s.m, s.n, s.k, device.BackwardEpilogue{})
						all = append(all, b.read(dw))
					}
					for _, conv := range convs {
						x, w, dy := b.buffer(typ, normals(3, conv.Rows()*conv.In)), b.buffer(typ, normals(4, conv.In*conv.Out*9)), b.buffer(typ, normals(5, conv.Rows()*conv.Out))
						y, dx, dw := zeros(typ, dy.Len), zeros(typ, x.Len), zeros(device.F32, w.Len)
						b.Conv3x3(y, x, w, conv)
						b.Conv3x3BackwardData(dx, dy, w, conv)
						b.Conv3x3BackwardWeights(dw, dy, x, conv)
						all = append(all, b.read(y), b.read(dx), b.read(dw))
					}
					return all
				}
				want := of(1)
				for _, threads := range []int{2, 3} {
					for i, got := range of(threads) {
						if !slices.Equal(got, want[i]) {
							t.Errorf("threads=%d: result %d differs", threads, i)
						}
					}
				}
			})
		}
	}
}

// TestProducts holds products of every form against sums in float64 of the same
// factors: what remains is the rounding of float32 sums, and with results in
// bf16 their own.
func TestProducts(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	shapes := []struct{ m, n, k int }{{1, 1, 1}, {0, 5, 3}, {5, 7, 0}, {5, 7, 3}, {17, 33, 21}, {1, 300, 40}, {300, 257, 511}, {3, 40, 4100}, {5, 33, 25000}}
	for _, set := range kernels {
		for _, typ := range []device.Type{device.F32, device.BF16} {
			for _, to := range []device.Type{device.F32, device.BF16} {
				t.Run(fmt.Sprintf("%s/%s to %s", set.name, typ, to), func(t *testing.T) {
					b := newTable(t, 2, set.level)
					defer b.close()
					for _, s := range shapes {
						pa, pb, pc := b.buffer(typ, normals(1, s.m*s.k)), b.buffer(typ, normals(2, s.k*s.n)), normals(3, s.m*s.n)
						x, y := b.read(pa), b.read(pb)
						for form := range 8 {
							transA, transB, beta := form&1 > 0, form&2 > 0, float32(form>>2)
							out := b.buffer(to, pc)
							before := b.read(out)
							b.MatMul(out, pa, pb, s.m, s.n, s.k, transA, transB, beta)
							if e := productError(b.read(out), x, y, before, s.m, s.n, s.k, transA, transB, beta); e > map[device.Type]float64{device.F32: 3e-7, device.BF16: 1.0 / 256}[to] {
								t.Errorf("%+v, transposed %v %v, beta %g: error %.2g", s, transA, transB, beta, e)
							}
						}
					}
				})
			}
		}
	}
}

// productError is the largest error of got against the size of its sum's terms.
func productError(got, a, b, c []float32, m, n, k int, transA, transB bool, beta float32) float64 {
	rowA, colA, rowB, colB := k, 1, n, 1
	if transA {
		rowA, colA = 1, m
	}
	if transB {
		rowB, colB = 1, k
	}
	worst := 0.0
	for i := range m {
		for j := range n {
			want := float64(beta) * float64(c[i*n+j])
			size := math.Abs(want)
			for l := range k {
				p := float64(a[i*rowA+l*colA]) * float64(b[l*rowB+j*colB])
				want += p
				size += math.Abs(p)
			}
			if e := math.Abs(float64(got[i*n+j]) - want); e > 0 && !(e/size <= worst) {
				worst = e / size
			}
		}
	}
	return worst
}
