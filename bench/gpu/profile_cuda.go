//go:build cuda

package main

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cuda"
)

// kernelTimes is where the card's time went since the last call.
func kernelTimes(d device.Device) ([]kernel, error) {
	strict, is := d.(device.Strict)
	card, on := strict.Device.(*cuda.Device)
	if !is || !on {
		return nil, fmt.Errorf("%s has no clock of kernels", d.Name())
	}
	shares, err := card.Profile()
	var list []kernel
	for _, s := range shares {
		list = append(list, kernel{s.Operation, s.Calls, s.Time.Seconds()})
	}
	return list, err
}
