package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/token"
)

// Figures of the update, the same as in peer.py.
const (
	rate    = 1e-5
	beta1   = 0.9
	beta2   = 0.98
	epsilon = 1e-6
	decay   = 0.2
)

// stepper takes steps of training on one batch.
type stepper struct {
	dev      device.Device
	pool     *device.Pool
	tape     *autograd.Tape
	model    *clip.Model
	figures  device.Memory // loss, squared norm of the gradient
	pictures []byte
	captions *token.Captions
	updates  float64
}

func newStepper(d device.Device, activations device.Type, preset string, pictures []byte, captions *token.Captions) (*stepper, error) {
	config, err := clip.Preset(preset)
	if err != nil {
		return nil, err
	}
	t := &stepper{dev: d, pool: device.NewPool(d), pictures: pictures, captions: captions}
	t.tape = autograd.New(d, t.pool)
	t.model = clip.New(config, vocabularySize)
	t.tape.Type, t.model.Parameters.Type = activations, activations
	if err := t.model.Parameters.Allocate(d, true); err != nil {
		return nil, err
	}
	t.figures, err = d.Alloc(4 * 2)
	return t, err
}

// makePictures makes up n of a preset.
func makePictures(preset string, n int) ([]byte, error) {
	config, err := clip.Preset(preset)
	if err != nil {
		return nil, err
	}
	pixels, state := make([]byte, n*3*config.Resolution*config.Resolution), uint32(2463534242)
	for i := range pixels {
		state ^= state << 13 // xorshift32
		state ^= state >> 17
		state ^= state << 5
		pixels[i] = byte(state)
	}
	return pixels, nil
}

// enqueue puts a step into the device's queue, pictures and captions as they come from the
// loader: bytes and ids.
func (t *stepper) enqueue() error {
	d, p, figures := t.dev, &t.model.Parameters, device.Whole(t.figures, device.F32)
	d.Fill(p.Grad, 0)
	t.model.Loss(t.tape, figures.Slice(0, 1), t.model.Pictures(t.tape, t.pictures), t.captions)
	t.tape.Backward()
	if err := t.pool.Err(); err != nil {
		return err
	}
	d.SquaredNorm(figures.Slice(1, 1), p.Grad)
	t.updates++
	p.Update(d, figures.Slice(1, 1), device.AdamW{
		Rate: rate, Beta1: beta1, Beta2: beta2, Epsilon: epsilon, Decay: decay,
		Correct1: float32(1 - math.Pow(beta1, t.updates)), Correct2: float32(1 - math.Pow(beta2, t.updates)),
	})
	t.model.ClampScale(d)
	return nil
}

// step takes one, waits for it and returns the loss.
func (t *stepper) step() (float64, error) {
	if err := t.enqueue(); err != nil {
		return 0, err
	}
	var loss [1]float32
	err := t.dev.Read(loss[:], device.Whole(t.figures, device.F32).Slice(0, 1))
	return float64(loss[0]), err
}

func (t *stepper) close() error {
	t.pool.Close()
	t.model.Parameters.Free()
	t.figures.Free()
	return t.dev.Close()
}

// start opens the device and takes the steps that do not count.
func (s settings) start(model string, batch int) (t *stepper, r result, err error) {
	activations, err := s.activations()
	if err != nil {
		return nil, r, err
	}
	captions, err := s.captions(batch)
	if err != nil {
		return nil, r, err
	}
	pictures, err := makePictures(model, batch)
	if err != nil {
		return nil, r, err
	}
	d, err := s.open()
	if err != nil {
		return nil, r, err
	}
	if t, err = newStepper(d, activations, model, pictures, captions); err != nil {
		return nil, r, err
	}
	if err := t.model.Draw(d, 1, false); err != nil {
		return nil, r, err
	}
	r = result{Program: "pairloom", Device: d.Name(), Precision: s.precision, Model: model, Batch: batch, Flops: t.model.Flops(batch, captions)}
	for i := range 3 {
		began := time.Now()
		if r.Loss, err = t.step(); err != nil {
			return nil, r, err
		}
		if i == 0 {
			r.First = time.Since(began).Seconds()
		}
	}
	return t, r, nil
}

// peak is the most memory that the device had, or what it has where it does not tell.
func peak(d device.Device) int64 {
	if strict, is := d.(device.Strict); is {
		d = strict.Device
	}
	if counted, is := d.(interface{ Peak() int64 }); is {
		return counted.Peak()
	}
	return d.Bytes()
}

func (s settings) step(model string, batch int) error {
	t, r, err := s.start(model, batch)
	if err != nil {
		return err
	}
	var times []float64
	for began := time.Now(); len(times) < 3 || time.Since(began).Seconds() < s.seconds; {
		from := time.Now()
		if r.Loss, err = t.step(); err != nil {
			return err
		}
		times = append(times, time.Since(from).Seconds())
	}
	slices.Sort(times)
	r.What, r.Steps, r.Seconds, r.Peak = "step", len(times), times[len(times)/2], peak(t.dev)
	r.PairsPerSecond, r.FlopsPerSecond = float64(batch)/r.Seconds, r.Flops/r.Seconds
	if err := s.write(r); err != nil {
		return err
	}
	return t.close()
}

// profile times each kernel of a step by events.
func (s settings) profile(model string, batch int) error {
	t, r, err := s.start(model, batch)
	if err != nil {
		return err
	}
	if _, err := kernelTimes(t.dev); err != nil { // the clock starts
		return err
	}
	const steps = 3
	for range steps {
		if r.Loss, err = t.step(); err != nil {
			return err
		}
	}
	if r.Kernels, err = kernelTimes(t.dev); err != nil {
		return err
	}
	for i := range r.Kernels {
		r.Kernels[i].Calls /= steps
		r.Kernels[i].Seconds /= steps
		r.Seconds += r.Kernels[i].Seconds
	}
	r.What, r.Steps, r.Peak = "profile", steps, peak(t.dev)
	r.PairsPerSecond = 0
	if err := s.write(r); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s, %d pairs: %.1f ms in %d kinds of kernels\n", model, batch, 1e3*r.Seconds, len(r.Kernels))
	return t.close()
}
