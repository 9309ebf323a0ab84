// Command gpu is our side of the bench on a card; run.sh calls it there, pack.sh builds
// it. It links the trainer's rooms alone.
//
//	gpu product [-device cuda] [-out FILE]
//	gpu step MODEL BATCH [-device cuda] [-precision bf16] [-seconds 8] [-inputs FILE] [-out FILE]
//	gpu profile MODEL BATCH [the same]
//	gpu shards FOLDER PAIRS
//	gpu train FOLDER MODEL BATCH [-device cuda] [-precision bf16] [-seconds 60] [-out FILE]
//	gpu inputs FILE PAIRS
//	gpu shape MODEL
//	gpu roofline MODEL BATCH [-precision bf16]
//	gpu memory [-precision bf16]
//	gpu table FOLDER
//
// product is the rate of a product of 8192 x 8192 x 8192 in bf16: what the card can do. step
// takes steps of training on one batch and says pairs a second, useful operations
// (docs/flops.md) and peak memory; profile, which kernels take longest. shards makes up a
// dataset, and train trains on it, data and compute apart. inputs makes up the captions
// that both programs of the bench read, and shape prints a model as open_clip's
// configuration. Results go to FILE as JSON, the whole of it or nothing; table prints all
// files of a folder. roofline computes on paper what a step takes, and memory what is on the
// card, both without one.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/layout"
	"github.com/pairloom/pairloom/trainer/token"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gpu:", err)
		os.Exit(1)
	}
}

// settings are the flags of all modes.
type settings struct {
	device    string
	precision string
	seconds   float64
	inputs    string
	out       string
}

// modes have so many arguments.
var modes = map[string]int{"product": 0, "step": 2, "profile": 2, "shards": 2, "train": 3, "inputs": 2, "shape": 1, "roofline": 2, "memory": 0, "table": 1}

func run(args []string) error {
	var s settings
	flags := flag.NewFlagSet("gpu", flag.ContinueOnError)
	flags.StringVar(&s.device, "device", "cuda", "cuda, cuda:N or cpu")
	flags.StringVar(&s.precision, "precision", "bf16", "fp32, tf32 or bf16")
	flags.Float64Var(&s.seconds, "seconds", 8, "how long is measured")
	flags.StringVar(&s.inputs, "inputs", "", "captions that gpu inputs made; made up anew where there is none")
	flags.StringVar(&s.out, "out", "", "file for the result; standard output where there is none")
	if len(args) == 0 {
		return fmt.Errorf("no mode is given; see the top of main.go")
	}
	n, known := modes[args[0]]
	if !known || len(args) <= n {
		return fmt.Errorf("%s needs a mode and its arguments; see the top of main.go", args[0])
	}
	if err := flags.Parse(args[1+n:]); err != nil {
		return err
	}
	if _, err := s.activations(); err != nil {
		return err
	}
	size := 0
	if at := map[string]int{"step": 2, "profile": 2, "shards": 2, "train": 3, "inputs": 2, "roofline": 2}[args[0]]; at > 0 {
		var err error
		if size, err = strconv.Atoi(args[at]); err != nil || size < 2 {
			return fmt.Errorf("%q given, a number from 2 on expected", args[at])
		}
	}
	switch args[0] {
	case "product":
		return s.product()
	case "step":
		return s.step(args[1], size)
	case "profile":
		return s.profile(args[1], size)
	case "shards":
		return makeShards(args[1], size)
	case "train":
		return s.train(args[1], args[2], size)
	case "inputs":
		return writeCaptions(args[1], size)
	case "shape":
		return printShape(args[1])
	case "roofline":
		return s.roofline(args[1], size)
	case "memory":
		return s.memory()
	}
	return printTable(args[1])
}

// activations is the type that the precision means.
func (s settings) activations() (device.Type, error) {
	switch s.precision {
	case "fp32", "tf32":
		return device.F32, nil
	case "bf16":
		return device.BF16, nil
	}
	return 0, fmt.Errorf("no precision is called %q; there are fp32, tf32 and bf16", s.precision)
}

func (s settings) open() (device.Device, error) {
	return backend.Open(backend.Options{Device: s.device, TF32: s.precision == "tf32"})
}

// result is what a mode measured; the keys of all modes, of which each has some.
type result struct {
	Program   string `json:"program"` // pairloom or open_clip
	What      string `json:"what"`    // product, step, profile or train
	Device    string `json:"device"`
	Precision string `json:"precision,omitempty"`
	Model     string `json:"model,omitempty"`
	Batch     int    `json:"batch,omitempty"`
	Steps     int    `json:"steps,omitempty"`

	First          float64 `json:"first_seconds,omitempty"` // of the first step, with what is compiled or chosen then
	Seconds        float64 `json:"step_seconds,omitempty"`  // the median step
	PairsPerSecond float64 `json:"pairs_per_second,omitempty"`
	Flops          float64 `json:"useful_flops,omitempty"` // of a step
	FlopsPerSecond float64 `json:"flops_per_second,omitempty"`
	Peak           int64   `json:"peak_bytes,omitempty"` // of the card's memory
	Loss           float64 `json:"loss,omitempty"`

	Data    float64  `json:"data_seconds,omitempty"`    // for which the card waited
	Compute float64  `json:"compute_seconds,omitempty"` // the rest
	Kernels []kernel `json:"kernels,omitempty"`         // the longest first
}

// kernel is one's share of a step.
type kernel struct {
	Name    string  `json:"name"`
	Calls   int64   `json:"calls"`
	Seconds float64 `json:"seconds"`
}

// write leaves the result in the file, whole or not at all.
func (s settings) write(r result) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if s.out == "" {
		_, err = os.Stdout.Write(text)
		return err
	}
	if err := os.WriteFile(s.out+".partial", text, 0o644); err != nil {
		return err
	}
	return os.Rename(s.out+".partial", s.out)
}

// product measures the largest rate.
func (s settings) product() error {
	d, err := s.open()
	if err != nil {
		return err
	}
	defer d.Close()
	side, t := 8192, device.BF16
	if s.device == "cpu" || os.Getenv("SMALL") != "" {
		side = 256
	}
	pool := device.NewPool(d)
	defer pool.Close()
	a, b, c := pool.Get(t, side*side), pool.Get(t, side*side), pool.Get(t, side*side)
	if err := pool.Err(); err != nil {
		return err
	}
	d.Fill(a, 0.5)
	d.Fill(b, 0.25)
	best := time.Duration(0)
	const times = 10 // in the queue at a time, so that its length does not count
	for began := time.Now(); best == 0 || time.Since(began) < 2*time.Second; {
		if err := d.Sync(); err != nil {
			return err
		}
		from := time.Now()
		for range times {
			d.MatMul(c, a, b, side, side, side, false, true, 0)
		}
		if err := d.Sync(); err != nil {
			return err
		}
		if took := time.Since(from); best == 0 || took < best {
			best = took
		}
	}
	flops := 2 * float64(side) * float64(side) * float64(side)
	return s.write(result{Program: "pairloom", What: "product", Device: d.Name(), Precision: "bf16", Batch: side,
		Seconds: best.Seconds() / times, Flops: flops, FlopsPerSecond: times * flops / best.Seconds()})
}

// printShape prints a preset as open_clip's configuration.
func printShape(name string) error {
	c, err := clip.Preset(name)
	if err != nil {
		return err
	}
	files, err := layout.OpenCLIP(c, token.Public(), false)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(files[layout.ConfigName])
	return err
}
