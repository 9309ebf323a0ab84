package cpu

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

func openBF16(t *testing.T, threads int) *Device {
	t.Helper()
	d, err := OpenBF16(threads)
	if errors.Is(err, ErrNoBF16) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// nearestBF16 rounds by comparing the two neighbours, ties to the even one.
func nearestBF16(x float32) float32 {
	low := math.Float32bits(x) &^ 0xffff
	down, up := math.Float32frombits(low), math.Float32frombits(low+0x10000)
	a, b := math.Abs(float64(x)-float64(down)), math.Abs(float64(up)-float64(x))
	if a < b || a == b && low>>16&1 == 0 {
		return down
	}
	return up
}

// TestMatMulBF16 holds products against sums in float64 of factors rounded on
// the host: only the order of summation may differ.
func TestMatMulBF16(t *testing.T) {
	d := openBF16(t, 2)
	random := rand.New(rand.NewPCG(1, 2))
	for _, s := range []struct {
		m, n, k        int
		transA, transB bool
		beta           float32
	}{
		{1, 1, 1, false, false, 0}, {5, 7, 3, false, true, 0}, {17, 33, 21, true, false, 1}, {64, 48, 96, true, true, 1}, {130, 70, 257, false, false, 0},
	} {
		var held []device.Memory
		upload := func(x []float32) device.Buffer {
			m, err := d.Alloc(4 * len(x))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, m)
			d.Write(device.Whole(m, device.F32), x)
			return device.Whole(m, device.F32)
		}
		draw := func(n int) []float32 {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(random.NormFloat64())
			}
			return x
		}
		a, b, c := draw(s.m*s.k), draw(s.k*s.n), draw(s.m*s.n)
		a[0] = 1 + 1.0/256 // halfway between two neighbours
		out := upload(c)
		d.MatMul(out, upload(a), upload(b), s.m, s.n, s.k, s.transA, s.transB, s.beta)
		got := make([]float32, len(c))
		if err := d.Read(got, out); err != nil {
			t.Fatal(err)
		}
		for i := range s.m {
			for j := range s.n {
				want, size := float64(s.beta*c[i*s.n+j]), 1.0
				for l := range s.k {
					x, y := i*s.k+l, l*s.n+j
					if s.transA {
						x = l*s.m + i
					}
					if s.transB {
						y = j*s.k + l
					}
					p := float64(nearestBF16(a[x])) * float64(nearestBF16(b[y]))
					want += p
					size += math.Abs(p)
				}
				if e := math.Abs(float64(got[i*s.n+j]) - want); e > 1e-6*size {
					t.Fatalf("%+v: word %d,%d is %g, want %g", s, i, j, got[i*s.n+j], want)
				}
			}
		}
		for _, m := range held {
			m.Free()
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestRoundedFactorIsFresh changes the first factor between products that use
// it, by an operation and by a product.
func TestRoundedFactorIsFresh(t *testing.T) {
	d := openBF16(t, 1)
	m, err := d.Alloc(4 * 8)
	if err != nil {
		t.Fatal(err)
	}
	x := device.Whole(m, device.F32)
	a, b, c := x.Slice(0, 1), x.Slice(1, 1), x.Slice(2, 1)
	product := func() float32 {
		d.MatMul(c, a, b, 1, 1, 1, false, false, 0)
		var got [1]float32
		if err := d.Read(got[:], c); err != nil {
			t.Fatal(err)
		}
		return got[0]
	}
	d.Fill(x, 2)
	if got := product(); got != 4 {
		t.Errorf("2 times 2 is %g", got)
	}
	d.Fill(a, 3)
	d.MatMul(c, a, b, 1, 1, 1, false, false, 0)
	d.MatMul(a, a, a, 1, 1, 1, false, false, 0)
	if got := product(); got != 18 {
		t.Errorf("9 times 2 is %g", got)
	}
	m.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestConvolutionBF16 holds a convolution and its two gradients on factors that
// bfloat16 holds against float32's: only the order of sums may differ.
func TestConvolutionBF16(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	s := device.Conv3x3{Batch: 2, Side: 9, In: 20, Out: 24}
	draw := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = nearestBF16(float32(random.NormFloat64()))
		}
		return x
	}
	x, w, dy := draw(s.Rows()*s.In), draw(s.In*s.Out*9), draw(s.Rows()*s.Out)
	results := func(d *Device) [][]float32 {
		var held []device.Memory
		buffer := func(content []float32) device.Buffer {
			m, err := d.Alloc(4 * len(content))
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, m)
			d.Write(device.Whole(m, device.F32), content)
			return device.Whole(m, device.F32)
		}
		bx, bw, bdy := buffer(x), buffer(w), buffer(dy)
		y, dw, dx := buffer(make([]float32, len(dy))), buffer(make([]float32, len(w))), buffer(make([]float32, len(x)))
		d.Conv3x3(y, bx, bw, s)
		d.Conv3x3BackwardWeights(dw, bdy, bx, s)
		d.Conv3x3BackwardData(dx, bdy, bw, s)
		out := [][]float32{make([]float32, len(dy)), make([]float32, len(w)), make([]float32, len(x))}
		for i, b := range []device.Buffer{y, dw, dx} {
			if err := d.Read(out[i], b); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range held {
			m.Free()
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		return out
	}
	got, want := results(openBF16(t, 2)), results(Open(2))
	for i, name := range []string{"y", "dw", "dx"} {
		var norm, difference float64
		for j, v := range want[i] {
			norm += float64(v) * float64(v)
			difference += float64(v-got[i][j]) * float64(v-got[i][j])
		}
		if !(difference <= 1e-12*norm) || norm == 0 {
			t.Errorf("%s differs by %.2g of %.2g", name, math.Sqrt(difference), math.Sqrt(norm))
		}
	}
}
