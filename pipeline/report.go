package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/token"
)

// Report writes the figures of all stages, the page that shows them, and what
// describes the dataset to others.
type Report struct {
	Dir     string
	Options *Options
	List    *QueryList
	Version string // of the program
	// Against and Appendix are those of [Work].
	Against  string
	Appendix bool
	// Before are the stages whose settings decide what is in the dataset.
	Before []Stage
	// Train and Eval are the stages whose results the report shows where they
	// are of the shards that are there.
	Train, Eval Stage
}

// Reported is the stage's result.
type Reported struct {
	Page  string   `json:"page"`            // path of index.html
	Notes []string `json:"notes,omitempty"` // what was left out, and why
}

// Stage describes the stage.
func (r Report) Stage() Stage {
	return Stage{
		Name: ReportName, Doing: "making the report", Dir: r.Dir, Folder: shard.ReportFolder,
		Inputs: []string{shard.CandidatesFolder, shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder, shard.ShardsFolder},
		Extras: []string{shard.CheckpointsFolder, shard.EvaluationFolder},
		Settings: func() (string, error) {
			hash, err := r.List.Hash()
			if err != nil {
				return "", err
			}
			about := r.Options.About
			return settings.Hash(hash, strconv.Itoa(stats.SchemaVersion), r.Version, about.Name, about.License, about.URL, r.Options.Gate.Contact, settings.Hash(deciding(r.Options))), nil
		},
		Run: r.Run,
	}
}

// Run is the stage. Its outcome's result is [Reported].
func (r Report) Run(ctx context.Context, progress Progress) (*Outcome, error) {
	s := r.Stage()
	list, err := r.List.Get()
	if err != nil {
		return nil, err
	}
	inputs, err := s.inputs()
	if err != nil {
		return nil, err
	}
	var tallies []shard.Tally
	for _, m := range inputs {
		tallies = append(tallies, *m.Tally)
	}
	dataset, err := shard.OpenDataset(filepath.Join(r.Dir, shard.ShardsFolder))
	if err != nil {
		return nil, err
	}
	var older *stats.Stats
	if r.Against != "" {
		if older, err = stats.ReadStats(r.Against); err != nil {
			return nil, &ConfigurationError{fmt.Errorf("--against: %w", err)}
		}
	}
	figures, err := r.collect(ctx, dataset, tallies, list, progress)
	if err != nil {
		return nil, err
	}
	counts, err := stats.ReadQueryCounts(filepath.Join(r.Dir, shard.SelectionFolder))
	if err != nil {
		return nil, err
	}
	balance := r.Options.Balance
	figures.Balance = stats.BalanceOf(counts, len(list.Entries), balance.Mode, int64(balance.MaxPairsPerQuery))
	out := Reported{Page: filepath.Join(s.path(), stats.PageName)}
	duplicates, err := stats.ReadDuplicates(filepath.Join(r.Dir, shard.SelectionFolder))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		out.Notes = append(out.Notes, "clusters of pictures and evaluation sets are left out: the selection was made before they were written down; delete selection/_MANIFEST.json and run pairloom curate")
	case err != nil:
		return nil, err
	default:
		figures.Duplicates = *duplicates
	}
	for _, add := range []func(*stats.Stats, *shard.Dataset) (string, error){r.addDataset, r.addTraining, r.addEvaluation} {
		note, err := add(figures, dataset)
		if err != nil {
			return nil, err
		}
		if note != "" {
			out.Notes = append(out.Notes, note)
		}
	}
	if older != nil {
		figures.Change = stats.ChangeOf(older, figures)
	}
	// What is there counts no more from here on: the files would not be those of its manifest.
	if err := atomicfile.Remove(filepath.Join(s.path(), shard.ManifestName)); err != nil {
		return nil, err
	}
	files, err := r.write(figures)
	if err != nil {
		return nil, err
	}
	if note, err := r.writeTimes(); err != nil {
		return nil, err
	} else if note != "" {
		out.Notes = append(out.Notes, note)
	}
	tally := shard.NewTally(ReportName, "pairs", "pairs")
	tally.In, tally.Kept, tally.Out = figures.Pairs, figures.Pairs, figures.Pairs
	return &Outcome{Tally: tally, Result: out}, s.finish(tally, files...)
}

