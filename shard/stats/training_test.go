package stats

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// someTraining took n steps, a line each, and was validated after each 40.
func someTraining(t *testing.T, n int64) *Training {
	t.Helper()
	var lines strings.Builder
	for step := int64(1); step <= n; step++ {
		fmt.Fprintf(&lines, `{"step":%d,"epoch":1,"loss":%.3f,"lr":0.001,"timing_data_wait":0.1}`+"\n", step, 400/float64(step+99)+float64(step%3)/16)
		if step%40 == 0 {
			fmt.Fprintf(&lines, `{"step":%d,"validation_loss":%.3f}`+"\n", step, 4.2+math.Abs(float64(step-200))/160)
		}
	}
	whole := lines.Len()
	lines.WriteString(`{"step":401,"lo`) // by a run that was killed
	x := &Training{
		Model: "vit-micro", Steps: n, TotalSteps: 500, PairsPerStep: 128, LossFirst: 4.012, LossLast: .875,
		Checkpoint: fmt.Sprintf("checkpoints/step-%08d", n),
		Generation: 2, Generations: 3, Since: 12, TrainedOn: "trained on generation 2 of 3: 12 training pairs came since, and 0 left",
		HeldOut:    &HeldOut{Last: 5.45, Best: 4.2, BestStep: 200, Checkpoint: "checkpoints/best"},
	}
	if err := x.ReadCurves(metricsFile(t, lines.String()), int64(whole)); err != nil {
		t.Fatal(err)
	}
	return x
}

func someEvaluation() *Evaluation {
	accuracy := func(rate, chance float64) Accuracy {
		return Accuracy{rate, [2]float64{rate - .0625, rate + .0625}, chance}
	}
	recall := []Recall{{1, accuracy(.25, .0078)}, {5, accuracy(.5, .039)}, {10, Accuracy{Rate: .625, Chance: .078}}}
	return &Evaluation{
		Model: "vit-micro", Checkpoint: "checkpoints/step-00000400", Step: 400, Pairs: 128, Seen: "the model was trained on generation 2 of 3; there are 12 new training pairs since",
		Retrieval: []Retrieval{{"picture to text", recall, 4.5}, {"text to picture", recall, 5}},
		ZeroShot:  []ZeroShot{{"folder:<set>", 10, 500, accuracy(.375, .1), accuracy(.75, .5)}},
	}
}

