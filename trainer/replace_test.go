package trainer

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
)

// tree is the content of all files below a folder by their paths, and where links
// lead. What a run that has not arrived has in next is left out.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && e.Name() == "next":
			return fs.SkipDir
		case e.Type() == fs.ModeSymlink:
			files[path], err = os.Readlink(path)
		case !e.IsDir():
			var data []byte
			data, err = os.ReadFile(path)
			files[path] = string(data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// replaced is a dataset with a finished run of one epoch, and the options of one
// that is to replace it, of 8 steps.
func replaced(t *testing.T) (dir string, old, o Options) {
	t.Helper()
	dir = t.TempDir()
	writeShards(t, dir, 40)
	holdOut(t, dir, 6)
	old = small()
	old.Epochs, old.ValidateEvery, old.CheckpointEvery = 1, 1, 1
	train(t, dir, old)
	// As the command leaves it after a stage that is done.
	m := &shard.Manifest{Stage: "train", Tally: shard.NewTally("train", "pairs", "steps")}
	if err := shard.WriteManifest(filepath.Join(dir, "checkpoints"), m); err != nil {
		t.Fatal(err)
	}
	o = old
	o.Epochs, o.Seed, o.ValidateEvery, o.CheckpointEvery, o.Keep, o.Replace = 4, 5, 2, 3, 9, true
	return dir, old, o
}

// TestReplaceLosesNothingToAnError trains in the place of a run with options that
// a new run cannot begin with: every file of the old one is as it was.
func TestReplaceLosesNothingToAnError(t *testing.T) {
	dir, old, _ := replaced(t)
	folder := filepath.Join(dir, "checkpoints")
	before := tree(t, dir)
	weights := filepath.Join(folder, "step-00000002", checkpoint.WeightsName)
	apart := t.TempDir() // weights without their vocabulary
	copyFile(t, weights, apart)
	wide := t.TempDir() // of another model
	writeShards(t, wide, 40)
	other := old
	other.Model, other.ValidateEvery = "rn-nano", 0
	widePath := filepath.Join(train(t, wide, other).Checkpoint, checkpoint.WeightsName)
	for _, tt := range []struct {
		name   string
		change func(o *Options)
		want   string
	}{
		{"init is absent", func(o *Options) { o.Init = filepath.Join(folder, "step-00000009", "model.safetensors") }, "no such file"},
		{"init is of another model", func(o *Options) { o.Init = widePath }, "they are not of vit-nano"},
		{"init has no vocabulary", func(o *Options) { o.Init = filepath.Join(apart, checkpoint.WeightsName) }, "there is no vocabulary.txt beside"},
		{"init has another vocabulary than the public one", func(o *Options) { o.Init, o.Vocabulary = weights, publicVocabulary }, "set train.vocabulary to a number"},
		{"text_init is absent", func(o *Options) { o.TextInit = filepath.Join(dir, "gpt2.safetensors") }, "no such file"},
		{"labels are absent", func(o *Options) {
			o.Objective, o.Labels, o.ValidateEvery = clip.Supervised, filepath.Join(dir, "labels.txt"), 0
		}, "no such file"},
		{"data is absent", func(o *Options) { o.Data = []string{filepath.Join(dir, "birds")} }, "run pairloom shard first"},
		{"no model", func(o *Options) { o.Model = "vit-none" }, "no model is called"},
		{"a weight that is none", func(o *Options) { o.Data = []string{wide + "=-1"} }, "FOLDER=WEIGHT"},
		{"other settings, not to replace", func(o *Options) { o.Replace, o.Seed = false, 9 }, "seed was 3 and is now 9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := old
			o.Replace = true
			tt.change(&o)
			if _, err := Run(t.Context(), dir, o, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			if !maps.Equal(tree(t, dir), before) {
				t.Error("the files of the old run are not as they were")
			}
		})
	}
	t.Run("no checkpoint can be written", func(t *testing.T) {
		o := old
		o.Replace, o.Epochs, o.CheckpointEvery, o.ValidateEvery = true, 2, 9, 0
		_, err := Run(t.Context(), dir, o, func(s Step) {
			if s.Step == 1 {
				writeText(t, filepath.Join(folder, "next", "step-00000004"), "in the way")
			}
		})
		if err == nil || !strings.Contains(err.Error(), "step-00000004") {
			t.Errorf("got %v", err)
		}
		if !maps.Equal(tree(t, dir), before) {
			t.Error("the files of the old run are not as they were")
		}
	})
	t.Run("its pairs cannot be read on the way", func(t *testing.T) {
		fault := errors.New("a shard is damaged")
		r := &run{home: folder, folder: filepath.Join(folder, "next")}
		r.state.Step = 1
		if err := r.stop(fault); !errors.Is(err, fault) {
			t.Errorf("got %v, want %v", err, fault)
		}
		if !maps.Equal(tree(t, dir), before) {
			t.Error("the files of the old run are not as they were")
		}
	})
	if r := train(t, dir, old); r.Resumed != 2 || !r.Complete {
		t.Errorf("with its own settings the old run gives %+v", r)
	}
}

// TestReplaceKilled looks at what a kill at each step of a run that replaces
// another would leave: one of the two is whole, and either can be gone on with.
func TestReplaceKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	dir, old, o := replaced(t)
	weights := filepath.Join("checkpoints", "step-00000002", checkpoint.WeightsName)
	o.Init = filepath.Join(dir, weights) // of the run that is replaced
	left := map[int64]string{}
	want, err := Run(t.Context(), dir, o, func(s Step) {
		left[s.Step] = t.TempDir()
		if err := os.CopyFS(left[s.Step], os.DirFS(dir)); err != nil {
			t.Error(err)
		}
	})
	if err != nil || len(left) != 8 || want.Resumed != 0 {
		t.Fatalf("after %d steps the result is %+v, %v", len(left), want, err)
	}
	if want.Checkpoint != filepath.Join(dir, "checkpoints", "step-00000008") {
		t.Errorf("the result names the checkpoint %s", want.Checkpoint)
	}
	for step, killed := range left {
		newest, err := checkpoint.Latest(filepath.Join(killed, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		best, err := checkpoint.Best(filepath.Join(killed, "checkpoints"))
		if err != nil {
			t.Fatal(err)
		}
		// The first checkpoint is that of step 3, after the report on it.
		arrived := step > 3
		if isNew := newest.State.Total == 8; isNew != arrived || (best.State.Total == 8) != arrived {
			t.Errorf("killed at step %d, the new run is found: %t, its best: %t; want %t", step, isNew, best.State.Total == 8, arrived)
		}
		if !arrived {
			back := t.TempDir()
			if err := os.CopyFS(back, os.DirFS(killed)); err != nil {
				t.Fatal(err)
			}
			if r := train(t, back, old); r.Resumed != 2 || !r.Complete {
				t.Errorf("killed at step %d, the old run gives %+v", step, r)
			}
		}
		o := o
		o.Init = filepath.Join(killed, weights)
		if r := train(t, killed, o); !r.Complete || r.Resumed != (step-1)/3*3 {
			t.Errorf("killed at step %d, the new run gives %+v", step, r)
		}
		equalRuns(t, dir, killed)
		if got := glob(t, killed, "checkpoints", "*"); len(got) != len(glob(t, dir, "checkpoints", "*")) {
			t.Errorf("killed at step %d, there are %v at the end", step, got)
		}
	}
	for _, name := range []string{"next", "arriving", shard.ManifestName, "step-00000002"} {
		if got := glob(t, dir, "checkpoints", name); len(got) > 0 {
			t.Errorf("%v is left of the old run or of the way", got)
		}
	}
	// The weights that it began with are gone; it is done all the same.
	if r := train(t, dir, o); r.Resumed != 8 {
		t.Errorf("once more it gives %+v", r)
	}
	before := tree(t, dir)
	o.Seed++
	if _, err := Run(t.Context(), dir, o, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("begun anew with weights that are gone it gives %v", err)
	}
	if !maps.Equal(tree(t, dir), before) {
		t.Error("the run is not as it was")
	}
}

// TestTrainLonger follows the advice that is given when epochs has changed.
func TestTrainLonger(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir, old, _ := replaced(t)
	o := old
	o.Epochs = 2
	_, err := Run(t.Context(), dir, o, nil)
	const name = "checkpoints/step-00000002/model.safetensors"
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "to train longer, set train.init to "+name+" and replace this run") {
		t.Fatalf("got %v", err)
	}
	// In the configuration it is relative to the dataset's folder, and the folder
	// is spelled as the user likes.
	for i, spelled := range []string{dir, filepath.Join(dir, "shards", ".."), "."} {
		t.Chdir(dir)
		o.Init, o.Replace = filepath.Join(spelled, name), true
		r := train(t, spelled, o)
		if want := min(int64(i)*4, 4); r.Resumed != want || !r.Complete || r.Steps != 4 {
			t.Errorf("spelled %s, the run gives %+v", spelled, r)
		}
	}
}

// TestSpelledOtherwise goes on with a run from another working directory: other
// names of the same folders, which hold the same.
func TestSpelledOtherwise(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	parent := t.TempDir()
	dir, birds := filepath.Join(parent, "cats"), filepath.Join(parent, "birds")
	writeShards(t, dir, 40)
	writeShards(t, birds, 32)
	first := small()
	first.Epochs = 1
	start := filepath.Join(train(t, birds, first).Checkpoint, checkpoint.WeightsName)
	o := small()
	o.Epochs, o.Init, o.Data = 2, start, []string{birds + "=0.5"}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Run(ctx, dir, o, func(Step) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	t.Chdir(parent)
	name, err := filepath.Rel(parent, start)
	if err != nil {
		t.Fatal(err)
	}
	o.Init, o.Data = name, []string{"birds=0.5"}
	if r := train(t, "cats", o); r.Resumed != 1 || !r.Complete {
		t.Errorf("by relative names the run gives %+v", r)
	}
}
