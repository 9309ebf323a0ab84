package trainer

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
)

// Names of the optimizer's tensors: a prefix, then the parameter's name.
const (
	firstMoment  = "exp_avg."
	secondMoment = "exp_avg_sq."
)

// restore fills the model from the checkpoint, or from the seed.
func (r *run) restore() error {
	p := &r.model.Parameters
	if r.found == nil {
		return p.Draw(r.device, r.options.Seed)
	}
	r.saved, r.path = r.state.Step, r.found.Path
	weights, err := r.found.Weights()
	if err != nil {
		return err
	}
	moments, err := r.found.Moments()
	if err != nil {
		return err
	}
	if err := p.Load(r.device, p.Data, weights, ""); err != nil {
		return fmt.Errorf("resume from %s: %w", r.found.Path, err)
	}
	for _, m := range []struct {
		flat   device.Buffer
		prefix string
	}{{p.M, firstMoment}, {p.V, secondMoment}} {
		if err := p.Load(r.device, m.flat, moments, m.prefix); err != nil {
			return fmt.Errorf("resume from %s: %w", r.found.Path, err)
		}
	}
	return nil
}

// save writes a checkpoint of the state as it is.
func (r *run) save(m *metrics) error {
	if err := m.sync(); err != nil {
		return err
	}
	p := &r.model.Parameters
	r.state.MetricsBytes = m.bytes
	c := checkpoint.Content{State: r.state, Vocabulary: r.vocabulary.Encode()}
	var faults []error
	read := func(flat device.Buffer, prefix string) []nn.Tensor {
		tensors, err := p.Read(r.device, flat, prefix)
		faults = append(faults, err)
		return tensors
	}
	c.Weights = read(p.Data, "")
	c.Moments = slices.Concat(read(p.M, firstMoment), read(p.V, secondMoment))
	if err := errors.Join(faults...); err != nil {
		return err
	}
	if err := checkpoint.Save(r.folder, c, r.options.Keep); err != nil {
		return err
	}
	r.saved = r.state.Step
	r.path = filepath.Join(r.folder, fmt.Sprintf("step-%08d", r.state.Step))
	return nil
}

// result is the account of the run so far.
func (r *run) result() Result {
	s, rows := r.state, r.source.Len()
	result := Result{
		Tally: tally(rows, r.stepsPerEpoch*r.batch, len(s.Undecodable)),
		Model: s.Model.Name, Device: r.device.Name(), Parameters: r.model.Parameters.Words(), Vocabulary: s.Vocabulary,
		Batch: r.batch, Epochs: r.options.Epochs,
		Steps: s.Step, TotalSteps: s.Total, Resumed: r.resumed, Skipped: s.Skipped, PairsSeen: s.Step * int64(r.batch),
		Complete: s.Step == s.Total, LossFirst: average(s.LossFirst), LossLast: average(s.LossLast),
		LossChance: math.Log(float64(r.batch)), Temperature: math.Exp(-s.Scale),
		Seconds: s.Seconds, Checkpoint: r.path,
	}
	result.Tally.Out = s.Step
	if s.Seconds > 0 {
		result.PairsPerSecond = float64(result.PairsSeen) / s.Seconds
	}
	if result.Complete {
		result.Hint = hint(result.LossLast, result.LossChance)
	}
	return result
}
