package evaluate

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/shard"
)

// setFeatures embeds a set's pictures, what of it is no picture counted.
func (e *Embedder) setFeatures(ctx context.Context, s *Set, o Options) (f features, tally *shard.Tally, err error) {
	tally = shard.NewTally("eval", "pictures", "pictures")
	err = e.EachPictures(ctx, s.Pictures, o.Batch, func(_ int, v Vectors) error {
		for _, bad := range v.Bad {
			tally.Drop(bad.Reason)
		}
		for _, i := range v.Kept {
			tally.Keep()
			f.class = append(f.class, s.Class[i])
		}
		f.rows = append(f.rows, v.Rows...)
		return nil
	})
	tally.Out = tally.Kept
	if err == nil && tally.Kept == 0 {
		err = fmt.Errorf("evaluate on %s: none of its %d pictures decodes", s.Name, tally.In)
	}
	return f, tally, err
}

// runSet is the zero-shot test on one set.
func (e *Embedder) runSet(ctx context.Context, dir, classifiers, spec string, o Options) (r SetResult, err error) {
	s, err := OpenSet(dir, spec, o)
	if err != nil {
		return r, err
	}
	f, tally, err := e.setFeatures(ctx, s, o)
	if err != nil {
		return r, err
	}
	z, err := e.zeroShot(ctx, classifiers, o, s.Labels, f.class, f.rows)
	return SetResult{Set: spec, Tally: tally, ZeroShot: z}, err
}

// runSets does what the options ask for beside the held-out pairs.
func (e *Embedder) runSets(ctx context.Context, dir, classifiers string, o Options, r *Result) error {
	for _, spec := range o.Sets {
		set, err := e.runSet(ctx, dir, classifiers, spec, o)
		if err != nil {
			return err
		}
		r.Sets = append(r.Sets, set)
	}
	if o.ProbeTrain != "" {
		p, err := e.runProbe(ctx, dir, o)
		if err != nil {
			return err
		}
		r.Probe = &p
	}
	if o.ShiftedSet == "" {
		return nil
	}
	path := o.Baseline
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	baseline, err := ReadBaseline(path)
	if err != nil {
		return err
	}
	shifted, err := e.runSet(ctx, dir, classifiers, o.ShiftedSet, o)
	if err != nil {
		return err
	}
	r.Sets = append(r.Sets, shifted)
	x := Robustness{Standard: r.Sets[0].Set, Shifted: o.ShiftedSet, Accuracy: shifted.Top1, Models: len(baseline)}
	if x.Slope, x.Intercept, x.Predicted, err = EffectiveRobustness(baseline, r.Sets[0].Top1.Rate); err != nil {
		return fmt.Errorf("effective robustness by %s: %w", path, err)
	}
	x.Effective = x.Accuracy.Rate - x.Predicted
	r.Robustness = &x
	return nil
}

func (e *Embedder) runProbe(ctx context.Context, dir string, o Options) (Probe, error) {
	train, err := OpenSet(dir, o.ProbeTrain, o)
	if err != nil {
		return Probe{}, err
	}
	test, err := OpenSet(dir, o.ProbeTest, o)
	if err != nil {
		return Probe{}, err
	}
	if !slices.Equal(train.Labels, test.Labels) {
		return Probe{}, fmt.Errorf("probe: the %d classes of %s are not the %d of %s", len(train.Labels), train.Name, len(test.Labels), test.Name)
	}
	a, _, err := e.setFeatures(ctx, train, o)
	if err != nil {
		return Probe{}, err
	}
	b, _, err := e.setFeatures(ctx, test, o)
	if err != nil {
		return Probe{}, err
	}
	p, err := e.probe(ctx, a, b, len(train.Labels), o)
	p.Train, p.Test = o.ProbeTrain, o.ProbeTest
	return p, err
}
