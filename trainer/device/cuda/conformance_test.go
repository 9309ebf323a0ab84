//go:build cuda

package cuda

import (
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/conformance"
	"github.com/pairloom/pairloom/trainer/device/cuda/testdriver"
)

func TestMain(m *testing.M) { testdriver.Main(m) }

// open starts the first card.
func open(t *testing.T) *Device {
	t.Helper()
	d, err := Open(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformance(t *testing.T) {
	// As long as one is open the card's context stays: to make it anew for each test would
	// take a card longer than the tests do.
	first := open(t)
	defer func() {
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}()
	conformance.Run(t, func() device.Device { return open(t) })
}
