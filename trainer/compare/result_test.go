package compare

import (
	"math"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/clip"
)

// TestRobustness puts one objective beside supervised points: the nearest is
// named always, the line is drawn where the points differ.
func TestRobustness(t *testing.T) {
	type pair struct{ standard, shifted float64 }
	for _, tt := range []struct {
		name                 string
		supervised           []pair
		nearest              float64 // its accuracy on the shifted set
		predicted, effective float64
		line                 bool
		table                string
	}{
		{"points on logit(y) = logit(x)", []pair{{0.2, 0.2}, {0.6, 0.6}, {0.9, 0.9}}, 0.6, 0.5, -0.1, true, "| contrastive | 50.0% | 40.0% | 60.0% | 60.0% | 50.0% | -10.0 points |"},
		{"one accuracy", []pair{{0.6, 0.5}, {0.6, 0.5}}, 0.5, 0, 0, false, "| contrastive | 50.0% | 40.0% | 60.0% | 50.0% | no line | |"},
	} {
		o := Options{Objectives: []string{clip.Contrastive}, Sets: []string{"a", "b"}}
		point := func(p pair) Point { return Point{Scores: []Score{{Top1: p.standard}, {Top1: p.shifted}}} }
		r := Result{Runs: []Trained{{Objective: clip.Contrastive, Points: []Point{point(pair{0.5, 0.4})}}, {Objective: clip.Supervised}}}
		for _, p := range tt.supervised {
			r.Runs[1].Points = append(r.Runs[1].Points, point(p))
		}
		r.summarise(o)
		if len(r.Robustness) != 1 {
			t.Fatalf("%s: robustness is %+v", tt.name, r.Robustness)
		}
		x := r.Robustness[0]
		if x.SupervisedShifted != tt.nearest || (x.Predicted != nil) != tt.line {
			t.Errorf("%s: %+v", tt.name, x)
		}
		if tt.line && (math.Abs(*x.Predicted-tt.predicted) > 1e-9 || math.Abs(*x.Effective-tt.effective) > 1e-9) {
			t.Errorf("%s: predicted %g, effective %g, want %g, %g", tt.name, *x.Predicted, *x.Effective, tt.predicted, tt.effective)
		}
		if table := r.table(); !strings.Contains(table, tt.table) {
			t.Errorf("%s: no line %q in\n%s", tt.name, tt.table, table)
		}
	}
}
