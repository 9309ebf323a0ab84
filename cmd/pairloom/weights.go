package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/spf13/cobra"
)

// weightsFlags say which weights a command uses in the place of eval.weights.
type weightsFlags struct{ weights, model string }

func (f *weightsFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.weights, "weights", "", "use the weights at `PATH`, a safetensors file or its folder, instead of those that eval.weights names")
	c.Flags().StringVar(&f.model, "model", "", "`NAME` of the model of these weights, where no configuration beside them says it, such as ViT-B-32-quickgelu")
}

// apply sets the options; a path is relative to where the program runs.
func (f weightsFlags) apply(cfg *config.Config) error {
	if f.model != "" {
		cfg.Eval.Model = f.model
	}
	if f.weights == "" {
		return nil
	}
	cfg.Eval.Weights = f.weights
	if cfg.Eval.GivenWeights() == "" { // a word such as best
		return nil
	}
	path, err := filepath.Abs(f.weights)
	if err != nil {
		return fmt.Errorf("--weights %s: %w", f.weights, err)
	}
	cfg.Eval.Weights = path
	return nil
}

// open opens the folder for a command that uses a model. With weights from elsewhere it
// needs no configuration: each key has its default then.
func (f weightsFlags) open(g *global) (*workspace, error) {
	open := openWorkspace
	if _, err := os.Stat(filepath.Join(g.dir, config.FileName)); f.weights != "" && errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(g.dir); err != nil {
			return nil, &exitError{exitConfiguration, fmt.Errorf("there is no folder %s", g.dir)}
		}
		open = bareWorkspace
	}
	w, err := open(g.dir, g.logger())
	if err != nil {
		return nil, err
	}
	return w, f.apply(w.cfg)
}

// withModel is withWorkspace for such a command.
func (g *global) withModel(ctx context.Context, command string, flags weightsFlags, f func(*workspace) error) error {
	w, err := flags.open(g)
	if err != nil {
		return err
	}
	return g.locked(ctx, command, w, f)
}

// openModel loads the weights that eval.weights names.
func (w *workspace) openModel() (*evaluate.Embedder, error) {
	o := w.cfg.Eval
	if path := o.GivenWeights(); path != "" && !filepath.IsAbs(path) {
		o.Weights = w.path(path)
	}
	model, _, err := evaluate.Load(w.path(shard.CheckpointsFolder), o)
	if errors.Is(err, checkpoint.ErrNone) {
		return nil, &exitError{exitConfiguration, fmt.Errorf("%w; or name other weights by --weights", err)}
	}
	return model, err
}
