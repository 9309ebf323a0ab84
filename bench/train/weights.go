package main

import (
	"fmt"
	"os"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
)

// publicVocabulary is the number of tokens of the public models.
const publicVocabulary = 49408

// loadModel makes a model in evaluation and loads its weights.
func loadModel(d *cpu.Device, preset, weightsPath string) (*clip.Model, error) {
	config, err := clip.Preset(preset)
	if err != nil {
		return nil, err
	}
	weights, err := tensors(weightsPath)
	if err != nil {
		return nil, err
	}
	m := clip.New(config, publicVocabulary)
	if err := m.Parameters.Allocate(d, false); err != nil {
		return nil, err
	}
	return m, m.Parameters.Load(d, m.Parameters.Data, weights, "")
}

// embed writes images[batch,dim] and texts[batch,dim] to a safetensors file.
func embed(d *cpu.Device, preset, weightsPath, inputsPath, out string) error {
	m, err := loadModel(d, preset, weightsPath)
	if err != nil {
		return err
	}
	inputs, err := tensors(inputsPath)
	if err != nil {
		return err
	}
	pool := device.NewPool(d)
	tape := autograd.Evaluate(d, pool)
	captions := captionsOf(inputs["tokens"])
	values := map[string]*autograd.Value{"images": m.Images(tape, m.Planes(tape, inputs["pictures"].Data)), "texts": m.Texts(tape, captions)}
	var list []checkpoint.Tensor
	for name, v := range values {
		t := checkpoint.Tensor{Name: name, Shape: []int{v.Rows, v.Cols}, Data: make([]float32, v.Rows*v.Cols)}
		if err := d.Read(t.Data, v.Data); err != nil {
			return err
		}
		list = append(list, t)
	}
	tape.Reset()
	pool.Close()
	m.Parameters.Free()
	if err := d.Close(); err != nil {
		return err
	}
	return write(out, list)
}

// draw writes the first weights of a model, by its own draw.
func draw(d *cpu.Device, preset, out string) error {
	config, err := clip.Preset(preset)
	if err != nil {
		return err
	}
	m := clip.New(config, publicVocabulary)
	if err := m.Parameters.Allocate(d, false); err != nil {
		return err
	}
	if err := m.Parameters.Draw(d, 1); err != nil {
		return err
	}
	list, err := m.Parameters.Read(d, m.Parameters.Data, "")
	if err != nil {
		return err
	}
	m.Parameters.Free()
	if err := d.Close(); err != nil {
		return err
	}
	return write(out, list)
}

func write(path string, list []checkpoint.Tensor) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := checkpoint.Encode(f, list, map[string]string{"format": "pt"}); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}
