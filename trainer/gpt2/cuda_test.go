//go:build cuda

package gpt2

import (
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cuda"
	"github.com/pairloom/pairloom/trainer/device/cuda/testdriver"
)

// The tests run on the test driver, unless the driver is named.
func init() {
	testdriver.Again(testdriver.Fast)
	backends["cuda"] = openCUDA
}

func openCUDA() device.Device {
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		panic(err)
	}
	return device.Strict{Device: d}
}
