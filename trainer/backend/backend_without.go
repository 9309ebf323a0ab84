//go:build !cuda

package backend

import (
	"fmt"
	"os"

	"github.com/pairloom/pairloom/trainer/device"
)

// HasCUDA tells whether the program has a backend for cards.
const HasCUDA = false

// driverFile is there where the kernel has a driver for NVIDIA's cards.
var driverFile = "/proc/driver/nvidia/version"

func chooseAuto() (c Choice) {
	if _, err := os.Stat(driverFile); err == nil {
		c.Why = "this machine has a driver for cards, and the program was built without a backend for them; make cuda builds one that has it"
	}
	return c
}

func chooseCard(number int) (Choice, error) {
	return Choice{}, fmt.Errorf("open device %s:%d: %w", CUDA, number, ErrNoCUDA)
}

// Cards asks the driver for its cards; here the error says that nobody can.
func Cards() ([]Card, error) { return nil, ErrNoCUDA }

// CUDAVersion is the version of CUDA that the driver is for, "" for none.
func CUDAVersion() string { return "" }

// Libraries are those that the backend for cards opens.
func Libraries() []Library { return nil }

func openCard(number int, _ Options) (device.Device, error) {
	_, err := chooseCard(number)
	return nil, err
}
