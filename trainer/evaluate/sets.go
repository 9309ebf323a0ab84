package evaluate

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// embeddedSet is a set with the vectors of its pictures.
type embeddedSet struct {
	*Set
	rows  []float32 // of the shared space
	probe features  // before it; no rows where no probe is asked for
	tally *shard.Tally
	seen  int64 // held-out pairs that the model was trained on and that count all the same
}

// setRun evaluates one model on sets. A set that is asked for twice is embedded
// once.
type setRun struct {
	*Embedder
	checkpoint       *checkpoint.Checkpoint // that the model is of
	dir, classifiers string
	options          Options
	known            map[string]embeddedSet
}

// open embeds a set's pictures, what of it is no picture counted.
func (x *setRun) open(ctx context.Context, spec string) (s embeddedSet, err error) {
	if s, there := x.known[spec]; there {
		return s, nil
	}
	if s.Set, err = OpenSet(x.dir, spec, x.options); err != nil {
		return s, err
	}
	defer s.Close()
	if s.pair != nil && x.checkpoint != nil {
		if s.seen, err = s.leaveOutSeen(x.checkpoint, x.options); err != nil {
			return s, err
		}
	}
	s.tally = shard.NewTally("eval", "pictures", "pictures")
	for reason, n := range s.Left {
		s.tally.In += n
		s.tally.Dropped[reason] = n
	}
	err = x.EachPictures(ctx, s.Pictures, x.options.Batch, func(_ int, v Vectors) error {
		for _, bad := range v.Bad {
			s.tally.Drop(bad.Reason)
		}
		for _, i := range v.Kept {
			s.tally.Keep()
			s.probe.class = append(s.probe.class, s.Class[i])
		}
		s.rows = append(s.rows, v.Rows...)
		if spec == x.options.ProbeTrain || spec == x.options.ProbeTest {
			s.probe.rows = append(s.probe.rows, v.Pooled...)
		}
		return nil
	})
	s.tally.Out = s.tally.Kept
	if left := s.Left[SeenPairs]; err == nil && s.Pictures.Len() == 0 && left > 0 {
		err = fmt.Errorf("evaluate on %s: the model was trained on all %d of its pairs; judge on others, or set eval.seen to keep", s.Name, left)
	}
	if err == nil && s.tally.Kept == 0 {
		err = fmt.Errorf("evaluate on %s: none of its %d pictures decodes", s.Name, s.Pictures.Len())
	}
	if err == nil {
		s.probe.dim = len(s.probe.rows) / len(s.probe.class)
	}
	x.known[spec] = s
	return s, err
}

// zeroShotOn is the zero-shot test on one set.
func (x *setRun) zeroShotOn(ctx context.Context, spec string) (r SetResult, err error) {
	s, err := x.open(ctx, spec)
	if err != nil {
		return r, err
	}
	z, err := x.zeroShot(ctx, x.classifiers, x.options, s.Labels, s.probe.class, s.rows)
	return SetResult{Set: spec, Tally: s.tally, Seen: s.seen, ZeroShot: z}, err
}

// runSets does what the options ask for beside the held-out pairs.
func (e *Embedder) runSets(ctx context.Context, c *checkpoint.Checkpoint, dir, classifiers string, o Options, r *Result) error {
	path := within(dir, o.Baseline)
	var baseline []AccuracyPair
	if o.ShiftedSet != "" {
		var err error
		if baseline, err = ReadBaseline(path); err != nil {
			return err
		}
	}
	x := &setRun{e, c, dir, classifiers, o, map[string]embeddedSet{}}
	for _, spec := range o.Sets {
		set, err := x.zeroShotOn(ctx, spec)
		if err != nil {
			return err
		}
		r.Sets = append(r.Sets, set)
	}
	if o.ProbeTrain != "" {
		p, err := x.linearProbe(ctx)
		if err != nil {
			return err
		}
		r.Probe = &p
	}
	if o.ShiftedSet == "" {
		return nil
	}
	shifted, err := x.zeroShotOn(ctx, o.ShiftedSet)
	if err != nil {
		return err
	}
	r.Sets = append(r.Sets, shifted)
	b := Robustness{Standard: r.Sets[0].Set, Shifted: o.ShiftedSet, Accuracy: shifted.Top1, Models: len(baseline)}
	if b.Slope, b.Intercept, b.Predicted, err = EffectiveRobustness(baseline, r.Sets[0].Top1.Rate); err != nil {
		return fmt.Errorf("effective robustness by %s: %w", path, err)
	}
	b.Effective = b.Accuracy.Rate - b.Predicted
	r.Robustness = &b
	return nil
}

func (x *setRun) linearProbe(ctx context.Context) (Probe, error) {
	train, err := x.open(ctx, x.options.ProbeTrain)
	if err != nil {
		return Probe{}, err
	}
	test, err := x.open(ctx, x.options.ProbeTest)
	if err != nil {
		return Probe{}, err
	}
	if !slices.Equal(train.Labels, test.Labels) {
		return Probe{}, fmt.Errorf("probe: the %d classes of %s are not the %d of %s", len(train.Labels), train.Name, len(test.Labels), test.Name)
	}
	p, err := x.probe(ctx, train.probe, test.probe, len(train.Labels), x.options)
	p.Train, p.Test = train.Name, test.Name
	if overlap(x.dir, train.Name, test.Name) {
		p.Note = fmt.Sprintf("%s and %s share pictures: this accuracy is of pictures that the probe learned from, not of others", train.Name, test.Name)
	}
	return p, err
}

// overlap tells whether two sets read a folder or a file of pictures both, by
// whatever name. Held-out pairs and those of training are not the same.
func overlap(dir, a, b string) bool {
	kind, left, err := parseSet(a)
	other, right, fault := parseSet(b)
	if err != nil || fault != nil || kind != other {
		return false
	}
	for _, p := range left {
		for _, q := range right {
			p, q := within(dir, p), within(dir, q)
			first, err := os.Stat(p)
			second, fault := os.Stat(q)
			if p == q || err == nil && fault == nil && os.SameFile(first, second) {
				return true
			}
		}
	}
	return false
}
