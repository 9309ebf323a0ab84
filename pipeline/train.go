package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/backend"
	pairs "github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// Train trains on the shards, or goes on where an earlier run stopped.
type Train struct {
	Dir     string
	Options trainer.Options
	Step    func(trainer.Step) // told of each step; may be nil

	// For sources of pairs that are no datasets: who is held out, and how they are read.
	Seed         int64
	HeldoutShare float64
	Workers      int
	Log          *slog.Logger // may be nil
}

// NewTrain is the stage of a road. What is to be the same whoever trains, or only asks what
// a training would take, comes from the configuration here.
func NewTrain(w Work) Train {
	o := &w.Options
	return Train{w.Dir, o.Train, w.Step, o.Seed, o.Shard.HeldoutShare, o.workers(), w.Log}
}

// inputs are the folders that must be finished: none where there is nothing but other
// data to train on.
func (t Train) inputs() []string {
	for _, begun := range []string{shard.CandidatesFolder, shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder} {
		if exists(filepath.Join(t.Dir, begun)) {
			return []string{shard.ShardsFolder}
		}
	}
	if !t.Options.OwnPairs(t.Dir) {
		return nil
	}
	return []string{shard.ShardsFolder}
}

// Stage describes the stage.
func (t Train) Stage() Stage {
	return Stage{
		Name: TrainName, Doing: "training", Dir: t.Dir, Folder: shard.CheckpointsFolder, Inputs: t.inputs(),
		// What comes after a finished training is due when its settings change.
		Settings: func() (string, error) {
			return settings.Hash(t.Options, t.Options.Extend, t.Options.ExtendShare, t.Options.ExtendRate), nil
		},
		Due: t.due, Run: t.Run, Stopped: t.stopped,
	}
}

// stopped tells at which step a training stopped.
func (t Train) stopped() (string, error) {
	c, err := checkpoint.Latest(filepath.Join(t.Dir, shard.CheckpointsFolder))
	if err != nil || c.State.Step >= c.State.Total {
		return "", err
	}
	return fmt.Sprintf("stopped at step %s of %s; run again to go on", Grouped(c.State.Step), Grouped(c.State.Total)), nil
}

// due tells whether the checkpoint that ended the training is gone. One that is
// damaged is there: who reads it says so.
func (t Train) due() (string, error) {
	c, err := checkpoint.Latest(filepath.Join(t.Dir, shard.CheckpointsFolder))
	if errors.Is(err, checkpoint.ErrNone) || err == nil && c.State.Step < c.State.Total {
		return "its last checkpoint is gone", nil
	}
	return "", nil
}

// resolved are the options with the names of files and folders as they are from here.
func (t Train) resolved() trainer.Options {
	o := t.Options
	for _, path := range []*string{&o.Init, &o.TextInit, &o.Labels} {
		if *path != "" {
			*path = resolve(t.Dir, *path)
		}
	}
	o.Data = slices.Clone(o.Data)
	for i, folder := range o.Data {
		o.Data[i] = resolve(t.Dir, folder)
	}
	return o
}

// DryRun says what a training from the start would take. It writes nothing but the
// indexes of sources that have none yet, as the training would have them, and takes the
// folder's lock only for that.
func (t Train) DryRun(ctx context.Context) (e trainer.Estimate, err error) {
	if err := t.check(); err != nil {
		return e, err
	}
	var lock *Lock
	defer func() {
		if lock != nil {
			outcome, exit := "", 0
			if err != nil {
				outcome, exit = err.Error(), 1
			}
			lock.End(outcome, exit)
			lock.Release()
		}
	}()
	o := t.resolved()
	o.Indexes, _, err = t.indexSources(ctx, o.Data, func() (err error) {
		if lock == nil {
			lock, err = Acquire(t.Dir, "train --dry-run")
		}
		return err
	})
	if err != nil {
		return e, err
	}
	return trainer.DryRun(t.Dir, o)
}

// check finds what no look at the data is needed for.
func (t Train) check() error {
	if err := t.Options.Validate(); err != nil {
		return configurationError("train: %w", err)
	}
	if err := backend.Ready(t.Options.Device); err != nil {
		return configurationError("train.device: %w", err)
	}
	return nil
}

// Run is the stage. Its outcome's result is *[trainer.Result].
func (t Train) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	s := t.Stage()
	if _, err := s.inputs(); errors.Is(err, shard.ErrUnfinished) && len(t.Options.Data) == 0 {
		return nil, configurationError("%w; or name in train.data what you have: tars, Parquet files, folders of pictures with captions", err)
	} else if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	o := t.resolved()
	var sources []trainer.Source
	var err error
	if o.Indexes, sources, err = t.indexSources(ctx, o.Data, func() error { return nil }); err != nil {
		return nil, err
	}
	if why, err := t.due(); err != nil {
		return nil, err
	} else if why != "" {
		// A manifest would say that the training is done, until it is.
		if err := os.Remove(filepath.Join(s.path(), shard.ManifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	result, err := trainer.Run(ctx, t.Dir, o, func(step trainer.Step) {
		if t.Step != nil {
			t.Step(step)
		}
		progress(step.Step, step.Total)
	})
	result.Sources = sources
	out := &Outcome{Tally: result.Tally, Result: &result}
	at := fmt.Sprintf("at step %s of %s; run again to go on", Grouped(result.Steps), Grouped(result.TotalSteps))
	switch cause := context.Cause(ctx); {
	case errors.Is(err, context.Canceled) && result.Tally != nil:
		if errors.Is(cause, ErrInterrupted) {
			return out, &StoppedError{cause, keptOf(result.Steps, result.TotalSteps, "steps")}
		}
		// A batch queue that takes the machine back has got what it asked for.
		out.Unfinished = fmt.Sprintf("%v %s", cause, at)
		return out, nil
	case errors.Is(err, trainer.ErrForeign):
		return nil, configurationError("%w; train anew with --replace, which removes them once the first new checkpoint is there, or move %s away", err, s.path())
	case errors.Is(err, trainer.ErrMemory):
		return nil, configurationError("%w", err)
	case errors.Is(err, trainer.ErrTooFew):
		return nil, fmt.Errorf("%w: %w", ErrNothingKept, err)
	case errors.Is(err, pairs.ErrNoPicture) && len(o.Indexes) > 0:
		return nil, fmt.Errorf("%w: %w; look at the files that train.data names", ErrNothingKept, err)
	case errors.Is(err, pairs.ErrNoPicture):
		return nil, fmt.Errorf("%w: %w; run pairloom shard again", ErrNothingKept, err)
	case err != nil:
		return nil, err
	}
	if !result.Complete {
		out.Unfinished = "stopped after max_duration " + at
		return out, nil
	}
	return out, s.finish(result.Tally)
}
