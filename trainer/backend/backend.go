// Package backend opens the device that training, evaluation and search run on:
// the one place where a name becomes a device.
//
// A program that was built with the tag cuda has a backend for cards, one without it
// for the processor alone. The first stops as well on a machine without a driver:
// [Choose] says what is missing.
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
	Auto = "auto" // the first card that can be used where the program has a backend for it, else the processor
	CPU  = "cpu"
	CUDA = "cuda" // or cuda:n
)

// Options say which device, and what of it.
type Options struct {
	Device  string // auto, cpu, cuda or cuda:n; empty means auto
	Threads int    // of the processor; 0 means one a processor
	TF32    bool   // a card rounds the factors of products of float32 to 10 bits of fraction, and is faster
}

// ErrNoCUDA is wrapped where a card is asked for and this program has no backend
// for it.
var ErrNoCUDA = errors.New("this program was built without a backend for cards; build one that has it with make cuda, or set device to cpu or auto")

// Choice is the device that a name stands for, on this machine and now.
type Choice struct {
	OnCard bool
	Number int    // of the card, as the driver counts
	Name   string // of the card
	Memory int64  // of the card, bytes; 0 on the processor
	Free   int64  // of it
	// Why says, with auto, what keeps the program from a card, or that there is one that
	// it has no backend for; "" on a card, and where there is nothing to say.
	Why string
}

// Check reports a name that is none of a device.
func Check(name string) error {
	if _, _, err := parse(name); err != nil {
		return err
	}
	return nil
}

// parse takes a name apart; number is that of a card.
func parse(name string) (kind string, number int, err error) {
	switch name {
	case "", Auto:
		return Auto, 0, nil
	case CPU, CUDA:
		return name, 0, nil
	}
	if n, is := strings.CutPrefix(name, CUDA+":"); is {
		if number, err := strconv.Atoi(n); err == nil && number >= 0 {
			return CUDA, number, nil
		}
	}
	return "", 0, fmt.Errorf("device: %q given, auto, cpu, cuda or cuda:N expected", name)
}

// Choose finds the device that a name stands for. Where a card is asked for by name and
// cannot be had the error is a [*device.Unusable], or wraps ErrNoCUDA. A card is asked
// for its memory, which takes some tenths of a second.
func Choose(name string) (Choice, error) {
	kind, number, err := parse(name)
	switch {
	case err != nil:
		return Choice{}, err
	case kind == CPU:
		return Choice{}, nil
	case kind == Auto:
		return chooseAuto(), nil
	}
	return chooseCard(number)
}

// Ready is Check, and reports a device that cannot be had.
func Ready(name string) error {
	_, err := Choose(name)
	return err
}

// Open starts the device. Close it when done.
func Open(o Options) (device.Device, error) {
	c, err := Choose(o.Device)
	if err != nil {
		return nil, err
	}
	return c.Open(o)
}

// Open starts the chosen device with the other options of o. Close it when done.
func (c Choice) Open(o Options) (device.Device, error) {
	if c.OnCard {
		d, err := openCard(c.Number, o)
		if err != nil {
			return nil, err
		}
		return device.Strict{Device: d}, nil
	}
	if o.TF32 {
		return nil, &device.Unusable{Device: CPU, What: "processors have no products of tf32", Cure: "set train.precision to fp32 or bf16, or train.device to a card"}
	}
	return device.Strict{Device: cpu.Open(o.Threads)}, nil
}

// InSoftware reports whether the device computes products of a type in another, which
// takes longer than if it were asked for that.
func (c Choice) InSoftware(t device.Type) bool {
	return !c.OnCard && t == device.BF16 && !cpu.MultipliesBF16()
}

// Kernels names those that the processor gets, and tells whether its products of bf16
// are faster than those of float32.
func Kernels() (name string, bf16 bool) {
	d := cpu.Open(1)
	defer d.Close()
	return d.Kernels(), cpu.MultipliesBF16()
}
