package evaluate

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

func TestEffectiveRobustness(t *testing.T) {
	line := func(p float64) float64 { return 1 / (1 + math.Exp(-(0.8*logit(p) - 0.7))) }
	var baseline []AccuracyPair
	for _, p := range []float64{0.2, 0.5, 0.7, 0.9} {
		baseline = append(baseline, AccuracyPair{p, line(p)})
	}
	slope, intercept, predicted, err := EffectiveRobustness(baseline, 0.6)
	if err != nil || math.Abs(slope-0.8) > 1e-9 || math.Abs(intercept+0.7) > 1e-9 || math.Abs(predicted-line(0.6)) > 1e-9 {
		t.Errorf("got %g %g %g, %v", slope, intercept, predicted, err)
	}
	if _, _, predicted, err := EffectiveRobustness([]AccuracyPair{{0, 0}, {1, 1}}, 1); err != nil || math.Abs(predicted-0.999) > 1e-9 {
		t.Errorf("at the ends: %g, %v", predicted, err)
	}
	for _, bad := range [][]AccuracyPair{nil, {{0.5, 0.4}}, {{0.5, 0.4}, {0.5, 0.3}}} {
		if _, _, _, err := EffectiveRobustness(bad, 0.6); !errors.Is(err, errBaseline) {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}

func TestReadBaseline(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"# name, standard, shifted\nresnet, 0.7, 0.5\nvgg,0.6,0.4\n", ""},
		{"\uFEFF# name, standard, shifted\r\nresnet,0.7,0.5\r\n\r\nvgg,0.6,0.4\r\n", ""},
		{"resnet,0.7\n", "name,standard,shifted a line"},
		{"resnet,70,50\n", `model "resnet": accuracy "70", a number of 0 to 1`},
		{"resnet,0.7,NaN\n", `accuracy "NaN"`},
	} {
		list, err := ReadBaseline(writeFile(t, filepath.Join(t.TempDir(), "b.csv"), tt.text))
		if tt.want == "" {
			if err != nil || len(list) != 2 || list[0] != (AccuracyPair{0.7, 0.5}) {
				t.Errorf("%q: %v, %v", tt.text, list, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "b.csv") {
			t.Errorf("%q: got %v, want %q in it", tt.text, err, tt.want)
		}
	}
}

func TestBootstrap(t *testing.T) {
	hits := make([]float64, 400)
	for i := range hits {
		if i%4 != 0 {
			hits[i] = 1
		}
	}
	a := bootstrap(hits, 2000, 1)
	half := 1.96 * math.Sqrt(0.75*0.25/400) // of the normal approximation
	if math.Abs(a[0]-(0.75-half)) > 0.01 || math.Abs(a[1]-(0.75+half)) > 0.01 {
		t.Errorf("got %v, want %.3f to %.3f", a, 0.75-half, 0.75+half)
	}
	if b := bootstrap(hits, 2000, 1); b != a {
		t.Errorf("twice the same: %v and %v", a, b)
	}
	for i := range hits { // no longer few values, so that two seeds cannot agree by chance
		hits[i] = math.Sqrt(float64(i))
	}
	if bootstrap(hits, 100, 1) == bootstrap(hits, 100, 2) {
		t.Error("another seed changes nothing")
	}
	if bootstrap(hits, 0, 1) != (Interval{}) || bootstrap(nil, 10, 1) != (Interval{}) {
		t.Error("an interval of nothing")
	}
}
