package cpu

import (
	"fmt"
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
