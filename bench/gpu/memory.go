package main

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/tally"
)

// memory prints what training steps take on a card, for the models of the paper, counted
// by package tally as train --dry-run does.
func (s settings) memory() error {
	batches := []int{256, 512, 1024, 2048, 4096}
	fmt.Printf("| model, %s |", s.precision)
	for _, b := range batches {
		fmt.Printf(" %d |", b)
	}
	fmt.Print(" fits 24 GB | 80 GB | 141 GB |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, model := range []string{"vit-b-32", "vit-b-16", "vit-l-14", "vit-l-14-336", "rn50", "rn101", "rn50x4", "rn50x16", "rn50x64"} {
		fmt.Printf("| %s |", model)
		for _, b := range batches {
			bytes, err := s.stepMemory(model, b)
			if err != nil {
				return err
			}
			fmt.Printf(" %.1f GB |", float64(bytes)/1e9)
		}
		// The driver and the kernels' code take some of a card.
		for _, room := range []float64{24e9, 80e9, 141e9} {
			low, high := 1, 1<<16
			for low+max(1, low/64) < high {
				middle := (low + high) / 2
				bytes, err := s.stepMemory(model, middle)
				if err != nil {
					return err
				}
				if float64(bytes) < 0.97*room {
					low = middle
				} else {
					high = middle
				}
			}
			fmt.Printf(" %d |", low)
		}
		fmt.Println()
	}
	return nil
}

// stepMemory is what steps of a model take at most.
func (s settings) stepMemory(model string, batch int) (int64, error) {
	activations, err := s.activations()
	if err != nil {
		return 0, err
	}
	config, err := clip.Preset(model)
	if err != nil {
		return 0, err
	}
	zeros, err := tally.NewZeros(batch * 3 * config.Resolution * config.Resolution)
	if err != nil {
		return 0, err
	}
	defer zeros.Free()
	d := &tally.Device{Card: true}
	t, err := newStepper(d, activations, model, zeros.Bytes, makeCaptions(batch))
	if err != nil {
		return 0, err
	}
	if err := t.enqueue(); err != nil {
		return 0, err
	}
	most := d.Most() + d.Scratch()
	return most, t.close()
}
