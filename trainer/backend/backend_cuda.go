//go:build cuda

package backend

import (
	"errors"
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cuda"
)

// HasCUDA tells whether the program has a backend for cards.
const HasCUDA = true

func chooseAuto() (c Choice) {
	cards, err := cuda.Cards()
	for i := range cards {
		if c, err = chooseCard(i); err == nil {
			return c
		}
	}
	return Choice{Why: what(err)}
}

func chooseCard(number int) (Choice, error) {
	c, err := cuda.Find(number)
	if err != nil {
		return Choice{}, orProcessor(err)
	}
	return Choice{OnCard: true, Number: number, Name: c.Name, Memory: c.Memory, Free: c.Free}, nil
}

// what is the matter, without what to do.
func what(err error) string {
	var u *device.Unusable
	if errors.As(err, &u) {
		return u.What
	}
	return err.Error()
}

// orProcessor adds the other way to what there is to do.
func orProcessor(err error) error {
	var u *device.Unusable
	if !errors.As(err, &u) {
		return err
	}
	return &device.Unusable{Device: u.Device, What: u.What, Cure: u.Cure + "; or set device to cpu"}
}

// Cards asks the driver for its cards; the error says why there are none.
func Cards() ([]Card, error) {
	list, err := cuda.Cards()
	cards := make([]Card, len(list))
	for i, c := range list {
		cards[i] = Card{i, c.Name, c.Memory, c.Free, fmt.Sprintf("%d.%d", c.Major, c.Minor), c.Major >= 8, c.Fault, c.Cure}
	}
	return cards, err
}

// CUDAVersion is the version of CUDA that the driver is for, "" for none.
func CUDAVersion() string {
	if v := cuda.Driver(); v > 0 {
		return cuda.Version(v)
	}
	return ""
}

// Libraries are those that the backend for cards opens.
func Libraries() []Library {
	blas := Library{Name: "cuBLASLt", For: "matrix products on cards"}
	if v, path, err := cuda.CUBLAS(); err != nil {
		blas.Fault = err.Error()
	} else {
		blas.Version, blas.Path = fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100), path
	}
	return []Library{blas, nccl()}
}

func nccl() Library {
	n := Library{Name: "NCCL", For: "several cards, which train does not use yet"}
	if v, path, err := cuda.NCCL(); err != nil {
		n.Fault = err.Error()
	} else {
		n.Version, n.Path = fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100), path
	}
	return n
}

func openCard(number int, o Options) (device.Device, error) {
	d, err := cuda.Open(number, cuda.Options{TF32: o.TF32})
	if err != nil {
		return nil, orProcessor(err)
	}
	return d, nil
}
