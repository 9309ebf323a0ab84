package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/compare"
	"github.com/spf13/cobra"
)

func newCompare(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "compare CONFIG", Short: "Train objectives at equal compute and compare what they learn",
		Long: `Train objectives on the same shards with the same budget, and judge each on the
same labelled pictures on the way: contrastive (CLIP's), bag_of_words and caption,
which predict the text, convirt, and supervised. CONFIG is YAML; its paths are
relative to its folder. A comparison that was stopped goes on where it was.

  dataset: cats                  # folder of a dataset
  out: cats-compared
  objectives: [contrastive, bag_of_words, caption, convirt]
  seeds: 3
  pairs: 2000000                 # budget of a run; or flops: 1e15
  points: 6                      # at the end, at half of it, and so on
  sets: ["folder:test"]          # a subfolder a class
  templates: ["A photo of a {label}."]
  train:                         # as in pairloom.yaml
    model: rn-micro
    batch: 128

It writes compare.json, compare.md and compare.svg to the folder out.`,
		Example: `  pairloom compare figure2.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("compare takes one configuration, found %q", args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o, err := loadComparison(args[0])
			if err != nil {
				return &exitError{exitConfiguration, err}
			}
			return g.compare(c.Context(), o)
		},
	}
}

// loadComparison reads the configuration and makes its paths those of its
// folder.
func loadComparison(path string) (compare.Options, error) {
	var o compare.Options
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, fmt.Errorf("there is no configuration %s; pairloom compare --help shows one", path)
	}
	if err != nil {
		return o, fmt.Errorf("read configuration: %w", err)
	}
	if err := config.Decode(path, data, &o, func() error { return o.Validate() }); err != nil {
		return o, err
	}
	resolve := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(path), name)
	}
	o.Dataset, o.Out, o.Labels = resolve(o.Dataset), resolve(o.Out), resolve(o.Labels)
	o.Train.Init, o.Train.TextInit = resolve(o.Train.Init), resolve(o.Train.TextInit)
	for i, entry := range o.Train.Data {
		o.Train.Data[i] = resolve(entry)
	}
	for i, spec := range o.Sets {
		kind, rest, _ := strings.Cut(spec, ":")
		paths := strings.Split(rest, ",")
		for k := range paths {
			paths[k] = resolve(paths[k])
		}
		o.Sets[i] = kind + ":" + strings.Join(paths, ",")
	}
	return o, nil
}

func (g *global) compare(ctx context.Context, o compare.Options) error {
	pictures, err := newPictureConverter(runtime.NumCPU())
	if err != nil {
		return err
	}
	defer pictures.Close()
	o.Convert = pictures.Upright
	bar := newProgress(g, "comparing")
	defer func() { bar.end() }()
	current := ""
	result, err := compare.Run(ctx, o, func(p compare.Progress) {
		if p.Run != current {
			bar.end()
			current, bar = p.Run, newProgress(g, fmt.Sprintf("%s (%d of %d)", p.Run, p.Number, p.Of))
		}
		if p.Point != nil {
			if !g.quiet {
				bar.warn(pointLine(p.Point))
			}
			return
		}
		bar.say(fmt.Sprintf("loss %.3f, %.0f pairs/s", p.Loss, p.Rate))
		bar.set(p.Step, p.Total)
	})
	bar.end()
	switch {
	case errors.Is(err, compare.ErrOther), errors.Is(err, trainer.ErrForeign):
		return &exitError{exitConfiguration, err}
	case err != nil:
		return err
	}
	if g.json {
		return g.printJSON(result)
	}
	table, err := os.ReadFile(filepath.Join(o.Out, "compare.md"))
	if err != nil {
		return fmt.Errorf("read comparison: %w", err)
	}
	_, err = fmt.Fprintf(g.stdout, "%s\n%s has the table, compare.svg beside it the plots.\n", table, filepath.Join(o.Out, "compare.md"))
	return err
}

// pointLine is what a run has reached, in a line.
func pointLine(p *compare.Point) string {
	line := fmt.Sprintf("%s pairs seen, %.3g operations", pipeline.Grouped(p.Pairs), p.Flops)
	for _, s := range p.Scores {
		line += fmt.Sprintf("; %s: top-1 %.1f%%, top-5 %.1f%% of %d pictures", s.Set, 100*s.Top1, 100*s.Top5, s.Pictures)
		if s.Bad > 0 {
			line += fmt.Sprintf(" (%d left out, which do not decode)", s.Bad)
		}
	}
	return line
}
