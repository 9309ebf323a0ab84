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
// has, with one thread and with more threads than rows.
func TestConformance(t *testing.T) {
	for level, name := range []string{"best", "avx2", "plain"} {
		for _, threads := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(t *testing.T) {
				conformance.Run(t, func() device.Device { return open(threads, level) })
			})
		}
	}
}