func metricsFile(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	if err := os.WriteFile(path, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadCurves(t *testing.T) {
	const first = `{"step":1,"loss":4.5}` + "\n"
	for _, tt := range []struct {
		name, lines string
		length      int64  // of the lines that count; 0 for all
		want        string // points of both curves, or the error
	}{
		{"nothing", "", 0, "[] []"},
		{"both", first + `{"step":3,"loss":2}` + "\n" + `{"step":3,"validation_loss":3}` + "\n", 0, "[{8 4.5} {24 2}] [{24 3}]"},
		{"keys in any order, others ignored", `{"lr":1,"loss":0,"step":9}` + "\n", 0, "[{72 0}] []"},
		{"cut at the checkpoint", first + first, int64(len(first)), "[{8 4.5}] []"},
		{"shorter than at the checkpoint", first, 1000, "[{8 4.5}] []"},
		{"no end", first + `{"step":2,"loss":4}`, 0, "line 2: it has no end; delete the line"},
		{"half a line", first + `{"step":2,"lo` + "\n" + first, 0, "line 2: unexpected end of JSON input"},
		{"empty line", first + "\n", 0, "line 2: unexpected end"},
		{"no JSON", "step 1\n", 0, "line 1: invalid character"},
		{"text for a loss", `{"step":1,"loss":"4"}` + "\n", 0, "line 1: json: cannot unmarshal string"},
		{"a list", "[]\n", 0, "line 1: json: cannot unmarshal array"},
		{"no loss", `{"step":1}` + "\n", 0, "line 1: it has neither loss nor validation_loss"},
		{"no step", `{"loss":1}` + "\n", 0, "line 1: step 0 of a training that took 9"},
		{"step beyond the last", `{"step":10,"loss":1}` + "\n", 0, "line 1: step 10 of a training that took 9"},
		{"step again", first + first, 0, "line 2: step 1 follows step 1"},
		{"validation again", `{"step":2,"validation_loss":3}` + "\n" + `{"step":2,"validation_loss":3}` + "\n", 0, "line 2: step 2 follows step 2"},
		{"loss beyond float32", `{"step":1,"loss":1e300}` + "\n", 0, "line 1: the loss 1e+300 is beyond"},
		{"loss beyond float64", `{"step":1,"loss":1e999}` + "\n", 0, "line 1: json: cannot unmarshal number 1e999"},
		{"line without end in sight", strings.Repeat(" ", maxMetricsLine) + first, 0, "line 1: it has more than 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, path := &Training{Steps: 9, PairsPerStep: 8}, metricsFile(t, tt.lines)
			length := tt.length
			if length == 0 {
				length = int64(len(tt.lines))
			}
			err := x.ReadCurves(path, length)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "read metrics "+path+": "+tt.want) {
					t.Errorf("%v, want %s", err, tt.want)
				}
				return
			}
			if got := fmt.Sprint(x.Loss.Points, x.HeldOutLoss.Points); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestReadCurvesWithoutFile(t *testing.T) {
	x := &Training{Steps: 9, PairsPerStep: 8}
	if err := x.ReadCurves(filepath.Join(t.TempDir(), "metrics.jsonl"), 100); err != nil || x.Loss.Points == nil {
		t.Errorf("%v, %+v", err, x)
	}
	if v := trainingViewOf(x); len(v.Lines) != 0 || len(v.XTicks) != 0 {
		t.Errorf("a chart of nothing: %+v", v)
	}
	if err := x.ReadCurves(t.TempDir(), 100); err == nil {
		t.Error("a folder was read as metrics")
	}
}

// A curve of any length has few points, the means of equally many lines, and
// forgets none.
func TestCurveIsThinned(t *testing.T) {
	for _, n := range []int64{1, 299, 300, 301, 600, 601, 4801, 1_000_000} {
		var sums thinned
		for step := int64(1); step <= n; step++ {
			sums.add(step, float64(step))
		}
		c := sums.curve(2)
		if got := int64(len(c.Points)); got > maxCurvePoints || got < min(n, maxCurvePoints/2) || got != (n+c.LinesPerPoint-1)/c.LinesPerPoint {
			t.Errorf("%d lines: %d points of %d lines", n, got, c.LinesPerPoint)
		}
		for i, p := range c.Points {
			from := int64(i)*c.LinesPerPoint + 1
			to := min(from+c.LinesPerPoint-1, n)
			if want := float64(from+to) / 2; p.Loss != want || p.Pairs != from+to {
				t.Fatalf("%d lines, point %d: %+v, want the mean of %d to %d", n, i, p, from, to)
			}
		}
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		low, high float64
		want      string
	}{
		{0, 4.9, "[0 1 2 3 4 5]"},
		{4.61, 4.68, "[4.60 4.62 4.64 4.66 4.68]"},
		{.02, 11.2, "[0 2 4 6 8 10 12]"},
		{3, 3, "[3 4]"},
		{3.5, 3.5, "[3 4]"},
		{0, 0, "[0 1]"},
		{1e-7, 3e-7, "[1e-07 1.5e-07 2e-07 2.5e-07 3e-07]"},
		{1, 3e38, "[0 5e+37 1e+38 1.5e+38 2e+38 2.5e+38 3e+38]"},
	} {
		v := trainingViewOf(&Training{Loss: Curve{1, []LossPoint{{1, tt.low}, {2, tt.high}}}})
		var labels []string
		for _, y := range v.YTicks {
			if y.At > curveBottom || y.At < curveTop {
				t.Errorf("%v to %v: tick %+v lies outside", tt.low, tt.high, y)
			}
			labels = append(labels, y.Label)
		}
		if got := fmt.Sprint(labels); got != tt.want {
			t.Errorf("%v to %v: %s, want %s", tt.low, tt.high, got, tt.want)
		}
	}
}
