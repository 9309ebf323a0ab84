package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// Result is the content of compare.json. Keys that begin with timing differ from
// run to run.
type Result struct {
	Model           string       `json:"model"`
	Batch           int          `json:"batch"`
	Templates       []string     `json:"templates"`
	CaptionPictures int          `json:"caption_pictures"`
	Objectives      []Summary    `json:"objectives"`
	Robustness      []Robustness `json:"robustness,omitempty"`
	Runs            []Trained    `json:"runs"`
}

// Trained is one run.
type Trained struct {
	Objective string  `json:"objective"`
	Seed      int64   `json:"seed"`
	Points    []Point `json:"points"`
}

// Summary is an objective at the end of its runs.
type Summary struct {
	Objective      string   `json:"objective"`
	Runs           int      `json:"runs"`
	Pairs          int64    `json:"pairs"` // seen by each
	Flops          float64  `json:"flops"` // mean
	Sets           []Spread `json:"sets"`
	PairsPerSecond float64  `json:"timing_pairs_per_second"`
}

// Spread is the top-1 accuracy of an objective's runs on a set.
type Spread struct {
	Set       string  `json:"set"`
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"` // of the sample of runs; 0 for one
	Least     float64 `json:"least"`
	Most      float64 `json:"most"`
	Top5      float64 `json:"top5"` // mean
	Pictures  int     `json:"pictures"`
}

// Robustness holds an objective against the supervised model whose accuracy on
// the first set is nearest, with what each has on the second set.
type Robustness struct {
	Objective string  `json:"objective"`
	Standard  float64 `json:"standard"` // mean top-1 on the first set
	Shifted   float64 `json:"shifted"`  // on the second
	// The supervised point, of any run.
	SupervisedPairs    int64   `json:"supervised_pairs"`
	SupervisedStandard float64 `json:"supervised_standard"`
	SupervisedShifted  float64 `json:"supervised_shifted"`
	// Predicted is what the line through all supervised points says of the second
	// set for the accuracy on the first, Effective what the objective has above it;
	// nil when the points are all of one accuracy, so that there is no line.
	Predicted *float64 `json:"predicted,omitempty"`
	Effective *float64 `json:"effective,omitempty"`
}

// summarise fills Objectives and Robustness from Runs.
func (r *Result) summarise(o Options) {
	for _, objective := range o.Objectives {
		s := Summary{Objective: objective}
		seconds := 0.0
		for set, name := range o.Sets {
			spread := Spread{Set: name, Least: math.Inf(1)}
			squares := 0.0
			for _, t := range r.of(objective) {
				score := t.last().Scores[set]
				spread.Mean += score.Top1
				squares += score.Top1 * score.Top1
				spread.Top5 += score.Top5
				spread.Least, spread.Most = min(spread.Least, score.Top1), max(spread.Most, score.Top1)
				spread.Pictures = score.Pictures
			}
			n := float64(len(r.of(objective)))
			spread.Mean, spread.Top5 = spread.Mean/n, spread.Top5/n
			if n > 1 {
				spread.Deviation = math.Sqrt(max(0, squares-n*spread.Mean*spread.Mean) / (n - 1))
			}
			s.Sets = append(s.Sets, spread)
		}
		for _, t := range r.of(objective) {
			last := t.last()
			s.Runs++
			s.Pairs = last.Pairs
			s.Flops += last.Flops
			seconds += last.Seconds
		}
		s.PairsPerSecond = float64(s.Pairs) * float64(s.Runs) / max(seconds, 1e-9)
		s.Flops /= float64(s.Runs)
		r.Objectives = append(r.Objectives, s)
	}
	r.compareRobustness()
}

