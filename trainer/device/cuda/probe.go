//go:build cuda

package cuda

import "gorgonia.org/cu"

// Devices is the number of cards.
func Devices() (int, error) { return cu.NumDevices() }
