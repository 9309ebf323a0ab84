package trainer

import (
	"bytes"
	"context"
	"image/jpeg"
	"math"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/clip"
)

// TestReason trains small models that learn nothing, each for its own cause, and some
// that learn: the cause is measured and said once, at the end, and no word is said where
// the model learned.
func TestReason(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	const everyPair, oneText = "a %s %s", "a thing%.0s%.0s"
	for _, tt := range []struct {
		name   string
		text   string // of the pairs
		one    bool   // picture, for all
		change func(o *Options)
		want   string // in the result's hint; "" for none
	}{
		{"it learns", everyPair, false, func(*Options) {}, ""},
		{"it learns by the sigmoid loss", everyPair, false, func(o *Options) { o.Loss, o.Epochs = lossSigLIP, 20 }, ""},
		{"it learns late, in the last half of a long warm-up and after", everyPair, false, func(o *Options) { o.LearningRate, o.Epochs = 4e-4, 24 }, ""},
		{"it predicts words", everyPair, false, func(o *Options) { o.Objective, o.LearningRate = clip.BagOfWords, 1e-9 }, ""},
		{"equal captions", oneText, false, func(*Options) {}, "1 of 70 captions are distinct, with which no model gets below 2.773 in batches of 16"},
		{"captions equal but for what the model does not see", "a thing" + strings.Repeat(" and so on", 40) + " %s %s", false, func(*Options) {}, "1 of 70 captions are distinct"},
		{"equal pictures", everyPair, true, func(*Options) {}, "1 of 70 pictures are distinct, with which no model gets below 2.773 in batches of 16"},
		{"a rate of 1", everyPair, false, func(o *Options) { o.LearningRate = 1 }, "as it does where the rate is too high; lower lr, which is 1,"},
		{"a rate too low", everyPair, false, func(o *Options) { o.LearningRate = 1e-9 }, "in 24 steps at an lr of 1e-09; more epochs, or a higher lr, may help"},
		{"not the time", everyPair, false, func(o *Options) { o.LearningRate = 2e-5 }, "in 24 steps at an lr of 2e-05; more epochs, or a higher lr, may help"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var b bytes.Buffer
			if tt.one {
				if err := jpeg.Encode(&b, drawShape(1, colours[2].rgb, 3), nil); err != nil {
					t.Fatal(err)
				}
			}
			writePairs(t, dir, 70, tt.text, b.Bytes())
			o := small()
			tt.change(&o)
			r, err := Run(context.Background(), dir, o, func(s Step) {
				if s.Notice != "" {
					t.Errorf("at step %d it says %q", s.Step, s.Notice)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if (r.Hint == "") != (tt.want == "") || !strings.Contains(r.Hint, tt.want) {
				t.Errorf("it says %q, want %q; the loss was %.3f at first, %.3f at last, chance is %.3f", r.Hint, tt.want, r.LossFirst, r.LossLast, r.LossChance)
			}
			if again := train(t, dir, o); again.Hint != r.Hint {
				t.Errorf("of the complete run it says %q, then %q", r.Hint, again.Hint)
			}
		})
	}
}

func TestLearned(t *testing.T) {
	chance := math.Log(8192)
	for _, tt := range []struct {
		name   string
		last   []float64
		chance float64
		want   bool
	}{
		{"far below", []float64{2, 2.1, 1.9, 2, 2}, 4.852, true},
		{"at chance", []float64{4.85, 4.86, 4.85, 4.84, 4.85}, 4.852, false},
		{"above", []float64{6, 5, 6, 5, 6}, 4.852, false},
		{"a little below, of a large batch", []float64{8.87, 8.86, 8.88, 8.87, 8.87}, chance, true},
		{"below by chance", []float64{4.9, 4.2, 4.9, 4.9, 4.8}, 4.852, false},
		{"too few to tell the error", []float64{4.75}, 4.852, false},
		{"of few, far below", []float64{4.5}, 4.852, true},
	} {
		if got := learned(tt.last, tt.chance); got != tt.want {
			t.Errorf("%s: learned is %v", tt.name, got)
		}
	}
}

func TestFloor(t *testing.T) {
	of := func(counts ...int) repeats {
		p := repeats{of: map[uint64]int{}}
		for value, n := range counts {
			for range n {
				p.add(uint64(value))
			}
		}
		return p
	}
	for _, tt := range []struct {
		name  string
		pairs repeats
		batch int
		want  float64
	}{
		{"all equal", of(100), 16, math.Log(16)},
		{"all distinct", of(1, 1, 1, 1, 1, 1), 16, 0},
		{"halves of many", of(5000, 5000), 16, math.Log(1 + 7.5)},
		{"the whole dataset is the batch", of(2, 2), 4, math.Log(2)},
	} {
		if got := tt.pairs.floor(tt.batch); math.Abs(got-tt.want) > 1e-3 {
			t.Errorf("%s: %g, want %g", tt.name, got, tt.want)
		}
	}
}