// compareRobustness needs two sets and supervised runs; without them there is
// nothing to say.
func (r *Result) compareRobustness() {
	var baseline []evaluate.AccuracyPair
	var points []Point
	for _, t := range r.Runs {
		for _, p := range t.Points {
			if t.supervised() && len(p.Scores) > 1 {
				baseline = append(baseline, evaluate.AccuracyPair{Standard: p.Scores[0].Top1, Shifted: p.Scores[1].Top1})
				points = append(points, p)
			}
		}
	}
	if len(points) == 0 {
		return
	}
	for _, s := range r.Objectives {
		x := Robustness{Objective: s.Objective, Standard: s.Sets[0].Mean, Shifted: s.Sets[1].Mean, SupervisedStandard: math.Inf(1)}
		for i, b := range baseline {
			if math.Abs(b.Standard-x.Standard) < math.Abs(x.SupervisedStandard-x.Standard) {
				x.SupervisedPairs, x.SupervisedStandard, x.SupervisedShifted = points[i].Pairs, b.Standard, b.Shifted
			}
		}
		if _, _, predicted, err := evaluate.EffectiveRobustness(baseline, x.Standard); err == nil {
			effective := x.Shifted - predicted
			x.Predicted, x.Effective = &predicted, &effective
		}
		r.Robustness = append(r.Robustness, x)
	}
}

// of lists the runs of an objective.
func (r *Result) of(objective string) (list []Trained) {
	for _, t := range r.Runs {
		if t.Objective == objective {
			list = append(list, t)
		}
	}
	return list
}

func (t Trained) last() Point { return t.Points[len(t.Points)-1] }

// write makes the three files.
func (r *Result) write(folder string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{"compare.json", append(text, '\n')}, {"compare.md", []byte(r.table())}, {"compare.svg", []byte(r.plot())}} {
		if err := atomicfile.WriteFile(filepath.Join(folder, f.name), f.content); err != nil {
			return err
		}
	}
	return nil
}

// table is the comparison as Markdown.
func (r *Result) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Objectives compared\n\n%s, batches of %d; top-1 accuracy at the end, mean ± standard deviation over runs.\n\n", r.Model, r.Batch)
	b.WriteString("| objective | runs | pairs seen | operations |")
	for _, s := range r.Objectives[0].Sets {
		fmt.Fprintf(&b, " %s |", s.Set)
	}
	b.WriteString(" pairs/s |\n|---|---|---|---|")
	b.WriteString(strings.Repeat("---|", len(r.Objectives[0].Sets)+1) + "\n")
	for _, s := range r.Objectives {
		fmt.Fprintf(&b, "| %s | %d | %d | %.3g |", s.Objective, s.Runs, s.Pairs, s.Flops)
		for _, x := range s.Sets {
			fmt.Fprintf(&b, " %.1f%% ± %.1f (%d pictures) |", 100*x.Mean, 100*x.Deviation, x.Pictures)
		}
		fmt.Fprintf(&b, " %.0f |\n", s.PairsPerSecond)
	}
	b.WriteString("\nOperations are the useful ones of training, forward and backward. The learning rate\nfalls to 0 at the end, so that points before it are not what shorter runs would reach.\n")
	fmt.Fprintf(&b, "The objective caption is judged on %d pictures of a set at most, evenly spread.\n", r.CaptionPictures)
	if len(r.Robustness) > 0 {
		sets := r.Objectives[0].Sets
		fmt.Fprintf(&b, "\n## Robustness: from %s to %s\n\n", sets[0].Set, sets[1].Set)
		b.WriteString("Beside each objective the supervised point of nearest accuracy on the first set, and what\nthe line through all supervised points (of the logits) predicts.\n\n")
		b.WriteString("| objective | first | second | supervised: first | second | predicted | effective |\n|---|---|---|---|---|---|---|\n")
		for _, x := range r.Robustness {
			fmt.Fprintf(&b, "| %s | %.1f%% | %.1f%% | %.1f%% | %.1f%% |", x.Objective, 100*x.Standard, 100*x.Shifted, 100*x.SupervisedStandard, 100*x.SupervisedShifted)
			if x.Predicted != nil {
				fmt.Fprintf(&b, " %.1f%% | %+.1f points |\n", 100**x.Predicted, 100**x.Effective)
			} else {
				b.WriteString(" no line | |\n")
			}
		}
	}
	return b.String()
}
