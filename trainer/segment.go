package trainer

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// Values of Options.Extend beside a number of epochs.
const (
	extendOff  = "off"
	extendAnew = "anew"
)

const (
	// extendEpochs is the default of Options.Extend. With extend_share at a tenth a
	// dataset doubles in some seven segments, which then cost as much as twenty to
	// thirty epochs: about another training, spread over the growth.
	extendEpochs = 3
	// extendRate is the peak rate of a segment as a share of lr, unless extend_lr is
	// set: a trained model warmed up to the whole of it forgets first what it has.
	extendRate = 0.3
)

// epochsToExtend is Extend as a number, 0 for off and anew.
func (o Options) epochsToExtend() (float64, error) {
	switch o.Extend {
	case extendOff, extendAnew:
		return 0, nil
	case "":
		return extendEpochs, nil
	}
	epochs, err := strconv.ParseFloat(o.Extend, 64)
	if err != nil || !(epochs > 0) || epochs > 1e6 {
		return 0, fmt.Errorf("extend: %q given, a number of epochs above 0, %s or %s expected", o.Extend, extendAnew, extendOff)
	}
	return epochs, nil
}

// segmentsOf are those of a state. One of format 1 has a single one, of pairs that
// only their hash tells.
func (r *run) segmentsOf(s *checkpoint.State) []checkpoint.Segment {
	if len(s.Segments) > 0 {
		return s.Segments
	}
	one := checkpoint.Segment{Total: s.Total, Rate: r.options.LearningRate, Warmup: r.options.Warmup, Batch: r.options.Batch}
	values, err := readSettings(s.Settings)
	if err != nil {
		return []checkpoint.Segment{one} // which then is of other settings
	}
	if n, err := strconv.Atoi(values["batch"]); err == nil && n > 1 {
		one.Batch = n
	}
	one.Data = []checkpoint.Trained{{Hash: s.Data, Weight: 1}}
	if values[keyData] != "" {
		one.Data[0].Hash = "" // that of all together
		for _, entry := range strings.Split(values[keyData], ", ") {
			_, weight, _ := strings.Cut(entry, "=")
			w, _ := strconv.ParseFloat(weight, 64)
			one.Data = append(one.Data, checkpoint.Trained{Weight: w})
		}
	}
	return []checkpoint.Segment{one}
}

// segment is the one that the run is in.
func (r *run) segment() *checkpoint.Segment {
	if n := len(r.state.Segments); n > 0 {
		return &r.state.Segments[n-1]
	}
	return &checkpoint.Segment{Total: r.state.Total}
}

// openSegment decides on which pairs the run goes on, opens them, and makes the state
// that of a new segment where one begins.
func (r *run) openSegment() error {
	datasets, begins, rest := r.present(), r.found == nil, false
	if r.found != nil {
		r.state.Segments = slices.Clone(r.segmentsOf(&r.found.State))
		s := r.segment()
		finished, pinned := r.state.Step >= r.state.Total, r.pinned(s)
		switch {
		case r.unchanged(s):
			if len(r.found.State.Segments) == 0 {
				s.Data = r.trained()
			}
		case !finished && pinned != nil:
			datasets, r.behind = pinned, true
			r.tell(fmt.Sprintf("the dataset changed; training first ends what it began on generation %d", s.Data[0].Generation))
		case !finished:
			begins, rest = true, true
			r.note = "the shards were written anew since; training goes on to the end of its schedule with the pairs that there are now"
		default:
			change, err := r.since(s)
			if err != nil {
				return err
			}
			if begins, err = r.extends(s, change); err != nil {
				return err
			}
			r.added, r.gone = change.added, change.gone
			if !begins && pinned != nil {
				datasets = pinned
			}
		}
	}
	var err error
	if r.source, err = batch.OpenAll(datasets, batch.Training); err != nil {
		return err
	}
	if rows := r.source.Draws() - r.source.GoneLen(); rows < 2 {
		return fmt.Errorf("train on %s: %w (there are %d); crawl more pages, loosen the filters, or hold less out (shard.heldout_share)", filepath.Join(r.dir, shardsFolder), ErrTooFew, rows)
	}
	if r.found != nil && !begins {
		if err := r.checkState(); err != nil {
			return err
		}
	}
	if begins {
		r.beginSegment(rest)
	}
	s := r.segment()
	if s.Pairs == 0 { // of format 1
		s.Pairs = r.source.Draws()
	}
	r.batch = min(s.Batch, r.source.Draws())
	r.batchesPerEpoch = batch.StepsPerEpoch(r.source.Draws(), r.batch)
	return nil
}

