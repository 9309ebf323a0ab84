package trainer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
)

// shapeLabels writes a file of the texts of writeShards, or of some of them.
func shapeLabels(t *testing.T, dir string, shapes ...string) string {
	t.Helper()
	var b strings.Builder
	for _, shape := range shapes {
		for _, c := range colours {
			b.WriteString("A " + c.name + " " + shape + "\n")
		}
	}
	path := filepath.Join(dir, "labels.txt")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestObjectivesLearn trains each objective on coloured shapes.
func TestObjectivesLearn(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	for _, tt := range []struct {
		objective string
		share     float64 // of the loss of guessing that the last steps stay below
		change    func(o *Options, dir string)
	}{
		// The caption's words are evenly likely: the least loss is ln of their number.
		{clip.BagOfWords, 0.3, nil},
		{clip.Caption, 0.15, nil},
		{clip.ConVIRT, 0.6, nil},
		{clip.Supervised, 0.4, func(o *Options, dir string) { o.Labels = shapeLabels(t, dir, "square", "disc", "bar") }},
		{clip.Contrastive, 0.4, func(o *Options, _ string) { o.LMWeight = 0.5 }},
	} {
		t.Run(tt.objective, func(t *testing.T) {
			dir := t.TempDir()
			writeShards(t, dir, 72)
			o := learning()
			o.Objective = tt.objective
			if tt.change != nil {
				tt.change(&o, dir)
			}
			r := train(t, dir, o)
			if r.LossLast > tt.share*r.LossChance || r.LossFirst > 1.4*r.LossChance {
				t.Errorf("the loss falls from %.3f to %.3f; guessing gives %.3f", r.LossFirst, r.LossLast, r.LossChance)
			}
			if r.Flops <= 0 || r.Hint != "" {
				t.Errorf("result is %+v", r)
			}
			c, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.State.Model.Objective; got != tt.objective && (got != "" || tt.objective != clip.Contrastive) {
				t.Errorf("the checkpoint's objective is %q", got)
			}
		})
	}
}

// TestStopAt trains in parts, into another folder, and compares with a whole run.
func TestStopAt(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70, 3)
	o := small()
	o.Objective, o.Steps, o.Accumulate = clip.Caption, 9, 2
	whole := train(t, dir, o)
	parts := o
	parts.Folder = filepath.Join(t.TempDir(), "parts")
	for _, stop := range []int64{4, 4, 8, 0} {
		parts.StopAt = stop
		r := train(t, dir, parts)
		if stop > 0 && (r.Steps != stop || r.Complete) {
			t.Errorf("asked to stop at %d, it stopped at %d", stop, r.Steps)
		}
		if stop == 0 && (r.LossLast != whole.LossLast || r.Flops != whole.Flops || r.Steps != 9 || r.PairsSeen != 9*2*16) {
			t.Errorf("in parts: %+v\nwhole: %+v", r, whole)
		}
	}
}

// TestMicroBatchesOfConVIRT expects the loss of the whole batch, to rounding.
func TestMicroBatchesOfConVIRT(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70)
	o := small()
	o.Objective, o.Steps = clip.ConVIRT, 3
	whole := train(t, dir, o)
	o.MicroBatch, o.Folder = 5, filepath.Join(dir, "micro")
	micro := train(t, dir, o)
	if d := micro.LossLast - whole.LossLast; d > 1e-4 || d < -1e-4 {
		t.Errorf("the loss is %g in micro batches, %g without", micro.LossLast, whole.LossLast)
	}
}

// TestNoLabel counts the pairs whose text is no label.
func TestNoLabel(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 72, 20)
	o := small()
	o.Epochs, o.Objective, o.Labels = 1, clip.Supervised, shapeLabels(t, dir, "square", "disc")
	r := train(t, dir, o)
	if r.Tally.In != 72 || r.Tally.Dropped[NoLabel] != 24 || r.Tally.Kept != 47 {
		t.Errorf("tally is %+v", r.Tally)
	}
	shapeLabels(t, dir, "disc")
	if _, err := Run(context.Background(), dir, o, nil); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "labels was") {
		t.Errorf("with other labels: %v", err)
	}
	for text, want := range map[string]string{
		"a red square\n\nA RED SQUARE\n": "labels.txt: line 2 is empty",
		"a b\nc\nA B\n":                  `line 3 repeats "a b" of line 1`,
		"elephant\n":                     ErrNoLabel.Error(),
	} {
		if err := os.WriteFile(o.Labels, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), dir, o, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("labels %q: got %v, want %q in it", text, err, want)
		}
	}
}

func TestValidateObjective(t *testing.T) {
	for _, tt := range []struct {
		change func(o *Options)
		want   string
	}{
		{func(o *Options) { o.Objective, o.MicroBatch = clip.Caption, 4 }, "micro_batch:"},
		{func(o *Options) { o.Objective, o.ValidateEvery = clip.BagOfWords, 4 }, "validate_every:"},
		{func(o *Options) { o.Objective, o.Loss = clip.ConVIRT, lossSigLIP }, "loss:"},
		{func(o *Options) { o.Objective, o.LMWeight = clip.ConVIRT, 1 }, "lm_weight:"},
		{func(o *Options) { o.MicroBatch, o.LMWeight = 4, 1 }, "lm_weight:"},
		{func(o *Options) { o.Objective = clip.Supervised }, "labels:"},
		{func(o *Options) { o.Labels = "x" }, "labels:"},
	} {
		o := small()
		tt.change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q in it", err, tt.want)
		}
	}
	o := small()
	o.Objective, o.MicroBatch = clip.ConVIRT, 4
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}
