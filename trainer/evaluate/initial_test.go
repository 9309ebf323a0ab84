package evaluate

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/nn"
)

// train takes so many steps of training on the pairs of dir.
func train(t *testing.T, dir string, steps int64, change func(*trainer.Options)) {
	t.Helper()
	o := trainer.Options{
		Model: "vit-nano", Epochs: 1, Steps: steps, Batch: 20, LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, GradClip: 1,
		WeightDecay: 0.2, Vocabulary: "560", Seed: 7, CheckpointEvery: 1000, Keep: 1, LogEvery: 100, Threads: 1, Workers: 1, CacheMB: 10, Replace: true,
	}
	change(&o)
	if _, err := trainer.Run(context.Background(), dir, o, nil); err != nil {
		t.Fatal(err)
	}
}

// loadNamed opens the weights of that name, and reads them.
func loadNamed(t *testing.T, dir, name string) (*Embedder, []nn.Tensor) {
	t.Helper()
	e, c, err := Load(filepath.Join(dir, "checkpoints"), Options{Weights: name, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	if (name == weightsInitial) != (c.State.Step == 0) {
		t.Errorf("%s weights are those of step %d", name, c.State.Step)
	}
	p := &e.model.Parameters
	weights, err := p.Read(e.device, p.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	return e, weights
}

// TestInitial holds the initial weights against those of a run that moves none,
// the learning rate being what vanishes beside a weight.
func TestInitial(t *testing.T) {
	for _, loss := range []string{"clip", "siglip"} {
		t.Run(loss, func(t *testing.T) {
			dir := t.TempDir()
			writeShards(t, dir)
			train(t, dir, 1, func(o *trainer.Options) { o.LearningRate, o.Loss = 1e-30, loss })
			e, initial := loadNamed(t, dir, weightsInitial)
			still, last := loadNamed(t, dir, "last")
			if len(initial) != len(last) || len(initial) < 20 || e.Hash == still.Hash || math.Abs(e.scale/still.scale-1) > 1e-6 {
				t.Fatalf("%d and %d tensors, hashes %s and %s, scales %g and %g", len(initial), len(last), e.Hash, still.Hash, e.scale, still.scale)
			}
			for i, tensor := range initial {
				for j, v := range tensor.Data {
					if math.Abs(float64(v-last[i].Data[j])) > 1e-20 {
						t.Fatalf("word %d of %s is %g, training began with %g", j, tensor.Name, v, last[i].Data[j])
					}
				}
			}

			train(t, dir, 6, func(o *trainer.Options) { o.Loss = loss })
			later, same := loadNamed(t, dir, weightsInitial)
			if later.Hash != e.Hash || !reflect.DeepEqual(same, initial) {
				t.Errorf("after more steps the initial weights are others, hashes %s and %s", later.Hash, e.Hash)
			}
			if _, moved := loadNamed(t, dir, "last"); reflect.DeepEqual(moved, initial) {
				t.Error("training has moved nothing")
			}
			train(t, dir, 1, func(o *trainer.Options) { o.Loss, o.Seed = loss, 8 })
			if other, weights := loadNamed(t, dir, weightsInitial); other.Hash == e.Hash || reflect.DeepEqual(weights, initial) {
				t.Error("another seed has the same initial weights")
			}
		})
	}
}

// TestInitialRun judges a model and its initial weights by one key.
func TestInitialRun(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir)
	train(t, dir, 40, func(*trainer.Options) {})
	o := options()
	o.Labels = writeFile(t, filepath.Join(dir, "labels"), "red left\ngreen right\nblue top\nblack bottom\n")
	o.ProbeTrain, o.ProbeTest = "training:.", "shards:."
	run := func(weights string, step int64) Result {
		t.Helper()
		o.Weights = weights
		r, err := Run(context.Background(), dir, o, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Weights != weights || r.Step != step || r.Probe == nil || r.Probe.Pictures != 24 || r.Probe.Dim != 64 {
			t.Errorf("%s: weights %q of step %d, probe %+v", weights, r.Weights, r.Step, r.Probe)
		}
		return r
	}
	if a, b := run("last", 40), run("initial", 0); a.ModelHash == b.ModelHash || a.ImageToText.MedianRank >= b.ImageToText.MedianRank {
		t.Errorf("trained, the median rank is %g, untrained %g", a.ImageToText.MedianRank, b.ImageToText.MedianRank)
	}
}

func TestBeginning(t *testing.T) {
	for settings, want := range map[string]string{
		`{"seed":9007199254740993}`:         "",
		`{"seed":0,"loss":"siglip"}`:        "",
		`{"seed":1,"init":"x.safetensors"}`: "began with weights of a file, not with drawn ones, as train.init says",
		`{"seed":1,"text_init":"09af"}`:     "as train.text_init says",
		`{"model":"vit-nano"}`:              "no seed",
		``:                                  "no seed",
	} {
		b, err := beginningOf(&checkpoint.Checkpoint{Path: "p", State: checkpoint.State{Settings: settings}})
		if want == "" && (err != nil || *b.Seed != 9007199254740993 && *b.Seed != 0) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %+v, %v, want %q", settings, b, err, want)
		}
		if strings.Contains(settings, "init") != errors.Is(err, ErrNotDrawn) {
			t.Errorf("%s: %v", settings, err)
		}
	}
}
