package compare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// run is one training.
type run struct {
	Objective string
	Seed      int64
}

func (r run) name() string { return fmt.Sprintf("%s-seed%d", r.Objective, r.Seed) }

// Point is where a run was judged.
type Point struct {
	Step    int64   `json:"step"`
	Pairs   int64   `json:"pairs"` // seen
	Flops   float64 `json:"flops"`
	Scores  []Score `json:"scores"`         // one a set
	Seconds float64 `json:"timing_seconds"` // in training steps
}

// Progress tells how far a run is.
type Progress struct {
	Run         string // such as caption-seed1
	Number, Of  int    // of this run, from 1, and of all
	Step, Total int64
	Loss        float64
	Rate        float64 // pairs a second
	Point       *Point  // when one has just been judged
}

// ErrOther is wrapped when the output folder belongs to another comparison.
var ErrOther = errors.New("the folder holds another comparison")

// comparison is one call of Run.
type comparison struct {
	Options
	sets      []*evaluate.Set
	templates []string
	trained   []string // labels of the objective supervised
	settings  string   // that points depend on, beside those of training
	progress  func(Progress)
}

// Run does the comparison, or what is left of it. progress may be nil.
func Run(ctx context.Context, o Options, progress func(Progress)) (Result, error) {
	if err := o.Validate(); err != nil {
		return Result{}, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	c := &comparison{Options: o, progress: progress}
	defer c.close()
	if err := c.open(); err != nil {
		return Result{}, err
	}
	result := Result{Model: o.Train.Model, Batch: o.Train.Batch, Templates: o.Templates, CaptionPictures: o.CaptionPictures}
	for i, objective := range o.Objectives {
		steps, err := c.steps(objective)
		if err != nil {
			return Result{}, err
		}
		for seed := range int64(o.Seeds) {
			r := run{objective, seed + 1}
			points, err := c.do(ctx, r, i*o.Seeds+int(seed)+1, steps)
			if err != nil {
				return Result{}, fmt.Errorf("%s: %w", r.name(), err)
			}
			result.Runs = append(result.Runs, Trained{r.Objective, r.Seed, points})
		}
	}
	result.summarise(o)
	return result, result.write(o.Out)
}

// open reads the sets and labels before anything is trained.
func (c *comparison) open() (err error) {
	if c.templates, err = evaluate.Templates(c.Templates); err != nil {
		return err
	}
	convert := remembering(c.Convert, convertedBytes)
	for _, spec := range c.Sets {
		options := evaluate.Options{Convert: convert}
		if evaluate.NeedsLabels(spec) {
			options.Labels = c.Labels
		}
		set, err := evaluate.OpenSet("", spec, options)
		if err != nil {
			return err
		}
		c.sets = append(c.sets, set)
	}
	if c.Labels != "" {
		if c.trained, err = evaluate.ReadLabels(c.Labels); err != nil {
			return err
		}
	}
	sets := make([]string, len(c.sets))
	for i, set := range c.sets {
		if sets[i], err = c.identity(set); err != nil {
			return err
		}
	}
	text, err := json.Marshal(map[string]any{
		"sets": sets, "templates": c.templates, "caption_pictures": c.CaptionPictures, "points": c.Points,
		"labels": fmt.Sprintf("%016x", xxhash.Sum64String(fmt.Sprint(c.trained))),
	})
	c.settings = string(text)
	return err
}

// identity stands for a set however the way to it is spelled: where it lies, seen
// from the output, and its labels and classes.
func (c *comparison) identity(set *evaluate.Set) (string, error) {
	out, err := filepath.Abs(c.Out)
	if err != nil {
		return "", err
	}
	kind, rest, _ := strings.Cut(set.Name, ":")
	paths := strings.Split(rest, ",")
	for i, path := range paths {
		if path, err = filepath.Abs(path); err != nil {
			return "", err
		}
		if paths[i], err = filepath.Rel(out, path); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s:%s %016x", kind, strings.Join(paths, ","), xxhash.Sum64String(fmt.Sprintf("%q %v", set.Labels, set.Class))), nil
}

func (c *comparison) close() {
	for _, set := range c.sets {
		set.Close() // it was only read
	}
}

// steps is the budget of a run.
func (c *comparison) steps(objective string) (int64, error) {
	accumulate := max(1, c.Train.Accumulate)
	perStep := float64(c.Train.Batch * accumulate)
	if c.Pairs > 0 {
		return max(1, int64(float64(c.Pairs)/perStep)), nil
	}
	perPair, err := trainer.FlopsPerPair(c.Dataset, c.training(run{objective, 1}))
	if err != nil {
		return 0, err
	}
	return max(1, int64(c.Flops/perPair/perStep)), nil
}

// stops are the steps at which a run of so many is judged, ascending: its end,
// half of it, and so on.
func stops(steps int64, points int) []int64 {
	var list []int64
	for at := steps; len(list) < points && at > 0; at /= 2 {
		list = append(list, at)
	}
	slices.Reverse(list)
	return list
}

// kept is the content of points.json.
type kept struct {
	Settings string  `json:"settings"` // of judging
	Training string  `json:"training"` // of training
	Points   []Point `json:"points"`
}

// do trains one run from point to point. Each is judged and written before
// training goes on, so that the last checkpoint is never beyond the next point.
func (c *comparison) do(ctx context.Context, r run, number int, steps int64) ([]Point, error) {
	folder := filepath.Join(c.Out, r.name())
	path := filepath.Join(folder, "points.json")
	o := c.training(r)
	o.Folder, o.Steps = filepath.Join(folder, shard.CheckpointsFolder), steps
	training, err := trainer.Fingerprint(c.Dataset, o)
	if err != nil {
		return nil, err
	}
	done := kept{Settings: c.settings, Training: training}
	switch data, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("read points: %w", err)
	default:
		if err := json.Unmarshal(data, &done); err != nil {
			return nil, fmt.Errorf("read points %s: %w; delete the folder %s to train it again", path, err, folder)
		}
	}
	if done.Settings != c.settings || done.Training != training {
		return nil, fmt.Errorf("%w: %s was made with other settings; give another folder in out, or delete it", ErrOther, folder)
	}
	places := stops(steps, c.Points)
	for _, stop := range places[min(len(done.Points), len(places)):] {
		o.StopAt = stop
		report := Progress{Run: r.name(), Number: number, Of: len(c.Objectives) * c.Seeds, Total: steps}
		result, err := trainer.Run(ctx, c.Dataset, o, func(s trainer.Step) {
			report.Step, report.Loss, report.Rate = s.Step, s.Loss, s.PairsPerSecond
			c.progress(report)
		})
		if err != nil {
			return nil, err
		}
		if result.Steps != stop {
			return nil, fmt.Errorf("%w: its checkpoint is of step %d, %d expected; delete the folder %s to train it again", ErrOther, result.Steps, stop, folder)
		}
		p := Point{Step: stop, Pairs: result.PairsSeen, Flops: result.Flops, Seconds: result.Seconds}
		if p.Scores, err = c.judge(ctx, o); err != nil {
			return nil, err
		}
		done.Points = append(done.Points, p)
		text, err := json.MarshalIndent(done, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("write points: %w", err)
		}
		if err := atomicfile.WriteFile(path, append(text, '\n')); err != nil {
			return nil, err
		}
		report.Step, report.Point = stop, &p
		c.progress(report)
	}
	return done.Points, nil
}

// judge scores the last checkpoint on all sets.
func (c *comparison) judge(ctx context.Context, o trainer.Options) ([]Score, error) {
	last, err := checkpoint.Latest(o.Folder)
	if err != nil {
		return nil, err
	}
	m, err := load(last, backend.Options{Device: o.Device, Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	defer m.close()
	var scores []Score
	for _, set := range c.sets {
		s, err := m.judge(ctx, set, c.templates, c.trained, c.CaptionPictures)
		if err != nil {
			return nil, err
		}
		scores = append(scores, s)
	}
	return scores, nil
}

// supervised tells whether a run learned the labels.
func (t Trained) supervised() bool { return t.Objective == clip.Supervised }
