package trainer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
)

// Folder of the checkpoints in a dataset's folder, and of the shards.
const (
	checkpointsFolder = shard.CheckpointsFolder
	shardsFolder      = shard.ShardsFolder
)

var (
	// ErrForeign is wrapped when the checkpoints belong to other settings or
	// other pairs. Options.Replace trains in their place instead.
	ErrForeign = errors.New("the checkpoints there were made otherwise")
	// ErrTooFew is wrapped when there is nothing to tell apart.
	ErrTooFew = errors.New("fewer than two training pairs")
	// ErrDiverged is wrapped when step after step is not finite.
	ErrDiverged = errors.New("the loss is not finite")
)

// Run trains on dir/shards and leaves its checkpoints in dir/checkpoints. When
// an earlier run with the same settings got part of the way, it goes on from
// there; when that run was complete, there is nothing to do. progress, which
// may be nil, is called after each step.
//
// Where the dataset grew, shrank or was written anew, a run that is not complete ends
// what it began on the pairs of then, as far as they are there; after that, and where
// the run is complete, Options.Extend says how training goes on, in a new segment. The
// Result says which it was.
//
// A run that replaces another writes into the folder next in that of the
// checkpoints until its first checkpoint is whole; only then the old run goes. No
// error and no kill before that costs anything of it.
//
// When ctx is cancelled, Run saves a checkpoint and returns ctx.Err.
func Run(ctx context.Context, dir string, o Options, progress func(Step)) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	if err := backend.Ready(o.Device); err != nil {
		return Result{}, fmt.Errorf("train.device: %w", err)
	}
	began := time.Now()
	left := o
	first, note := int64(-1), ""
	for {
		result, what, err := runSegment(ctx, dir, left, progress)
		if first < 0 {
			first = result.Resumed
		}
		result.Resumed = first
		if note != "" && result.Note != "" {
			note += "; "
		}
		note += result.Note
		result.Note = note
		if err != nil || what == done {
			return result, err
		}
		if o.MaxDuration > 0 {
			left.MaxDuration = max(o.MaxDuration-time.Since(began), 1)
		}
		if what == beside {
			if result, err = runBeside(ctx, dir, left, progress); err != nil || !result.Complete {
				return result, err
			}
			first, note = result.Resumed, note+"; another model was trained from the start and took its place (train.extend is anew)"
		}
		left.Replace = false // that is done
	}
}

// next is what comes after a segment.
type next int

const (
	done   next = iota
	again       // look whether there is another
	beside      // train another model, by Options.Extend
)

// runSegment trains to the end of the segment that the run is in, or of one that
// begins.
func runSegment(ctx context.Context, dir string, o Options, progress func(Step)) (Result, next, error) {
	r, err := newRun(dir, o)
	if err != nil {
		return Result{}, done, err
	}
	defer r.close()
	if r.anew {
		return r.result(), beside, nil
	}
	if err := r.restore(); err != nil {
		return Result{}, done, err
	}
	if err := r.openValidation(ctx); err != nil {
		return Result{}, done, err
	}
	if progress == nil {
		progress = func(Step) {}
	} else if r.pace.peak, err = peakOf(r.device, r.options.activations()); err != nil {
		return Result{}, done, err
	}
	if err := r.begin(); err != nil {
		return Result{}, done, err
	}
	if r.placed != "" { // before the first step, which may take its time
		progress(Step{Step: r.state.Step, Total: r.state.Total, Notice: r.placed})
	}
	loopErr := r.advise(r.loop(ctx, progress))
	if err := r.device.Sync(); err != nil && loopErr == nil {
		loopErr = err
	}
	result := r.result()
	if loopErr == nil {
		loopErr = result.Tally.Check()
	}
	if loopErr == nil {
		result.Hint, loopErr = r.reason(ctx)
	}
	if loopErr == nil && result.Complete && r.behind {
		return result, again, nil
	}
	return result, done, loopErr
}

// runBeside trains another model beside the one that is there, which it replaces when
// it is complete.
func runBeside(ctx context.Context, dir string, o Options, progress func(Step)) (Result, error) {
	home := o.home(dir)
	o.Folder, o.Extend, o.Replace = filepath.Join(home, checkpoint.AnewFolder), extendOff, false
	result, err := Run(ctx, dir, o, progress)
	if errors.Is(err, ErrForeign) { // one that was begun with settings of then
		o.Replace = true
		result, err = Run(ctx, dir, o, progress)
	}
	if err != nil || !result.Complete {
		result.Note = "another model is trained beside the one that is there, which stays until it is complete (train.extend is anew)"
		return result, err
	}
	if err := checkpoint.Promote(home); err != nil {
		return result, err
	}
	return result, checkpoint.Settle(home, leftovers...)
}

// home is the folder of the checkpoints.
func (o Options) home(dir string) string {
	if o.Folder != "" {
		return o.Folder
	}
	return filepath.Join(dir, checkpointsFolder)
}

// newRun plans the run: pairs, sizes, settings, vocabulary. Nothing is written, but for
// what a killed run had left to do.
func newRun(dir string, o Options) (*run, error) {
	r := &run{options: o, dir: dir, home: o.home(dir)}
	if err := r.open(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *run) open() error {
	var err error
	if r.choice, err = backend.Choose(r.options.Device); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if err := r.openGrounds(); err != nil {
		return err
	}
	o := r.options
	config, err := o.config()
	if err != nil {
		return err
	}
	r.state = checkpoint.State{
		Model: config, Init: r.relative(o.Init), Undecodable: []int{}, LossFirst: []float64{}, LossLast: []float64{},
	}
	if err := r.findCheckpoint(); err != nil {
		return err
	}
	if err := r.openSegment(); err != nil {
		return err
	}
	if o.Objective == clip.Supervised {
		if r.state.Model.Classes, err = r.findClasses(); err != nil {
			return err
		}
	}
	if err := r.readInit(); err != nil {
		return err
	}
	if err := r.findVocabulary(); err != nil {
		return err
	}
	if err := r.checkMemory(); err != nil {
		return err
	}
	r.model = clip.New(r.state.Model, r.vocabulary.Size())
	if o.CheckpointActivations {
		r.model.Recompute()
	}
	r.head = newHead(o, r.model)
	r.objective = r.newObjective()
	if r.device, err = r.openDevice(); err != nil {
		return err
	}
	return r.advise(r.allocate())
}

// config is the model's shape, but for the number of classes.
func (o Options) config() (config clip.Config, err error) {
	config, err = clip.Preset(o.Model)
	if o.Activation != "" && o.Activation != activationPreset {
		config = config.WithActivation(o.Activation != activationGELU)
	}
	if o.Objective != clip.Contrastive { // "" in a Config
		config.Objective = o.Objective
	}
	return config, err
}
