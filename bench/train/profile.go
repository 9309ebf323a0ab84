package main

import (
	"fmt"
	"time"

	"github.com/pairloom/pairloom/trainer/device/cpu"
)

// profile prints where the time of a step goes, by operation, after two steps
// that warm up, and closes s.
func profile(d *cpu.Device, s stepper) error {
	for range 2 {
		if _, err := s.step(); err != nil {
			return err
		}
	}
	if _, err := d.Profile(); err != nil {
		return err
	}
	began := time.Now()
	if _, err := s.step(); err != nil {
		return err
	}
	whole := time.Since(began)
	shares, err := d.Profile()
	if err != nil {
		return err
	}
	fmt.Printf("one step: %.2f s, %.0f useful GFLOP/s\n\n| operation | calls | ms | share |\n|---|---|---|---|\n", whole.Seconds(), s.flops()/whole.Seconds()/1e9)
	for _, o := range shares {
		fmt.Printf("| %s | %d | %.1f | %.1f%% |\n", o.Operation, o.Calls, float64(o.Time.Microseconds())/1e3, 100*o.Time.Seconds()/whole.Seconds())
	}
	return s.close()
}