// extends decides what becomes of a finished training whose pairs changed, and says it.
func (r *run) extends(s *checkpoint.Segment, change growth) (bool, error) {
	what := fmt.Sprintf("%d new training pairs since", change.added)
	if !change.known {
		what = fmt.Sprintf("it is not known which of the %d training pairs are new", change.added)
	}
	if change.gone > 0 {
		what += fmt.Sprintf(", %d gone", change.gone)
	}
	if from := s.Data[0].Generation; from > 0 && r.grounds[0].generationOf(s.Data[0]) > 0 {
		what = fmt.Sprintf("trained on generation %d of %d: %s", from, r.grounds[0].now.Generation(), what)
	}
	due := change.added > 0 && change.share >= r.options.ExtendShare
	switch {
	case r.options.Extend == extendOff:
		r.note = what + "; the model stays as it is (train.extend is off)"
		return false, nil
	case r.options.Extend == extendAnew:
		_, err := checkpoint.Latest(filepath.Join(r.home, checkpoint.AnewFolder))
		r.anew = due || !errors.Is(err, checkpoint.ErrNone)
		if r.anew {
			r.note = what
			return false, nil
		}
	}
	if !due {
		r.note = what
		if change.added > 0 {
			r.note += fmt.Sprintf("; training goes on at %g%% (train.extend_share), and they are %.2g%%", 100*r.options.ExtendShare, 100*change.share)
		}
		return false, nil
	}
	r.note = fmt.Sprintf("%s; training went on with them", what)
	return true, nil
}

// beginSegment adds a segment on the pairs of the source to the state. One that is the
// rest of the one before keeps to its schedule.
func (r *run) beginSegment(rest bool) {
	o, draws := r.options, r.source.Draws()
	s := checkpoint.Segment{
		From: r.state.Step, Start: r.state.Step, Rate: o.LearningRate, Warmup: o.Warmup,
		Batch: min(o.Batch, draws), Pairs: draws, Data: r.trained(),
	}
	perEpoch := batch.StepsPerEpoch(draws, s.Batch)
	s.Total = o.steps(draws)
	if n := len(r.state.Segments); n > 0 {
		before := &r.state.Segments[n-1]
		batches := (r.state.Step - before.From) * int64(o.accumulate())
		perEpochBefore := int64(batch.StepsPerEpoch(max(1, before.Pairs), max(1, min(before.Batch, before.Pairs))))
		s.Epoch = before.Epoch + int((batches+perEpochBefore-1)/perEpochBefore)
		before.Total = r.state.Step
		if rest {
			s.Start, s.Total, s.Rate, s.Warmup = before.Start, r.state.Total, before.Rate, before.Warmup
		} else {
			epochs, _ := o.epochsToExtend() // Validate has looked at it
			s.Total = s.From + max(1, int64(epochs*float64(perEpoch)/float64(o.accumulate())))
			if s.Rate = o.ExtendRate; s.Rate == 0 {
				s.Rate = extendRate * o.LearningRate
			}
		}
	}
	r.begins = true
	r.state.Segments = append(r.state.Segments, s)
	r.state.Total, r.state.Data = s.Total, r.source.Hash()
	// Rows have other numbers now, and held-out losses are of other pairs.
	r.state.Undecodable, r.state.LossLast = []int{}, []float64{}
	r.state.Validation, r.state.Best = checkpoint.Validation{}, checkpoint.Validation{}
	r.state.Outliers = checkpoint.Outliers{Skipped: r.state.Outliers.Skipped}
}

// steps are those of a training on so many draws an epoch.
func (o Options) steps(draws int) int64 {
	if o.Steps > 0 {
		return o.Steps
	}
	return max(1, int64(o.Epochs)*int64(batch.StepsPerEpoch(draws, min(o.Batch, draws)))/int64(o.accumulate()))
}

// checkState holds the numbers of the checkpoint's state against the run, whose settings
// they are: one that goes by others would train another schedule, or wait for pairs that
// never come.
func (r *run) checkState() error {
	s, wrong := r.segment(), ""
	rows := r.state.Undecodable
	switch n := len(r.found.State.Segments); {
	case n == 1 && s.Pairs < 2:
		wrong = fmt.Sprintf("its segment has %d pairs", s.Pairs)
	case n == 1 && s.Total != r.options.steps(s.Pairs):
		wrong = fmt.Sprintf("it says %d steps, and %d epochs of %d pairs have %d", s.Total, r.options.Epochs, s.Pairs, r.options.steps(s.Pairs))
	case len(rows) > 0 && rows[len(rows)-1] >= r.source.Len():
		wrong = fmt.Sprintf("it names row %d, and there are %d", rows[len(rows)-1], r.source.Len())
	default:
		return nil
	}
	return &checkpoint.Damaged{Path: filepath.Join(r.found.Path, "state.json"), Cause: wrong}
}

// trained says what the datasets are now.
func (r *run) trained() []checkpoint.Trained {
	var list []checkpoint.Trained
	for i := range r.grounds {
		g := &r.grounds[i]
		list = append(list, checkpoint.Trained{
			Folder: g.name, Generation: g.now.Generation(), Hash: g.now.Hash(), Rows: g.now.Len(shard.Training), Weight: g.Weight,
		})
	}
	return list
}

// writeSeen writes what the segment that begins is trained on.
func (r *run) writeSeen() error {
	n := len(r.state.Segments)
	s := r.segment()
	if s.Seen.XXH64 != "" || !r.begins && !r.unchanged(s) {
		return nil
	}
	var before *checkpoint.Segment
	if n > 1 {
		before = &r.state.Segments[n-2]
	}
	var err error
	s.Seen, s.Added, err = checkpoint.WriteSeen(r.folder, n, r.newlySeen(before))
	r.keys = nil
	return err
}
