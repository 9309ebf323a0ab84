package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// ErrNotDrawn is wrapped when the initial weights of a run are asked for that did
// not draw them all.
var ErrNotDrawn = errors.New("the run began with weights of a file, not with drawn ones")

// beginning is what the settings of a run say of its weights before the first
// step, in the trainer's words.
type beginning struct {
	Seed     *int64 `json:"seed"`
	Loss     string `json:"loss"`
	Init     string `json:"init"`
	TextInit string `json:"text_init"`
}

func beginningOf(c *checkpoint.Checkpoint) (b beginning, err error) {
	if err := json.Unmarshal([]byte(c.State.Settings), &b); err != nil || b.Seed == nil {
		return b, &checkpoint.Damaged{Path: filepath.Join(c.Path, "state.json"), Cause: "its settings name no seed to draw the initial weights from"}
	}
	for key, file := range map[string]string{"train.init": b.Init, "train.text_init": b.TextInit} {
		if file != "" {
			return b, fmt.Errorf("eval.weights: initial: load %s: %w, as %s says; judge a run without that key", c.Path, ErrNotDrawn, key)
		}
	}
	return b, nil
}

// drawn opens the checkpoint's model with the weights that its run had before the
// first step. Its hash does not depend on how far the run has come.
func drawn(c *checkpoint.Checkpoint, on backend.Options) (*Embedder, error) {
	b, err := beginningOf(c)
	if err != nil {
		return nil, err
	}
	e, err := openCheckpoint(c, on, func(e *Embedder) error {
		if err := e.model.Draw(e.device, *b.Seed, b.Loss == "siglip"); err != nil {
			return err
		}
		return e.readScale()
	})
	if err != nil {
		return nil, err
	}
	before := checkpoint.State{Model: c.State.Model, Files: map[string]checkpoint.File{}}
	if file, there := c.State.Files[checkpoint.VocabularyName]; there {
		before.Files[checkpoint.VocabularyName] = file
	}
	e.Hash = fmt.Sprintf("%016x", xxhash.Sum64String(fmt.Sprintf("%s %s %d", modelHash(before), weightsInitial, *b.Seed)))
	c.State.Step = 0
	return e, nil
}