// collect reads the dataset once.
func (r Report) collect(ctx context.Context, dataset *shard.Dataset, tallies []shard.Tally, list *query.List, progress Progress) (*stats.Stats, error) {
	parts, total := dataset.Parts(""), dataset.Len("")
	var done atomic.Int64
	tokens := token.Public().NewEncoder()
	var ids []int32
	return stats.Collect(ctx, stats.Input{
		Parts: len(parts),
		Rows: func(part int) iter.Seq2[*shard.Pair, error] {
			return func(yield func(*shard.Pair, error) bool) {
				for row, err := range dataset.Rows(parts[part].Name, stats.Columns...) {
					if err != nil {
						yield(nil, err)
						return
					}
					if !yield(&row.Pair, nil) {
						return
					}
				}
			}
		},
		Tallies: tallies, Query: list.Name,
	}, stats.Options{
		Workers: r.Options.workers(), Seed: r.Options.Seed,
		Tokens: func(text string) int {
			ids = tokens.Append(ids[:0], text, maxTokens)
			return len(ids)
		},
		Progress: func(pairs int64) { progress(done.Add(pairs), total) },
	})
}

// addTraining adds the last checkpoint's training to the figures, finished or
// not. The note says so when it is not of the shards that there are, or cannot be read:
// the report comes before the stage that mends it, and must not keep a run from it.
func (r Report) addTraining(figures *stats.Stats, dataset *shard.Dataset) (note string, err error) {
	const folder = shard.CheckpointsFolder
	c, err := checkpoint.Latest(r.Train.path())
	if errors.Is(err, checkpoint.ErrNone) {
		return "", nil
	}
	if err != nil {
		return "the training is left out: " + err.Error(), nil
	}
	state := c.State
	var settings struct {
		Batch      int64 `json:"batch"`
		Accumulate int64 `json:"accumulate"`
	}
	if err := json.Unmarshal([]byte(state.Settings), &settings); err != nil {
		return fmt.Sprintf("the training is left out: read the settings in %s: %v; run pairloom train --replace to train anew", filepath.Join(c.Path, "state.json"), err), nil
	}
	if n := len(state.Segments); n > 0 {
		settings.Batch = int64(state.Segments[n-1].Batch) // lowered where there are fewer pairs
	}
	t := &stats.Training{
		Model: state.Model.Name, Steps: state.Step, TotalSteps: state.Total, PairsPerStep: settings.Batch * max(settings.Accumulate, 1),
		LossFirst: mean(state.LossFirst), LossLast: mean(state.LossLast), Checkpoint: path.Join(folder, filepath.Base(c.Path)),
	}
	if best := state.Best; best.Step > 0 {
		t.HeldOut = &stats.HeldOut{Last: state.Validation.Loss, Best: best.Loss, BestStep: best.Step, Checkpoint: path.Join(folder, "best")}
	}
	if trainedOn(t, state, dataset); t.Generation < t.Generations {
		note = "the training shown was " + t.TrainedOn
	}
	figures.Training = t
	if err := t.ReadCurves(filepath.Join(r.Train.path(), "metrics.jsonl"), state.MetricsBytes); err != nil {
		note = strings.TrimPrefix(note+"; the curves of the training end where they cannot be read: "+err.Error(), "; ")
	}
	return note, nil
}

