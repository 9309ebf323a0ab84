package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/layout"
	"github.com/spf13/cobra"
)

// newExportModel is the part of export for the trained model.
func newExportModel(g *global) *cobra.Command {
	to, format := "", layout.FormatHuggingFace
	c := &cobra.Command{
		Use: "model --to DIR", Short: "Write the trained model as transformers or open_clip read it",
		Long: `Write the trained model, its tokenizer and how pictures are prepared for it into a
new folder, as Hugging Face's CLIPModel (hf) or open_clip read it. The weights are
those that eval.weights names. open_clip reads each folder in checkpoints as it is,
too: create_model_and_transforms('local-dir:cats/checkpoints/step-00001200').

transformers has no modified ResNet: for those there is open_clip alone.`,
		Example: `  pairloom export model -C cats --to cats-clip
  pairloom export model -C cats --to cats-clip --format open_clip`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if to == "" {
				return &exitError{exitConfiguration, errors.New("--to is missing: name a new folder")}
			}
			w, err := openWorkspace(g.dir, g.logger())
			if err != nil {
				return err
			}
			if err := pipeline.Apart(w.dir, to); err != nil {
				return err
			}
			return g.exportModel(w, format, to)
		},
	}
	c.Flags().StringVar(&to, "to", "", "new `FOLDER` to write")
	choiceVar(c, &format, "format", "for which program", layout.FormatHuggingFace, layout.FormatOpenCLIP)
	return c
}

func (g *global) exportModel(w *workspace, format, to string) error {
	find, weights := checkpoint.Latest, w.cfg.Eval.Weights
	switch weights {
	case "best":
		find = checkpoint.Best
	case "initial":
		return &exitError{exitConfiguration, errors.New("eval.weights: initial: random weights are not exported; set last, average or best")}
	}
	if path := w.cfg.Eval.GivenWeights(); path != "" {
		return &exitError{exitConfiguration, fmt.Errorf("eval.weights: %s: only what was trained here is exported; set last, average or best", path)}
	}
	c, err := find(w.path(shard.CheckpointsFolder))
	if err != nil {
		if errors.Is(err, checkpoint.ErrNone) {
			return &exitError{exitConfiguration, err}
		}
		return err
	}
	files, err := layout.Export(c, weights == "average", format, to)
	if err != nil {
		for _, fault := range []error{layout.ErrNoModel, layout.ErrOccupied, layout.ErrNoAverage} {
			if errors.Is(err, fault) {
				return &exitError{exitConfiguration, err}
			}
		}
		return err
	}
	if g.json {
		return g.printJSON(struct {
			Folder     string   `json:"folder"`
			Format     string   `json:"format"`
			Checkpoint string   `json:"checkpoint"`
			Step       int64    `json:"step"`
			Model      string   `json:"model"`
			Weights    string   `json:"weights"`
			Files      []string `json:"files"`
		}{to, format, c.Path, c.State.Step, c.State.Model.Name, weights, files})
	}
	fmt.Fprintf(g.stdout, "export: %s of step %d, weights %s, for %s\n", c.State.Model.Name, c.State.Step, weights, format)
	if !g.quiet {
		for _, name := range files {
			fmt.Fprintln(g.stdout, filepath.Join(to, name))
		}
	}
	return nil
}
