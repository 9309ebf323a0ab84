package trainer

import "github.com/pairloom/pairloom/shard"

// Reasons for which a training pair is not used in an epoch.
const (
	// Undecodable pictures are found on the way; another pair takes the place.
	Undecodable = "undecodable"
	// TailOfEpoch is what does not fill a batch at the end of an epoch. The
	// order changes, so that other pairs fall there in the next.
	TailOfEpoch = "tail_of_epoch"
	// Deleted is a pair that left the dataset since the training began on its
	// generation. It is passed over; another takes its place.
	Deleted = "deleted"
	// NoLabel is a pair to which the supervised objective finds no class.
	NoLabel = "no_label"
)

// Step is what is known after a training step; before the first, that there are so many
// and a Notice.
type Step struct {
	Step, Total    int64   // steps taken, by this run and those before it, and in all
	Epoch          int     // from 1
	Loss           float64 // of the batch
	Rate           float64 // learning rate
	Temperature    float64 // exp(-logit scale)
	GradientNorm   float64 // before clipping
	PairsPerSecond float64 // over the last steps
	DataWait       float64 // share of the time in which the device waited for data, 0 to 1
	PeakShare      float64 // useful operations over those of large matrix products, 0 to 1; 0 when not measured
	Validation     float64 // last loss on the held-out pairs; 0 for none yet
	Notice         string  // something to tell the user that does not end the run
}

// Result is the account of a training run, those that it resumed included.
type Result struct {
	Tally *shard.Tally `json:"tally"`

	Model      string `json:"model"`
	Device     string `json:"device"`
	Parameters int    `json:"parameters"`
	Vocabulary int    `json:"vocabulary"` // tokens
	Batch      int    `json:"batch"`      // pairs that meet in the loss
	Epochs     int    `json:"epochs"`

	Steps      int64 `json:"steps"` // taken
	TotalSteps int64 `json:"total_steps"`
	Resumed    int64 `json:"resumed"`            // steps that were there when this run started
	Skipped    int64 `json:"skipped"`            // steps whose loss or gradient was not finite
	Outliers   int64 `json:"outliers,omitempty"` // steps that were not taken, by Options.SkipOutliers
	PairsSeen  int64 `json:"pairs_seen"`
	Complete   bool  `json:"complete"` // false when max_duration ended the run

	LossFirst   float64 `json:"loss_first"`  // mean of the first steps, up to 20
	LossLast    float64 `json:"loss_last"`   // mean of the last steps, up to 20
	LossChance  float64 `json:"loss_chance"` // what guessing gives: ln(batch) for the loss clip, ln(classes) for predictive objectives
	Temperature float64 `json:"temperature"`

	Seconds        float64 `json:"seconds"`      // in training steps, by all runs
	DataSeconds    float64 `json:"data_seconds"` // of this run's steps, in which the device waited for data; it computed in the rest
	PairsPerSecond float64 `json:"pairs_per_second"`
	Flops          float64 `json:"flops,omitempty"` // useful operations, by all runs
	Checkpoint     string  `json:"checkpoint"`      // path of the last one
	Hint           string  `json:"hint,omitempty"`  // why a complete run did not learn, as measured; "" when it learned

	// FailedCheckpoints counts those of this run that could not be written.
	FailedCheckpoints int     `json:"failed_checkpoints,omitempty"`
	Validation        float64 `json:"validation_loss,omitempty"` // the last
	BestValidation    float64 `json:"best_validation_loss,omitempty"`
	BestStep          int64   `json:"best_step,omitempty"` // of the checkpoint in checkpoints/best

	// Sources are those of train.data whose pictures lie elsewhere.
	Sources []Source `json:"sources,omitempty"`

	Segments    int    `json:"segments"`       // stretches of the training, each on the pairs of its time
	Generation  int    `json:"generation"`     // the last of the dataset that it was trained on; 0 when not known
	Generations int    `json:"generations"`    // that the dataset has
	Added       int64  `json:"added"`          // training pairs since the segment before, which the last was trained on if it began in this run
	Gone        int64  `json:"gone"`           // that were there then
	Note        string `json:"note,omitempty"` // what became of changes of the dataset
}

// Source is what the index of an entry of Options.Data holds.
type Source struct {
	Name     string           `json:"name"`
	Training int64            `json:"training"` // pairs
	HeldOut  int64            `json:"held_out"`
	LeftOut  map[string]int64 `json:"left_out"` // rows that give no pair, by reason
}

// lossWindow is the number of steps over which first and last loss are means.
func lossWindow(total int64) int { return int(max(1, min(20, total/10))) }

// average is the mean of x, 0 for none.
func average(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// tally accounts for the pairs of one epoch.
func (r *run) tally() *shard.Tally {
	t := shard.NewTally("train", "pairs", "steps")
	left := r.source.Draws()
	t.In = int64(left)
	for _, d := range []struct {
		reason string
		pairs  int
	}{{Deleted, r.source.GoneLen()}, {Undecodable, len(r.state.Undecodable)}, {NoLabel, r.withoutLabel()}} {
		if n := min(d.pairs, left); n > 0 {
			t.Dropped[d.reason] = int64(n)
			left -= n
		}
	}
	t.Kept = int64(min(r.batchesPerEpoch*r.batch, left))
	if tail := int64(left) - t.Kept; tail > 0 {
		t.Dropped[TailOfEpoch] = tail
	}
	return t
}

// pairsSeen is the number of pairs of all steps; a pair counts once an epoch.
func (r *run) pairsSeen() int64 {
	var n int64
	for _, s := range r.state.Segments {
		n += max(0, min(r.state.Step, s.Total)-s.From) * int64(s.Batch) * int64(r.options.accumulate())
	}
	return n
}
