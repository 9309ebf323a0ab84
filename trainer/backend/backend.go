// Package backend opens the device that training, evaluation and search run on:
// the one place where a name becomes a device.
package backend

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
)

// Names of devices.
const (
	Auto = "auto" // the first GPU where the program has a backend for it, else the processor
	CPU  = "cpu"
	CUDA = "cuda" // or cuda:n
)

// Options say which device, and what of it.
type Options struct {
	Device  string // auto, cpu, cuda or cuda:n; empty means auto
	Threads int    // of the processor; 0 means one a processor
}

// ErrNoCUDA is wrapped where a GPU is asked for and this program has no backend
// for it.
var ErrNoCUDA = errors.New("this program was built without a backend for GPUs; set device to cpu or auto")

// Check reports a name that is none of a device.
func Check(name string) error {
	switch {
	case name == "", name == Auto, name == CPU, name == CUDA:
		return nil
	}
	if n, is := strings.CutPrefix(name, CUDA+":"); is {
		if number, err := strconv.Atoi(n); err == nil && number >= 0 {
			return nil
		}
	}
	return fmt.Errorf("device: %q given, auto, cpu, cuda or cuda:N expected", name)
}

// Open starts the device. Close it when done.
func Open(o Options) (device.Device, error) {
	if err := Check(o.Device); err != nil {
		return nil, err
	}
	if strings.HasPrefix(o.Device, CUDA) {
		return nil, fmt.Errorf("open device %s: %w", o.Device, ErrNoCUDA)
	}
	return device.Strict{Device: cpu.Open(o.Threads)}, nil
}