// trainedOn says which pairs of the dataset a training was on.
func trainedOn(t *stats.Training, state checkpoint.State, dataset *shard.Dataset) {
	t.Generations = dataset.Generation()
	if len(state.Segments) == 0 {
		if t.TrainedOn = "trained on shards that an older pairloom did not name"; state.Data == dataset.Manifest().Hash() {
			t.Generation, t.TrainedOn = t.Generations, fmt.Sprintf("trained on generation %d of %[1]d", t.Generations)
		}
		return
	}
	on := state.Segments[len(state.Segments)-1].Data[0]
	if on.Generation > t.Generations || dataset.At(on.Generation).Hash() != on.Hash {
		t.TrainedOn = "trained on other shards than these, which were written anew since; pairloom train tells how many pairs are new"
		return
	}
	t.Generation, t.Since = on.Generation, dataset.Len(shard.Training)-dataset.At(on.Generation).Len(shard.Training)
	t.TrainedOn = fmt.Sprintf("trained on generation %d of %d", t.Generation, t.Generations)
	if gone := on.Rows - dataset.At(on.Generation).Len(shard.Training); t.Since > 0 || gone > 0 {
		t.TrainedOn += fmt.Sprintf(": %s training pairs came since, and %s left", Grouped(t.Since), Grouped(gone))
	}
}

// mean is 0 for no values.
func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(len(values), 1))
}

// addEvaluation adds the last evaluation to the figures. One of other shards or
// checkpoints, or one that cannot be read, is left out, which the note says.
func (r Report) addEvaluation(figures *stats.Stats, _ *shard.Dataset) (note string, err error) {
	m, err := shard.ReadManifest(r.Eval.path())
	if errors.Is(err, shard.ErrUnfinished) {
		return "", nil
	}
	if err != nil {
		return "the evaluation is left out: " + err.Error(), nil
	}
	if input, err := r.Eval.input(); err != nil || m.Input != input {
		return "the evaluation there is of other shards or checkpoints and left out; run pairloom eval", nil
	}
	name := filepath.Join(r.Eval.path(), evaluate.ResultName)
	var x evaluate.Result
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &x)
	}
	if err != nil {
		return fmt.Sprintf("the evaluation is left out: read %s: %v; run pairloom eval, which writes it", name, err), nil
	}
	e := &stats.Evaluation{
		Model: x.Model, Checkpoint: path.Join(shard.CheckpointsFolder, x.Checkpoint), Step: x.Step, Pairs: x.Pairs,
		Retrieval: []stats.Retrieval{retrievalOf("picture to text", x.ImageToText), retrievalOf("text to picture", x.TextToImage)},
		ZeroShot:  []stats.ZeroShot{},
		Seen:      "it was made before evaluations told which pairs the model has seen; pairloom eval tells it",
	}
	if x.Seen != nil {
		e.Seen = x.Seen.Note
	}
	if x.ZeroShot != nil {
		e.ZeroShot = append(e.ZeroShot, zeroShotOf("held-out pairs, by their queries", x.ZeroShot))
	}
	for _, s := range x.Sets {
		if s.ZeroShot != nil {
			e.ZeroShot = append(e.ZeroShot, zeroShotOf(s.Set, s.ZeroShot))
			if s.Seen > 0 {
				e.Seen += fmt.Sprintf("; it was trained on %s of the pictures of %s", Grouped(s.Seen), s.Set)
			}
		}
	}
	e.Seen = strings.TrimPrefix(e.Seen, "; ")
	figures.Evaluation = e
	return "", nil
}

func accuracyOf(a evaluate.Accuracy) stats.Accuracy {
	return stats.Accuracy{Rate: a.Rate, Interval: a.Interval, Chance: a.Chance}
}

func retrievalOf(name string, r evaluate.Retrieval) stats.Retrieval {
	x := stats.Retrieval{Name: name, MedianRank: r.MedianRank, Recall: []stats.Recall{}}
	for _, k := range r.Recall {
		x.Recall = append(x.Recall, stats.Recall{K: k.K, Accuracy: accuracyOf(k.Accuracy)})
	}
	return x
}

func zeroShotOf(set string, z *evaluate.ZeroShot) stats.ZeroShot {
	return stats.ZeroShot{Set: set, Classes: z.Classes, Pictures: z.Pictures, Top1: accuracyOf(z.Top1), Top5: accuracyOf(z.Top5)}
}
