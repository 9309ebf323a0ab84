package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// reportStage writes the figures and the page.
func reportStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*outcome, error) {
	s := stageNamed(stageReport)
	shards, err := w.manifest("shards")
	if err != nil {
		return nil, err
	}
	list, err := w.queryList()
	if err != nil {
		return nil, err
	}
	var tallies []shard.Tally
	for _, folder := range s.inputs {
		m, err := w.manifest(folder)
		if err != nil {
			return nil, err
		}
		tallies = append(tallies, *m.Tally)
	}
	tally := shard.NewTally(stageReport, "pairs", "pairs")
	total := shards.Rows()
	pairs := iter.Seq2[shard.Pair, error](func(yield func(shard.Pair, error) bool) {
		for p, err := range shard.Rows[shard.Pair](w.path("shards"), shards.Parts) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(shard.Pair{}, err)
				return
			}
			tally.Keep()
			progress(tally.In, total)
			if !yield(*p, nil) {
				return
			}
		}
	})
	figures, err := stats.Collect(pairs, tallies, list.Name, stats.Options{})
	if err != nil {
		return nil, err
	}
	counts, err := stats.ReadQueryCounts(w.path("selection"))
	if err != nil {
		return nil, err
	}
	figures.Balance = stats.BalanceOf(counts, len(list.Entries), w.cfg.Balance.Mode, int64(w.cfg.Balance.MaxPairsPerQuery))
	notes := []string{fmt.Sprintf("%s and stats.json beside it", w.path("report/index.html"))}
	for _, add := range []func(*stats.Stats, *shard.Manifest) (string, error){w.addTraining, w.addEvaluation} {
		note, err := add(figures, shards)
		if err != nil {
			return nil, err
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	if err := stats.Write(w.dir, figures); err != nil {
		return nil, err
	}
	tally.Out = tally.Kept
	return &outcome{tally: tally, notes: notes}, w.finishStage(s, tally)
}

// addTraining adds the last checkpoint's training to the figures, finished or
// not. That of other shards is left out, which the note says.
func (w *workspace) addTraining(figures *stats.Stats, shards *shard.Manifest) (note string, err error) {
	const folder = "checkpoints"
	c, err := checkpoint.Latest(w.path(folder))
	if errors.Is(err, checkpoint.ErrNone) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	state := c.State
	var settings struct {
		Batch      int64  `json:"batch"`
		Accumulate int64  `json:"accumulate"`
		Data       string `json:"data"` // other datasets beside this one
	}
	if err := json.Unmarshal([]byte(state.Settings), &settings); err != nil {
		return "", fmt.Errorf("read the settings in %s: %w; run pairloom train --replace to train anew", filepath.Join(c.Path, "state.json"), err)
	}
	ours := state.Data == shards.Hash()
	if settings.Data != "" {
		// The hash is that of all datasets; what the training was finished with
		// tells this one's.
		m, err := shard.ReadManifest(w.path(folder))
		input, inputErr := w.inputHash(stageNamed(stageTrain))
		ours = err != nil || inputErr == nil && m.Input == input
	}
	if !ours {
		return "the training there is of other shards and left out; pairloom train --replace trains on these", nil
	}
	t := &stats.Training{
		Model: state.Model.Name, Steps: state.Step, TotalSteps: state.Total, PairsPerStep: settings.Batch * max(settings.Accumulate, 1),
		LossFirst: mean(state.LossFirst), LossLast: mean(state.LossLast), Checkpoint: path.Join(folder, filepath.Base(c.Path)),
	}
	if best := state.Best; best.Step > 0 {
		t.HeldOut = &stats.HeldOut{Last: state.Validation.Loss, Best: best.Loss, BestStep: best.Step, Checkpoint: path.Join(folder, "best")}
	}
	figures.Training = t
	return "", t.ReadCurves(filepath.Join(w.path(folder), "metrics.jsonl"), state.MetricsBytes)
}

// mean is 0 for no values.
func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(len(values), 1))
}

// addEvaluation adds the last evaluation to the figures. One of other shards or
// checkpoints is left out, which the note says.
func (w *workspace) addEvaluation(figures *stats.Stats, _ *shard.Manifest) (note string, err error) {
	const folder = "evaluation"
	m, err := shard.ReadManifest(w.path(folder))
	if errors.Is(err, shard.ErrUnfinished) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if input, err := w.inputHash(stageNamed(stageEval)); err != nil || m.Input != input {
		return "the evaluation there is of other shards or checkpoints and left out; run pairloom eval", nil
	}
	name := filepath.Join(w.path(folder), "eval.json")
	var r evaluate.Result
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return "", fmt.Errorf("read evaluation %s: %w; run pairloom eval, which writes it", name, err)
	}
	e := &stats.Evaluation{
		Model: r.Model, Checkpoint: path.Join("checkpoints", r.Checkpoint), Step: r.Step, Pairs: r.Pairs,
		Retrieval: []stats.Retrieval{retrievalOf("picture to text", r.ImageToText), retrievalOf("text to picture", r.TextToImage)},
		ZeroShot:  []stats.ZeroShot{},
	}
	if r.ZeroShot != nil {
		e.ZeroShot = append(e.ZeroShot, zeroShotOf("held-out pairs, by their queries", r.ZeroShot))
	}
	for _, s := range r.Sets {
		if s.ZeroShot != nil {
			e.ZeroShot = append(e.ZeroShot, zeroShotOf(s.Set, s.ZeroShot))
		}
	}
	figures.Evaluation = e
	return "", nil
}

func accuracyOf(a evaluate.Accuracy) stats.Accuracy {
	return stats.Accuracy{Rate: a.Rate, Interval: a.Interval, Chance: a.Chance}
}

func retrievalOf(name string, r evaluate.Retrieval) stats.Retrieval {
	x := stats.Retrieval{Name: name, MedianRank: r.MedianRank, Recall: []stats.Recall{}}
	for _, k := range r.Recall {
		x.Recall = append(x.Recall, stats.Recall{K: k.K, Accuracy: accuracyOf(k.Accuracy)})
	}
	return x
}

func zeroShotOf(set string, z *evaluate.ZeroShot) stats.ZeroShot {
	return stats.ZeroShot{Set: set, Classes: z.Classes, Pictures: z.Pictures, Top1: accuracyOf(z.Top1), Top5: accuracyOf(z.Top5)}
}

// finishStage writes the manifest of a stage whose folder holds no parts.
func (w *workspace) finishStage(s stage, tally *shard.Tally) error {
	input, err := w.inputHash(s)
	if err != nil {
		return err
	}
	settings, err := s.settings(w)
	if err != nil {
		return err
	}
	return shard.WriteManifest(w.path(s.folder), &shard.Manifest{Stage: s.name, Settings: settings, Input: input, Tally: tally})
}
