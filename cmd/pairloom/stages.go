package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/shard"
)

// The names of the stages, which are also their commands.
const (
	stageCrawl  = "crawl"
	stageMatch  = "match"
	stageFetch  = "fetch"
	stageCurate = "curate"
	stageShard  = "shard"
	stageReport = "report"
	stageTrain  = "train"
	stageEval   = "eval"
)

// A stage turns its input folders into its own folder, whose MANIFEST.json says
// by which settings and from which input it was made.
type stage struct {
	name     string
	doing    string // for the progress bar
	folder   string
	inputs   []string // folders
	extras   []string // folders that it uses where they are finished
	settings func(*workspace) (string, error)
	// due tells work that neither settings nor inputs show, such as pages to
	// visit again; nil when there is no such work.
	due func(*workspace) (string, error)
	run func(context.Context, *workspace, func(done, total int64)) (*outcome, error)
}

// outcome is what a stage reports at its end.
type outcome struct {
	tally  *shard.Tally
	notes  []string // lines for people
	result any      // figures for programs; nil when the tally says it all
	// unfinished says why the stage stopped before its end, at its budget; the
	// stages behind it have to wait.
	unfinished string
}

// tallyOnly adapts a stage whose tally says it all.
func tallyOnly(f func(context.Context, *workspace, func(done, total int64)) (*shard.Tally, error)) func(context.Context, *workspace, func(done, total int64)) (*outcome, error) {
	return func(ctx context.Context, w *workspace, progress func(done, total int64)) (*outcome, error) {
		tally, err := f(ctx, w, progress)
		if err != nil {
			return nil, err
		}
		return &outcome{tally: tally}, nil
	}
}

// road is what run does: every stage, and the report once more, for the training
// and the evaluation that came after it.
func road() []stage { return append(stages(), stageNamed(stageReport)) }

// stages lists the road in order. It is a function and not a variable, since
// the stages' functions look stages up by name.
func stages() []stage {
	return []stage{
		{stageCrawl, "reading pages", "candidates", nil, nil,
			func(w *workspace) (string, error) { return config.Hash(w.cfg.Crawl, w.cfg.Gate), nil },
			crawlDue, tallyOnly(crawlStage)},
		{stageMatch, "matching texts", "matched", []string{"candidates"}, nil,
			withList(func(w *workspace) []any {
				return []any{w.cfg.Match, w.cfg.Filter.Text, w.cfg.Balance, w.cfg.Seed}
			}),
			nil, tallyOnly(matchStage)},
		{stageFetch, "fetching pictures", "images", []string{"matched"}, nil,
			func(w *workspace) (string, error) { return pictureSettings(w), nil },
			nil, tallyOnly(fetchStage)},
		{stageCurate, "choosing pairs", "selection", []string{"matched", "images"}, nil,
			withList(func(w *workspace) []any {
				return []any{w.cfg.Filter.Picture, fmt.Sprint(w.cfg.Filter.Text.Sources), w.cfg.Dedup, w.cfg.Balance, w.cfg.Seed}
			}),
			nil, tallyOnly(curateStage)},
		{stageShard, "writing shards", "shards", []string{"matched", "images", "selection"}, nil,
			func(w *workspace) (string, error) { return config.Hash(w.cfg.Shard, w.cfg.Seed), nil },
			nil, tallyOnly(shardStage)},
		{stageReport, "making the report", "report", []string{"candidates", "matched", "images", "selection", "shards"}, []string{"checkpoints", "evaluation"},
			withList(func(*workspace) []any { return nil }),
			nil, reportStage},
		{stageTrain, "training", "checkpoints", []string{"shards"}, nil,
			func(w *workspace) (string, error) { return config.Hash(w.cfg.Train), nil },
			nil, trainStage},
		{stageEval, "evaluating", "evaluation", []string{"shards", "checkpoints"}, nil,
			withList(func(w *workspace) []any { return []any{w.cfg.Eval} }),
			nil, evalStage},
	}
}

// withList is the settings of a stage that uses the query list.
func withList(parts func(*workspace) []any) func(*workspace) (string, error) {
	return func(w *workspace) (string, error) {
		list, err := w.queryList()
		if err != nil {
			return "", &exitError{exitConfiguration, err}
		}
		return config.Hash(append(parts(w), list.Hash)...), nil
	}
}

func stageNamed(name string) stage {
	for _, s := range stages() {
		if s.name == name {
			return s
		}
	}
	panic("no stage " + name) // names are constants of this file
}

// inputHash is the hash of the manifests of the stage's inputs, and of its extras
// that are finished.
func (w *workspace) inputHash(s stage) (string, error) {
	var parts []any
	for _, folder := range s.inputs {
		m, err := w.manifest(folder)
		if err != nil {
			return "", err
		}
		parts = append(parts, m.Hash())
	}
	for _, folder := range s.extras {
		m, err := shard.ReadManifest(w.path(folder))
		if errors.Is(err, shard.ErrUnfinished) {
			continue
		}
		if err != nil {
			return "", err
		}
		parts = append(parts, m.Hash())
	}
	return config.Hash(parts...), nil
}

// stale says why the stage must run; "" when it need not.
func (w *workspace) stale(s stage) (string, error) {
	m, err := shard.ReadManifest(w.path(s.folder))
	if err != nil {
		return "it is " + reasonUnfinished(err), nil
	}
	settings, err := s.settings(w)
	if err != nil {
		return "", err
	}
	if m.Settings != settings {
		return "its settings changed", nil
	}
	input, err := w.inputHash(s)
	if err != nil {
		return "an input is not finished", nil
	}
	if m.Input != input {
		return "its input changed", nil
	}
	if s.due != nil {
		return s.due(w)
	}
	return "", nil
}
