package trainer

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime/debug"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/layout"
)

// Names of the optimizer's tensors: a prefix, then the parameter's name.
const (
	firstMoment  = "exp_avg."
	secondMoment = "exp_avg_sq."
)

// restore fills the model from the checkpoint, from a file of weights, or from
// the seed.
func (r *run) restore() error {
	p := &r.model.Parameters
	if r.found == nil {
		if err := r.draw(); err != nil {
			return err
		}
		r.fading.begin(r.device, p)
		return nil
	}
	r.saved, r.path = r.state.Step, r.found.Path
	moments, err := r.found.Moments()
	if err != nil {
		return err
	}
	for _, s := range []struct {
		to     device.Buffer
		prefix string
	}{{p.M, firstMoment}, {p.V, secondMoment}} {
		if err := p.Load(r.device, s.to, moments, s.prefix); err != nil {
			return fmt.Errorf("resume from %s: %w", r.found.Path, err)
		}
	}
	err = r.load(r.found)
	debug.FreeOSMemory() // the files
	return err
}

// load makes the weights, and their average, those of a checkpoint.
func (r *run) load(c *checkpoint.Checkpoint) error {
	p := &r.model.Parameters
	type set struct {
		read func() (map[string]checkpoint.Tensor, error)
		to   device.Buffer
	}
	sets := []set{{c.Weights, p.Data}}
	if r.options.EMA > 0 {
		sets = append(sets, set{c.Average, r.fading.data})
	}
	for _, s := range sets {
		tensors, err := s.read()
		if err != nil {
			return err
		}
		if err := p.Load(r.device, s.to, tensors, ""); err != nil {
			return fmt.Errorf("read the weights of %s: %w", c.Path, err)
		}
	}
	return nil
}

// draw fills the model from the seed, then from Options.Init or TextInit.
func (r *run) draw() error {
	if err := r.model.Draw(r.device, r.options.Seed, r.head.siglip); err != nil {
		return err
	}
	if r.options.TextInit != "" {
		return r.loadText()
	}
	if r.options.Init == "" {
		return nil
	}
	return r.loadInit()
}

// checkpoint saves, and lets the run go on when that fails before its end.
func (r *run) checkpoint() error {
	if err := r.save(); err != nil {
		if r.state.Step < r.state.Total {
			return r.forgive(err)
		}
		return err
	}
	return r.arrive()
}

// forgive counts a checkpoint that could not be written and keeps the error for
// the next report. Faults of the device are not forgiven.
func (r *run) forgive(err error) error {
	var fault *deviceError
	if err == nil || errors.As(err, &fault) {
		return err
	}
	r.failedSaves++
	r.tell(fmt.Sprintf("training goes on without a checkpoint at step %d: %v; it is tried again at the next", r.state.Step, err))
	return nil
}

// save writes a checkpoint of the state as it is.
func (r *run) save() error {
	c, err := r.content()
	if err != nil {
		return err
	}
	p := &r.model.Parameters
	m, err := p.Read(r.device, p.M, firstMoment)
	if err != nil {
		return &deviceError{err}
	}
	v, err := p.Read(r.device, p.V, secondMoment)
	if err != nil {
		return &deviceError{err}
	}
	c.Moments = append(m, v...)
	checkpoint.Release(r.folder)
	err = checkpoint.WithRoom(r.folder, func() error {
		if err := r.metrics.sync(); err != nil {
			return err
		}
		c.State.MetricsBytes = r.metrics.bytes
		return checkpoint.Save(r.folder, c, r.options.Keep)
	})
	if err != nil {
		return err
	}
	c = checkpoint.Content{}
	debug.FreeOSMemory() // the copies, which are as large as the model is
	if r.state.Step < r.state.Total {
		whole, _ := r.options.sizes(p, int64(len(r.vocabulary.Encode())))
		checkpoint.Reserve(r.folder, whole)
	}
	r.saved = r.state.Step
	r.path = filepath.Join(r.folder, fmt.Sprintf("step-%08d", r.state.Step))
	return nil
}

// saveBest writes the checkpoint that best leads to, which nothing goes on from.
func (r *run) saveBest() error {
	c, err := r.content()
	if err != nil {
		return err
	}
	return checkpoint.WithRoom(r.folder, func() error { return checkpoint.SaveBest(r.folder, c) })
}

// content is a checkpoint without moments.
func (r *run) content() (c checkpoint.Content, err error) {
	r.state.MetricsBytes = r.metrics.bytes
	c = checkpoint.Content{State: r.state, Vocabulary: r.vocabulary.Encode()}
	if c.Others, err = layout.OpenCLIP(r.state.Model, r.vocabulary, r.head.siglip); err != nil {
		return c, err
	}
	p := &r.model.Parameters
	if c.Weights, err = p.Read(r.device, p.Data, ""); err != nil {
		return c, &deviceError{err}
	}
	if r.options.EMA > 0 {
		if c.Average, err = p.Read(r.device, r.fading.data, ""); err != nil {
			return c, &deviceError{err}
		}
	}
	return c, nil
}

// result is the account of the run so far.
func (r *run) result() Result {
	s, last := r.state, r.segment()
	result := Result{
		Tally: r.tally(),
		Model: s.Model.Name, Device: r.device.Name(), Parameters: r.model.Parameters.Words(), Vocabulary: s.Vocabulary,
		Batch: r.batch, Epochs: r.options.Epochs,
		Steps: s.Step, TotalSteps: s.Total, Resumed: r.resumed, Skipped: s.Skipped, Outliers: s.Outliers.Skipped, PairsSeen: r.pairsSeen(),
		Complete: s.Step == s.Total, LossFirst: average(s.LossFirst), LossLast: average(s.LossLast),
		LossChance: r.chance(), Temperature: math.Exp(-s.Scale),
		Seconds: s.Seconds, DataSeconds: r.pace.data, Checkpoint: r.path, FailedCheckpoints: r.failedSaves,
		Validation: s.Validation.Loss, BestStep: s.Best.Step, BestValidation: s.Best.Loss,
		Segments: len(s.Segments), Generation: last.Data[0].Generation, Generations: r.grounds[0].now.Generation(),
		Added: r.added, Gone: r.gone, Note: r.note,
	}
	result.Tally.Out = s.Step
	result.Flops = s.Flops
	if s.Seconds > 0 {
		result.PairsPerSecond = float64(result.PairsSeen) / s.Seconds
	}
	return result
}
