package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

func hashOf(data []byte) string { return fmt.Sprintf("%016x", xxhash.Sum64(data)) }

// holdOut adds n held-out pairs to the shards of dir; rows in broken do not
// decode.
func holdOut(t testing.TB, dir string, n int, broken ...int) {
	t.Helper()
	folder := filepath.Join(dir, "shards")
	m, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	w, err := shard.CreatePart[shard.Pair](folder, "heldout-00000.arrow", shard.Origin{Stage: "shard"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		c, shape := colours[i%len(colours)], i/len(colours)%3
		var b bytes.Buffer
		if err := jpeg.Encode(&b, drawShape(shape, c.rgb, 3*i+1), nil); err != nil {
			t.Fatal(err)
		}
		p := shard.Pair{PairID: uint64(1000 + i), Text: fmt.Sprintf("a %s %s", c.name, []string{"square", "disc", "bar"}[shape]), Image: b.Bytes()}
		for _, row := range broken {
			if row == i {
				p.Image = p.Image[:40]
			}
		}
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
		m.Tally.Keep()
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	m.Parts = append(m.Parts, part)
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// TestValidation holds the best checkpoint against the validation lines, and
// that it outlives those that keep removes.
func TestValidation(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70)
	holdOut(t, dir, 18, 5)
	o := small()
	o.Epochs, o.ValidateEvery, o.Keep, o.EMA = 10, 4, 1, 0.9
	r := train(t, dir, o)

	text, err := os.ReadFile(filepath.Join(dir, "checkpoints", metricsName))
	if err != nil {
		t.Fatal(err)
	}
	best, last, count := validationLine{Loss: math.Inf(1)}, validationLine{}, 0
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte("validation_loss")) {
			if err := json.Unmarshal(line, &last); err != nil {
				t.Fatal(err)
			}
			if count++; last.Loss < best.Loss {
				best = last
			}
		}
	}
	if count != 10 || r.BestStep != best.Step || r.BestValidation != best.Loss || r.Validation != last.Loss {
		t.Errorf("%d lines, the best %+v, the last %+v; the result is %+v", count, best, last, r)
	}
	if best.Loss > 0.6*math.Log(17) {
		t.Errorf("the best loss on 17 held-out pairs is %g; guessing gives %g", best.Loss, math.Log(17))
	}
	link, err := os.Readlink(filepath.Join(dir, "checkpoints", "best"))
	if want := fmt.Sprintf("best-%08d", best.Step); err != nil || link != want {
		t.Errorf("best leads to %q, %v, want %q", link, err, want)
	}
	c, err := checkpoint.Best(filepath.Join(dir, "checkpoints"))
	if err != nil || c.State.Step != best.Step {
		t.Fatalf("%+v, %v", c, err)
	}
	weights, err := c.Weights()
	if err != nil {
		t.Fatal(err)
	}
	average, err := c.Average()
	if err != nil || len(average) != len(weights) {
		t.Fatalf("%d tensors of %d are averaged, %v", len(average), len(weights), err)
	}
	if d := distance(average["visual.proj"].Data, weights["visual.proj"].Data); d == 0 || d > 0.5 {
		t.Errorf("the average lies %g from the weights", d)
	}
	if got := glob(t, dir, "checkpoints", "step-*"); len(got) != 1 {
		t.Errorf("one checkpoint is kept beside the best, found %v", got)
	}
	if again := train(t, dir, o); again.BestStep != r.BestStep || again.Resumed != 40 {
		t.Errorf("a second run gives %+v", again)
	}
	o.Replace, o.Seed, o.ValidateEvery = true, 9, 0
	train(t, dir, o)
	if got := glob(t, dir, "checkpoints", "best*"); len(got) > 0 {
		t.Errorf("a run that replaces leaves %v", got)
	}
}

// Where fewer than two held-out pairs decode, training goes on without validation, and
// says so once, and what to do.
func TestTooFewToValidate(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 40)
	holdOut(t, dir, 2, 1)
	o := small()
	o.ValidateEvery = 2
	var notices []string
	r, err := Run(context.Background(), dir, o, func(s Step) {
		if strings.Contains(s.Notice, "validation") {
			notices = append(notices, s.Notice)
		}
	})
	if err != nil || !r.Complete || r.BestStep != 0 {
		t.Errorf("the training ends with %+v, %v", r, err)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "has 1 that decode; raise shard.heldout_share, or set train.validate_every to 0") {
		t.Errorf("it says %q", notices)
	}
}

// TestBestOutlivesItsSegment spoils a model in a second segment, by a rate that is far
// too high, and begins a third: the best weights are still those of the first, judged on
// the held-out pairs of now, and the model goes on from its last ones all the same.
func TestBestOutlivesItsSegment(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir := t.TempDir()
	compacted(t, dir, numbers(0, 36)...)
	holdOut(t, dir, 18)
	o := growing()
	o.Epochs, o.ValidateEvery, o.ExtendRate = 10, 2, 1
	first := train(t, dir, o)
	grow(t, dir, 36, 54)
	spoiled := train(t, dir, o)
	folder := filepath.Join(dir, "checkpoints")
	before, err := checkpoint.Best(folder)
	if err != nil || before.State.Step > first.Steps || spoiled.Validation < 1.5*spoiled.BestValidation {
		t.Fatalf("the second segment gives %+v, %v: it should have made the model worse", spoiled, err)
	}
	grow(t, dir, 54, 72)
	o.ExtendRate = 1e-6
	r := train(t, dir, o)
	after, err := checkpoint.Best(folder)
	if err != nil || r.Segments != 3 || after.Path != before.Path {
		t.Errorf("best leads to %+v, %v, want it where it led before the third segment, %s", after, err, before.Path)
	}
	if r.BestStep != before.State.Step || math.Abs(r.BestValidation-spoiled.BestValidation) > 1e-6 {
		t.Errorf("the best is of step %d and loss %g on the same held-out pairs, want step %d and %g", r.BestStep, r.BestValidation, before.State.Step, spoiled.BestValidation)
	}
	if d := r.Validation / spoiled.Validation; math.Abs(d-1) > 0.05 {
		t.Errorf("the held-out loss after a third segment that moves next to nothing is %g, and was %g: it went on from other weights than the last", r.Validation, spoiled.Validation)
	}
	if r.Hint != "" || spoiled.Hint != "" {
		t.Errorf("a later segment is told to be that of guessing: %q", r.Hint+spoiled.Hint)
	}
}
