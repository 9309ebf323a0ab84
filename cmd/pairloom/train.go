package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/pairloom/pairloom/trainer"
)

// trainStage trains on the shards, or goes on where an earlier run stopped.
func trainStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*outcome, error) {
	if _, err := w.manifest("shards"); err != nil {
		return nil, err
	}
	o := w.cfg.Train
	o.Replace = w.replace
	if o.Init != "" {
		o.Init = w.resolve(o.Init)
	}
	if o.TextInit != "" {
		o.TextInit = w.resolve(o.TextInit)
	}
	if o.Labels != "" {
		o.Labels = w.resolve(o.Labels)
	}
	o.Data = slices.Clone(o.Data)
	for i, folder := range o.Data {
		o.Data[i] = w.resolve(folder)
	}
	result, err := trainer.Run(ctx, w.dir, o, func(s trainer.Step) {
		if w.progress != nil {
			w.progress.say(trainLine(&s))
			if s.Notice != "" {
				w.progress.warn(s.Notice)
			}
		}
		progress(s.Step, s.Total)
	})
	switch {
	case errors.Is(context.Cause(ctx), errTerminated) && errors.Is(err, context.Canceled) && result.Tally != nil:
		// A batch queue that takes the machine back has got what it asked for.
		return &outcome{tally: result.Tally, result: result, notes: trainNotes(&result),
			unfinished: fmt.Sprintf("terminated at step %d of %d; the next run goes on", result.Steps, result.TotalSteps)}, nil
	case errors.Is(err, trainer.ErrForeign):
		return nil, &exitError{exitConfiguration, fmt.Errorf("%w; train anew with --replace, which removes them, or move %s away", err, w.path("checkpoints"))}
	case errors.Is(err, trainer.ErrTooFew):
		return nil, &exitError{exitPartial, err}
	case err != nil:
		return nil, err
	}
	out := &outcome{tally: result.Tally, result: result, notes: trainNotes(&result)}
	if !result.Complete {
		out.unfinished = fmt.Sprintf("stopped after max_duration at step %d of %d; the next run goes on", result.Steps, result.TotalSteps)
		return out, nil
	}
	return out, w.finishStage(stageNamed(stageTrain), result.Tally)
}

// trainLine is the step in a few words, what matters most first: a narrow
// terminal cuts the rest.
func trainLine(s *trainer.Step) string {
	line := fmt.Sprintf("loss %.3f, %.0f pairs/s", s.Loss, s.PairsPerSecond)
	if s.Validation > 0 {
		line += fmt.Sprintf(", held-out loss %.3f", s.Validation)
	}
	return line + fmt.Sprintf(", epoch %d, temperature %.3f, %.0f%% of peak FLOP/s, waits for data %.0f%%",
		s.Epoch, s.Temperature, 100*s.PeakShare, 100*s.DataWait)
}

func trainNotes(r *trainer.Result) []string {
	guessing := fmt.Sprintf("%.3f", r.LossChance)
	if r.LossChance == math.Log(float64(r.Batch)) {
		guessing = fmt.Sprintf("ln %d = %.3f", r.Batch, r.LossChance)
	}
	notes := []string{fmt.Sprintf("loss %.3f at first, %.3f at last (guessing: %s); %s, %d steps of %d pairs, %.0f pairs/s",
		r.LossFirst, r.LossLast, guessing, r.Model, r.Steps, r.Batch, r.PairsPerSecond)}
	if r.Skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d steps were skipped, since loss or gradient was not finite", r.Skipped))
	}
	if r.BestStep > 0 {
		notes = append(notes, fmt.Sprintf("held-out loss %.3f at last; %.3f at step %d, which checkpoints/best keeps", r.Validation, r.BestValidation, r.BestStep))
	}
	if r.FailedCheckpoints > 0 {
		notes = append(notes, fmt.Sprintf("%d checkpoints could not be written on the way; make room on the disk of the folder", r.FailedCheckpoints))
	}
	if r.Hint != "" {
		notes = append(notes, r.Hint)
	}
	return notes
}
