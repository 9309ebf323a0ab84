package trainer

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/token"
)

// TestCheckpointActivations holds that it changes no bit.
func TestCheckpointActivations(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	writeShards(t, a, 40)
	writeShards(t, b, 40)
	o := small()
	o.MicroBatch = 5
	train(t, a, o)
	o.CheckpointActivations = true
	train(t, b, o)
	if !maps.Equal(lastTensors(t, a), lastTensors(t, b)) {
		t.Error("the tensors differ")
	}
}

// TestRecomputes holds that activations which are computed again take less
// memory on the device.
func TestRecomputes(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 40)
	held := map[bool]int64{}
	for _, again := range []bool{false, true} {
		o := small()
		o.Model, o.CheckpointActivations = "vit-micro", again
		r, err := newRun(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.restore(); err != nil {
			t.Fatal(err)
		}
		feed := r.newFeed()
		if err := r.gradients(t.Context(), feed); err != nil {
			t.Error(err)
		}
		r.update(feed)
		if err := r.device.Sync(); err != nil {
			t.Error(err)
		}
		held[again] = r.device.Bytes()
		feed.loader.Close()
		r.close()
	}
	if held[true] > held[false]*4/5 {
		t.Errorf("%d bytes are held with checkpoint_activations, %d without", held[true], held[false])
	}
}

func TestPublicVocabulary(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	dir := t.TempDir()
	writeShards(t, dir, 40)
	o := small()
	o.Epochs, o.Vocabulary = 1, publicVocabulary
	if r := train(t, dir, o); r.Vocabulary != token.PublicSize {
		t.Errorf("%d tokens, want %d", r.Vocabulary, token.PublicSize)
	}
	if r := train(t, dir, o); r.Resumed != r.TotalSteps {
		t.Errorf("a second run gives %+v", r)
	}
}

// TestBF16 holds that training in bfloat16 learns what it learns in float32, and says
// so where the processor does it in software.
func TestBF16(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 72)
	o := learning()
	o.Precision = precisionBF16
	var notices []string
	r, err := Run(t.Context(), dir, o, func(s Step) {
		if s.Notice != "" {
			notices = append(notices, s.Notice)
		}
	})
	if err != nil || r.LossLast > 0.4*r.LossChance {
		t.Errorf("result is %+v, %v", r, err)
	}
	said := strings.Contains(strings.Join(notices, "\n"), "in software, slower than fp32")
	if said == cpu.MultipliesBF16() {
		t.Errorf("multiplies bf16: %v; the notices are %q", cpu.MultipliesBF16(), notices)
	}
}

// TestSigLIPLearns holds that the loss falls far below that of guessing.
func TestSigLIPLearns(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 72)
	o := learning()
	o.Loss = lossSigLIP
	if r := train(t, dir, o); r.LossLast > 0.6*r.LossChance {
		t.Errorf("the loss falls from %.3f to %.3f; guessing gives %.3f", r.LossFirst, r.LossLast, r.LossChance)
	}
}

// TestDataNames reads the entries of data: any name of a folder can be written.
func TestDataNames(t *testing.T) {
	for _, tt := range []struct {
		entry, folder string
		weight        float64
	}{
		{"../birds", "../birds", 1},
		{"../birds=0.5", "../birds", 0.5},
		{"../birds=2e1", "../birds", 20},
		{"../sh=ards", "../sh=ards", 1},
		{"../sh=ards=0.5", "../sh=ards", 0.5},
		{"../lr=0.5=1", "../lr=0.5", 1},
		{"../lr=0.5=0.25", "../lr=0.5", 0.25},
		{"../cats=", "../cats=", 1},
		{"../cats, dogs and \"others\"=3", "../cats, dogs and \"others\"", 3},
		{"../a:b", "../a:b", 1},
	} {
		t.Run(tt.entry, func(t *testing.T) {
			got, err := ReadData([]string{tt.entry})
			want := Data{tt.folder, tt.weight}
			if err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
}

// TestData trains on two datasets, one of them at half weight.
func TestData(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	writeShards(t, a, 40)
	writeShards(t, b, 48)
	o := small()
	o.Data = []string{b + "=0.5"}
	r := train(t, a, o)
	if r.Tally.In != 64 || r.Steps != 6*4 {
		t.Errorf("an epoch has %d pairs of 40 and half of 48, in %d steps", r.Tally.In, r.Steps)
	}
	for _, tt := range []struct{ entry, want string }{
		{b + "=half", "half/shards"}, {"=2", "FOLDER=WEIGHT"}, {b + "=Inf", "FOLDER=WEIGHT"}, {b + "=0", "FOLDER=WEIGHT"}, {t.TempDir(), "run pairloom shard first"},
		{b + "=1e9", "a weight of at most 1000"}, {"https://a.example/{00..09}.tar", "is an address; training reads files of this machine"},
		{"s3://bucket/a.tar=2", "is an address"}, {"hf://datasets/cats", "is an address"}, {"pipe:curl -s https://a.example/a.tar", "is an address"},
		{b + "=2", "=0.5 and is now "},
	} {
		o.Data = []string{tt.entry}
		if _, err := Run(t.Context(), a, o, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.entry, err, tt.want)
		}
	}
}

// TestNoGPU: a GPU is refused before any work where there is no backend for one, with
// what to do.
func TestNoGPU(t *testing.T) {
	o := small()
	o.Device = "cuda:7"
	_, err := Run(t.Context(), t.TempDir(), o, nil)
	if !errors.Is(err, backend.ErrNoCUDA) || !strings.Contains(err.Error(), "train.device: open device cuda:7: ") || !strings.Contains(err.Error(), "set device to cpu or auto") {
		t.Errorf("got %v", err)
	}
}
