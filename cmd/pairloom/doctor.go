package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/doctor"
	"github.com/spf13/cobra"
)

func newDoctor(g *global) *cobra.Command {
	c := &cobra.Command{
		Use: "doctor", Short: "Show what training finds on this machine, and how to get what is missing", Args: noArguments,
		Long: `Show what training finds on this machine: the driver for cards, the cards with their
memory, the libraries, the processor's features and the kernels that they choose,
memory, and the disk of the folder; and how to get what is missing. The device that
train.device names, or --device, is opened for one small product. Nothing is written,
and the folder need not be there.

It ends with 0 when training can run on that device, else with 2.`,
		Example: "  pairloom doctor\n  pairloom doctor -C cats --device cuda:1\n  pairloom doctor --json",
	}
	name := c.Flags().String("device", "", "look at this `device` instead of train.device: auto, cpu, cuda or cuda:N")
	c.RunE = func(*cobra.Command, []string) error {
		if err := backend.Check(*name); err != nil {
			return &exitError{exitConfiguration, fmt.Errorf("--%w", err)}
		}
		asked, err := g.deviceFor(*name)
		if err != nil {
			return err
		}
		r := doctor.Look(doctor.Options{Device: asked, Folder: g.dir})
		switch {
		case g.json:
			err = g.printJSON(r)
		case g.quiet && r.Ready:
			fmt.Fprintf(g.stdout, "pairloom: doctor: training can run on %s\n", r.Device)
		default:
			printReport(g.stdout, &r)
		}
		if err == nil && !r.Ready {
			err = &exitError{exitConfiguration, fmt.Errorf("training cannot run here: %s", strings.Join(r.Faults, "; "))}
		}
		return err
	}
	return c
}

// deviceFor is the device of the flag, or else of the folder's configuration, if it has
// one.
func (g *global) deviceFor(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if _, err := os.Stat(filepath.Join(g.dir, config.FileName)); errors.Is(err, fs.ErrNotExist) {
		return backend.Auto, nil
	}
	w, err := openWorkspace(g.dir, g.logger())
	if err != nil {
		return "", err
	}
	return w.cfg.Train.Device, nil
}

// printReport prints a report for people.
func printReport(out io.Writer, r *doctor.Report) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	either := func(yes bool, a, b string) string {
		if yes {
			return a
		}
		return b
	}
	verdict := "training can run on " + r.Device
	if !r.Ready {
		verdict = "training cannot run on device " + r.Asked
	}
	row("verdict", "%s", verdict)
	row("program", "%s", either(r.Built, "built for cards and processors", "built for processors; make cuda builds one for cards too"))
	driver := "none found"
	switch d := r.Driver; {
	case d.Version != "" && d.CUDA != "":
		driver = fmt.Sprintf("%s, for CUDA %s", d.Version, d.CUDA)
	case d.CUDA != "":
		driver = "for CUDA " + d.CUDA
	case d.Version != "":
		driver = d.Version
	}
	row("driver for cards", "%s", driver)
	for _, c := range r.Cards {
		text := fmt.Sprintf("%s, compute capability %s, %s", c.Name, c.Capability, either(c.BF16, "bf16", "no bf16"))
		if c.Fault == "" {
			text += fmt.Sprintf(", %s free of %s", gigabytes(c.Free), gigabytes(c.Memory))
		}
		row(fmt.Sprintf("  cuda:%d", c.Number), "%s", text)
	}
	p := &r.Processor
	row("processor", "%s%d threads, %s", either(p.Name == "", "", p.Name+", "), p.Threads, either(len(p.Features) > 0, strings.Join(p.Features, " "), "no vectors that there are kernels for"))
	row("  its kernels", "%s; products of bf16 %s", p.Kernels, either(p.BF16, "are fast", "are computed in fp32"))
	for _, l := range r.Libraries {
		text := either(l.Version != "", l.Version, "not found")
		if l.Path != "" {
			text += ", " + l.Path
		}
		row(l.Name, "%s", text)
	}
	row("memory", "%s", either(r.Memory > 0, gigabytes(r.Memory)+" can be had now", "not known"))
	row("disk", "%s", either(r.Disk > 0, gigabytes(r.Disk)+" free for "+r.Folder, "not known"))
	t.Flush()
	if r.Driver.Cure != "" {
		fmt.Fprintf(out, "for cards: %s; %s\n", r.Driver.Fault, r.Driver.Cure)
	}
	for _, a := range r.Advice {
		fmt.Fprintln(out, "note:", a)
	}
}
