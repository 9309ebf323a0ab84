//go:build !cuda

package main

import (
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/device"
)

// kernelTimes is for cards.
func kernelTimes(device.Device) ([]kernel, error) { return nil, backend.ErrNoCUDA }
