// Command train is our side of the training bench in this folder; run.sh calls
// it.
//
//	train step MODEL WEIGHTS INPUTS [-precision bf16] [-threads 2] [-kernels avx2]
//	train profile MODEL WEIGHTS INPUTS [-precision bf16] [-threads 2] [-kernels avx2]
//	train sgemm [-precision bf16] [-threads 2] [-kernels avx2]
//	train loader DATA SIDE BATCH WORKERS
//	train embed MODEL WEIGHTS INPUTS OUT
//	train draw MODEL OUT
//
// With -kernels the processor is used as one that has no more than AVX2, or
// nothing. profile takes two steps and prints where a third's time goes, by operation. step
// and sgemm take two steps, then print a line of JSON. After that each line
// "step" on stdin is answered by one step: forward, backward and update, or one
// matrix product of 2048 x 2048 x 2048. "end" is answered by the peak of
// resident memory since the second step. loader makes batches of DATA/shards
// for ten seconds, each picture decoded anew, and prints pictures a second.
// embed writes the embeddings of the inputs, in evaluation mode, and draw the
// first weights of a model: weights.py holds both against open_clip.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("train", flag.ContinueOnError)
	threads := flags.Int("threads", 2, "threads of the device")
	precision := flags.String("precision", "fp32", "numbers of the matrix products: fp32 or bf16")
	kernels := flags.String("kernels", cpu.Kernels[0], "use no better kernels than "+strings.Join(cpu.Kernels, ", "))
	arguments := map[string]int{"step": 3, "profile": 3, "sgemm": 0, "loader": 4, "embed": 4, "draw": 2}
	if len(args) == 0 || len(args) < 1+arguments[args[0]] {
		return fmt.Errorf("want step, profile, sgemm, loader, embed or draw with their arguments; see the top of main.go")
	}
	n, known := arguments[args[0]]
	if !known {
		return fmt.Errorf("no mode is called %q; there are step, profile, sgemm, loader, embed and draw", args[0])
	}
	if err := flags.Parse(args[1+n:]); err != nil {
		return err
	}
	if args[0] == "loader" {
		return loaderRate(args[1], args[2:5])
	}
	activations, err := typeOf(*precision)
	if err != nil {
		return err
	}
	d, err := cpu.OpenKernels(*threads, *kernels)
	if err != nil {
		return err
	}
	var s stepper
	switch args[0] {
	case "embed":
		return embed(d, args[1], args[2], args[3], args[4])
	case "draw":
		return draw(d, args[1], args[2])
	case "sgemm":
		s, err = newProduct(d, activations)
	default:
		s, err = newTraining(d, activations, args[1], args[2], args[3])
	}
	if err != nil {
		return err
	}
	if args[0] == "profile" {
		return profile(d, s)
	}
	return answer(s)
}

func typeOf(precision string) (device.Type, error) {
	switch precision {
	case "fp32":
		return device.F32, nil
	case "bf16":
		return device.BF16, nil
	}
	return 0, fmt.Errorf("no precision is called %q; there are fp32 and bf16", precision)
}

// A stepper does one measured step.
type stepper interface {
	// step waits for the device and returns the loss, or 0 where there is none.
	step() (loss float64, err error)
	flops() float64 // useful ones of a step
	close() error
}

// answer serves a stepper on stdin and stdout.
func answer(s stepper) error {
	var losses []float64
	var first time.Duration
	for i := range 2 {
		began := time.Now()
		loss, err := s.step()
		if err != nil {
			return err
		}
		losses = append(losses, loss)
		if i == 0 {
			first = time.Since(began)
			if err := resetPeak(); err != nil {
				return err
			}
		}
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]any{"losses": losses, "first_seconds": first.Seconds(), "flops": s.flops()}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() && lines.Text() != "end" {
		began := time.Now()
		loss, err := s.step()
		if err != nil {
			return err
		}
		if err := out.Encode(map[string]float64{"loss": loss, "seconds": time.Since(began).Seconds()}); err != nil {
			return err
		}
	}
	peak, err := peakBytes()
	if err != nil {
		return err
	}
	if err := out.Encode(map[string]int64{"peak_bytes": peak}); err != nil {
		return err
	}
	return s.close()
}

// resetPeak lets the kernel count the peak of resident memory anew, without
// what reading the weights left behind.
func resetPeak() error {
	debug.FreeOSMemory()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

func peakBytes() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			var kilobytes int64
			_, err := fmt.Sscan(rest, &kilobytes)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no line VmHWM")
}

// product is the machine's measured rate: one large matrix product.
type product struct {
	dev     *cpu.Device
	memory  device.Memory
	a, b, c device.Buffer
}

const productSize = 2048

func newProduct(d *cpu.Device, factors device.Type) (stepper, error) {
	const words = productSize * productSize
	m, err := d.Alloc(3 * words * factors.Bytes())
	if err != nil {
		return nil, err
	}
	whole := device.Whole(m, factors)
	d.Fill(whole, 0.5)
	return &product{d, m, whole.Slice(0, words), whole.Slice(words, words), whole.Slice(2*words, words)}, nil
}

func (p *product) step() (float64, error) {
	p.dev.MatMul(p.c, p.a, p.b, productSize, productSize, productSize, false, false, 0)
	return 0, p.dev.Sync()
}

func (p *product) flops() float64 { return 2 * productSize * productSize * productSize }

func (p *product) close() error {
	p.memory.Free()
	return p.dev.Close()
}
