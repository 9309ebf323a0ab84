package trainer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// TestOutlierLimit goes through norms of gradients step by step.
func TestOutlierLimit(t *testing.T) {
	repeat := func(norm float64, n int) []float64 { return slices.Repeat([]float64{norm}, n) }
	for _, tt := range []struct {
		name    string
		times   float64
		norms   []float64
		skipped []int64 // steps, from 1
	}{
		{"off", 0, append(repeat(1, 30), 1000), nil},
		{"far above", 10, slices.Concat(repeat(1, 12), []float64{11}, repeat(1, 5)), []int64{13}},
		{"at the limit", 10, slices.Concat(repeat(1, 12), []float64{10}, repeat(1, 5)), nil},
		{"too few are known", 10, slices.Concat(repeat(1, 9), []float64{1000}, repeat(1, 5)), nil},
		{"the tenth is known to the step after the next", 10, slices.Concat(repeat(1, 10), []float64{1000, 1000}), []int64{12}},
		{"what was skipped is not in the median", 2, slices.Concat(repeat(1, 12), repeat(3, 9), repeat(1, 3)), []int64{13, 14, 15, 16, 17, 18, 19, 20, 21}},
		{"ten in a row are none", 2, slices.Concat(repeat(1, 12), repeat(3, 30)), []int64{13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}},
		{"norms fall as the run goes on", 4, slices.Concat(repeat(100, 50), repeat(10, 100), []float64{39, 41}), []int64{152}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s checkpoint.State
			var skipped []int64
			for _, norm := range tt.norms {
				limit := outlierLimit(&s, s.Step)
				outlier := limit > 0 && norm > limit
				s.Step++
				if outlier {
					skipped = append(skipped, s.Step)
				}
				learnNorm(&s, norm, tt.times, !outlier, outlier)
			}
			if !slices.Equal(skipped, tt.skipped) {
				t.Errorf("skipped are %v, want %v", skipped, tt.skipped)
			}
		})
	}
}

// linesOf are the lines of training in metrics.jsonl.
func linesOf(t *testing.T, dir string) (lines []metricsLine) {
	t.Helper()
	scanner := bufio.NewScanner(strings.NewReader(readText(t, filepath.Join(dir, "checkpoints", metricsName))))
	for scanner.Scan() {
		var l metricsLine
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	return lines
}

// TestSkipOutliers trains with a limit that many steps are above: those change no weight,
// all others do; they are counted; and a run that is stopped before any step and gone on
// with leaves out the same.
func TestSkipOutliers(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	o := small()
	o.SkipOutliers, o.LearningRate, o.CheckpointEvery, o.Keep = 1.05, 1e-6, 1, 100
	whole := t.TempDir()
	writeShards(t, whole, 70)
	r := train(t, whole, o)
	weights := func(step int64) string {
		return readText(t, filepath.Join(whole, "checkpoints", fmt.Sprintf("step-%08d", step), checkpoint.WeightsName))
	}
	skipped := int64(0)
	for _, line := range linesOf(t, whole) {
		if line.Step == 1 {
			continue
		}
		outlier := line.Outliers > skipped
		skipped = line.Outliers
		if same := weights(line.Step) == weights(line.Step-1); same != outlier {
			t.Errorf("step %d is an outlier: %v, and leaves the weights as they were: %v", line.Step, outlier, same)
		}
	}
	if skipped == 0 || skipped > 13 || r.Outliers != skipped || r.Skipped != 0 {
		t.Errorf("%d steps are skipped by the metrics: %+v", skipped, r)
	}
	o.Keep = 2
	parts := t.TempDir()
	writeShards(t, parts, 70)
	for o.StopAt = 1; o.StopAt < r.TotalSteps; o.StopAt += 2 {
		if _, err := Run(context.Background(), parts, o, nil); err != nil {
			t.Fatal(err)
		}
	}
	o.StopAt = 0
	train(t, parts, o)
	equalRuns(t, whole, parts)
}
