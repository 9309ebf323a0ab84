package cpu

import (
	"fmt"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/conformance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConformance runs the suite on each set of kernels that this processor
// has, on one thread and on more threads than rows.
func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		kernels        string
		level, threads int
	}{{"best", 0, 1}, {"best", 0, 3}, {"avx2", 1, 1}, {"plain", 2, 1}} {
		t.Run(fmt.Sprintf("%s/threads=%d", tt.kernels, tt.threads), func(t *testing.T) {
			if testing.Short() && tt.threads == 1 {
				t.Skip("one thread has no race")
			}
			conformance.Run(t, func() device.Device { return open(tt.threads, tt.level) })
		})
	}
}

// TestMatMulGrows holds large products, which oneDNN splits over threads,
// against single rows of the same, and each against itself, bit for bit.
func TestMatMulGrows(t *testing.T) {
	const m, n, k = 300, 257, 511
	d := Open(2)
	var memories []device.Memory
	buffer := func(words int) device.Buffer {
		memory, err := d.Alloc(4 * words)
		if err != nil {
			t.Fatal(err)
		}
		memories = append(memories, memory)
		return device.Whole(memory, device.F32)
	}
	a, b := make([]float32, m*k), make([]float32, k*n)
	for i := range a {
		a[i] = float32(i%17) - 8
	}
	for i := range b {
		b[i] = float32(i%13) - 6
	}
	x, y, z := buffer(m*k), buffer(k*n), buffer(m*n)
	d.Write(x, a)
	d.Write(y, b)
	var first []float32
	for range 3 {
		d.MatMul(z, x, y, m, n, k, false, false, 0)
		got := make([]float32, m*n)
		if err := d.Read(got, z); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(first, got) {
			t.Error("a product differs from run to run")
		}
	}
	for _, i := range []int{0, 150, m - 1} {
		for j := range n {
			var want float32 // small whole numbers: exact
			for l := range k {
				want += a[i*k+l] * b[l*n+j]
			}
			if first[i*n+j] != want {
				t.Fatalf("element %d, %d is %g, want %g", i, j, first[i*n+j], want)
			}
		}
	}
	for _, memory := range memories {
		memory.Free()
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestCallsAllocateNothing holds that a call to an operation allocates nothing
// in Go.
func TestCallsAllocateNothing(t *testing.T) {
	d := Open(1)
	memory, err := d.Alloc(4 * 64)
	if err != nil {
		t.Fatal(err)
	}
	x := device.Whole(memory, device.F32)
	d.Fill(x, 1)
	n := testing.AllocsPerRun(100, func() {
		d.Sum(x, x, x)
		d.MatMul(x, x.Slice(0, 16), x.Slice(16, 16), 4, 4, 4, false, true, 0)
		d.Bias(x, x, 1, 8)
		if err := d.Sync(); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%g allocations", n)
	}
	memory.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
