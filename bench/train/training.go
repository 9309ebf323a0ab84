package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
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

// training takes steps on one batch.
type training struct {
	dev      *cpu.Device
	pool     *device.Pool
	tape     *autograd.Tape
	model    *clip.Model
	figures  device.Memory // loss, squared norm of the gradient
	pictures []float32
	captions *token.Captions
	updates  float64
}

// tensors reads a safetensors file by name.
func tensors(path string) (map[string]checkpoint.Tensor, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, _, err := checkpoint.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	set := map[string]checkpoint.Tensor{}
	for _, t := range list {
		set[t.Name] = t
	}
	return set, nil
}

func newTraining(d *cpu.Device, activations device.Type, preset, weightsPath, inputsPath string) (stepper, error) {
	config, err := clip.Preset(preset)
	if err != nil {
		return nil, err
	}
	inputs, err := tensors(inputsPath)
	if err != nil {
		return nil, err
	}
	weights, err := tensors(weightsPath)
	if err != nil {
		return nil, err
	}
	t := &training{dev: d, pool: device.NewPool(d), pictures: inputs["pictures"].Data, captions: captionsOf(inputs["tokens"])}
	t.tape = autograd.New(d, t.pool)
	t.model = clip.New(config, weights["token_embedding.weight"].Shape[0])
	t.tape.Type, t.model.Parameters.Type = activations, activations
	if err := t.model.Parameters.Allocate(d, true); err != nil {
		return nil, err
	}
	if t.figures, err = d.Alloc(4 * 2); err != nil {
		return nil, err
	}
	return t, t.model.Parameters.Load(d, t.model.Parameters.Data, weights, "")
}

// captionsOf takes captions out of a matrix of tokens, padded with 0.
func captionsOf(tokens checkpoint.Tensor) *token.Captions {
	captions := &token.Captions{}
	for row := range slices.Chunk(tokens.Data, tokens.Shape[1]) {
		var ids []int32
		for _, id := range row {
			if id != 0 {
				ids = append(ids, int32(id))
			}
		}
		captions.Append(ids)
	}
	return captions
}

func (t *training) step() (float64, error) {
	d, p, figures := t.dev, &t.model.Parameters, device.Whole(t.figures, device.F32)
	d.Fill(p.Grad, 0)
	t.model.Loss(t.tape, figures.Slice(0, 1), t.model.Planes(t.tape, t.pictures), t.captions)
	t.tape.Backward()
	if err := t.pool.Err(); err != nil {
		return 0, err
	}
	d.SquaredNorm(figures.Slice(1, 1), p.Grad)
	t.updates++
	a := device.AdamW{
		Rate: rate, Beta1: beta1, Beta2: beta2, Epsilon: epsilon, Decay: decay,
		Correct1: float32(1 - math.Pow(beta1, t.updates)), Correct2: float32(1 - math.Pow(beta2, t.updates)),
	}
	p.Update(d, figures.Slice(1, 1), a)
	t.model.ClampScale(d)
	var loss [1]float32
	err := d.Read(loss[:], figures.Slice(0, 1))
	return float64(loss[0]), err
}

func (t *training) flops() float64 { return t.model.Flops(t.captions.Len(), t.captions) }

func (t *training) close() error {
	t.pool.Close()
	t.model.Parameters.Free()
	t.figures.Free()
	return t.dev.Close()
}

// loaderTime is how long loaderRate measures.
const loaderTime = 10 * time.Second

// loaderRate prints how many pictures a second the loader makes ready, each
// decoded anew.
func loaderRate(data string, figures []string) error {
	var n [3]int
	for i, text := range figures {
		var err error
		if n[i], err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	side, size, workers := n[0], n[1], n[2]
	source, err := batch.Open(filepath.Join(data, "shards"), batch.Training)
	if err != nil {
		return err
	}
	defer source.Close()
	vocabulary, err := token.Train(source.Texts(), 4096)
	if err != nil {
		return err
	}
	if source.Len() < size {
		return fmt.Errorf("%s has %d pairs, a batch of %d needs as many", data, source.Len(), size)
	}
	loader := batch.NewLoader(source, vocabulary, batch.Options{
		Batch: size, Resolution: side, Context: 77, Seed: 1, CropScale: 0.9, CropAspect: 0.75, Workers: workers,
	}, 0, math.MaxInt64)
	defer loader.Close()
	pictures, began := 0, time.Now()
	for time.Since(began) < loaderTime {
		b, err := loader.Next(context.Background())
		if err != nil {
			return err
		}
		pictures += size
		loader.Release(b)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{"pictures_per_second": float64(pictures) / time.Since(began).Seconds()})
}
