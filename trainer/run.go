package trainer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
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
// A run that replaces another writes into the folder next in that of the
// checkpoints until its first checkpoint is whole; only then the old run goes. No
// error and no kill before that costs anything of it.
//
// When ctx is cancelled, Run saves a checkpoint and returns ctx.Err.
func Run(ctx context.Context, dir string, o Options, progress func(Step)) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	source, err := openSource(dir, o)
	if err != nil {
		return Result{}, err
	}
	defer source.Close()
	r, err := newRun(dir, o, source)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	if err := r.restore(); err != nil {
		return Result{}, err
	}
	if err := r.openValidation(ctx); err != nil {
		return Result{}, err
	}
	if progress == nil {
		progress = func(Step) {}
	} else if r.pace.peak, err = peakOf(r.device); err != nil {
		return Result{}, err
	}
	if err := r.begin(); err != nil {
		return Result{}, err
	}
	loopErr := r.loop(ctx, progress)
	if err := r.device.Sync(); err != nil && loopErr == nil {
		loopErr = err
	}
	result := r.result()
	if loopErr == nil {
		loopErr = result.Tally.Check()
	}
	return result, loopErr
}

// newRun plans the run: sizes, settings, vocabulary. Nothing is written, but for
// what a killed run had left to do.
func newRun(dir string, o Options, source *batch.Source) (*run, error) {
	if rows := source.Draws(); rows < 2 {
		return nil, fmt.Errorf("train on %s: %w (there are %d); crawl more pages, loosen the filters, or hold less out (shard.heldout_share)", filepath.Join(dir, shardsFolder), ErrTooFew, rows)
	}
	r := &run{options: o, dir: dir, source: source, home: filepath.Join(dir, checkpointsFolder), batch: min(o.Batch, source.Draws())}
	if o.Folder != "" {
		r.home = o.Folder
	}
	config, err := r.config()
	if err != nil {
		return nil, err
	}
	r.batchesPerEpoch = batch.StepsPerEpoch(source.Draws(), r.batch)
	r.state = checkpoint.State{
		Model: config, Data: source.Hash(), Init: r.relative(o.Init),
		Total: max(1, int64(o.Epochs)*int64(r.batchesPerEpoch)/int64(o.accumulate())), Undecodable: []int{},
		LossFirst: []float64{}, LossLast: []float64{},
	}
	if o.Steps > 0 {
		r.state.Total = o.Steps
	}
	if err := r.findCheckpoint(); err != nil {
		return nil, err
	}
	if err := r.readInit(); err != nil {
		return nil, err
	}
	if err := r.findVocabulary(); err != nil {
		return nil, err
	}
	r.model = clip.New(config, r.vocabulary.Size())
	if o.CheckpointActivations {
		r.model.Recompute()
	}
	r.head = newHead(o, r.model)
	r.objective = r.newObjective()
	if r.device, err = openDevice(o); err != nil {
		return nil, err
	}
	if err := r.allocate(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// openSource opens all training pairs.
func openSource(dir string, o Options) (*batch.Source, error) {
	datasets, err := o.datasets(dir)
	if err != nil {
		return nil, err
	}
	return batch.OpenAll(datasets, batch.Training)
}

// config is the model's shape. It finds the classes of the file of labels, where
// there is one.
func (r *run) config() (config clip.Config, err error) {
	if config, err = clip.Preset(r.options.Model); err != nil {
		return config, err
	}
	switch r.options.Objective {
	case clip.Contrastive: // "" in a Config
	case clip.Supervised:
		config.Objective = clip.Supervised
		config.Classes, err = r.findClasses()
	default:
		config.Objective = r.options.Objective
	}
	return config, err
}

// openDevice starts the device in the precision asked for.
func openDevice(o Options) (device.Device, error) {
	if o.Precision != precisionBF16 {
		return cpu.Open(o.threads()), nil
	}
	d, err := cpu.OpenBF16(o.threads())
	if err != nil {
		return nil, fmt.Errorf("train.precision: %w", err)
	}
	return d, nil
}
