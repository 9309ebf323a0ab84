package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/tally"
)

// roofline prints what a step would take on an H100, by kernel: no card is asked.
func (s settings) roofline(model string, batch int) error {
	activations, err := s.activations()
	if err != nil {
		return err
	}
	captions, err := s.captions(batch)
	if err != nil {
		return err
	}
	config, err := clip.Preset(model)
	if err != nil {
		return err
	}
	zeros, err := tally.NewZeros(batch * 3 * config.Resolution * config.Resolution)
	if err != nil {
		return err
	}
	defer zeros.Free()
	d := newMeter(h100)
	t, err := newStepper(d, activations, model, zeros.Bytes, captions)
	if err != nil {
		return err
	}
	if err := t.enqueue(); err != nil { // layers make their tables
		return err
	}
	clear(d.costs)
	d.order = nil
	if err := t.enqueue(); err != nil {
		return err
	}
	printRoofline(os.Stdout, d, t.model.Flops(batch, captions), batch)
	return t.close()
}

// printRoofline prints the table of a step.
func printRoofline(out io.Writer, d *meter, useful float64, batch int) {
	slices.SortStableFunc(d.order, func(a, b string) int { return cmp.Compare(d.costs[b].seconds, d.costs[a].seconds) })
	var all cost
	fmt.Fprint(out, "| kernel | launches | GB | TFLOP | ms at least | bound by |\n|---|---|---|---|---|---|\n")
	for _, name := range d.order {
		c := d.costs[name]
		all.launches += c.launches
		all.bytes += c.bytes
		all.flops += c.flops
		all.seconds += c.seconds
		by := "memory"
		switch c := *c; max(c.bytes/d.card.bytes, c.tensor/d.card.tensor, c.simple/d.card.simple, float64(c.launches)*d.card.launch) {
		case c.tensor / d.card.tensor:
			by = "tensor cores"
		case c.simple / d.card.simple:
			by = "cores"
		case float64(c.launches) * d.card.launch:
			by = "launches"
		}
		fmt.Fprintf(out, "| %s | %d | %.2f | %.2f | %.2f | %s |\n", name, c.launches, c.bytes/1e9, c.flops/1e12, 1e3*c.seconds, by)
	}
	fmt.Fprintf(out, "| all | %d | %.2f | %.2f | %.2f | |\n\n", all.launches, all.bytes/1e9, all.flops/1e12, 1e3*all.seconds)
	fmt.Fprintf(out, "%d pairs in %.1f ms: %.0f pairs/s at most; %.2f TFLOP are useful, %.0f%% of %.0f TFLOP/s; %.1f GB of the card's memory\n",
		batch, 1e3*all.seconds, float64(batch)/all.seconds, useful/1e12, 100*useful/all.seconds/d.card.tensor, d.card.tensor/1e12, float64(d.Most()+d.Scratch())/1e9)
}
