package reference_test

import (
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/conformance"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, func() device.Device { return reference.New() })
}
