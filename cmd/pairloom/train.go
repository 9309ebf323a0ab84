package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/pairloom/pairloom/trainer"
)

// trainStage trains on the shards, or goes on where an earlier run stopped.
func trainStage(ctx context.Context, w *workspace, progress func(done, total int64)) (*outcome, error) {
	if _, err := w.manifest("shards"); err != nil {
		return nil, err
	}
	o := w.cfg.Train
	o.Replace = w.replace
	result, err := trainer.Run(ctx, w.dir, o, func(s trainer.Step) {
		if w.progress != nil {
			w.progress.say(fmt.Sprintf("loss %.3f, %.0f pairs/s, epoch %d, temperature %.3f, waits for data %.0f%%",
				s.Loss, s.PairsPerSecond, s.Epoch, s.Temperature, 100*s.DataWait))
		}
		progress(s.Step, s.Total)
	})
	switch {
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

func trainNotes(r *trainer.Result) []string {
	notes := []string{fmt.Sprintf("loss %.3f at first, %.3f at last (guessing: ln %d = %.3f); %s, %d steps of %d pairs, %.0f pairs/s",
		r.LossFirst, r.LossLast, r.Batch, math.Log(float64(r.Batch)), r.Model, r.Steps, r.Batch, r.PairsPerSecond)}
	if r.Skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d steps were skipped, since loss or gradient was not finite", r.Skipped))
	}
	if r.Hint != "" {
		notes = append(notes, r.Hint)
	}
	return notes
}
