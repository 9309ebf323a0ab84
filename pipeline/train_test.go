package pipeline

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// shardNight adds a generation of training pairs first to last-1 to the shards of dir,
// and deletes rows of their first shard. The first night makes them.
func shardNight(t testing.TB, dir string, first, last int, deleted ...int) {
	t.Helper()
	folder := filepath.Join(dir, shard.ShardsFolder)
	m, err := shard.ReadManifest(folder)
	if err != nil {
		m = &shard.Manifest{Stage: "shard", Tally: shard.NewTally("shard", "pairs", "pairs")}
	}
	generation := len(m.Generations) + 1
	m.Generations = append(m.Generations, shard.Generation{Number: generation})
	w, err := shard.CreatePart[shard.Pair](folder, fmt.Sprintf("shard-%05d.arrow", len(m.Parts)), shard.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for i := first; i < last; i++ {
		m.Tally.Keep()
		picture := image.NewRGBA(image.Rect(0, 0, 16, 16))
		for at := range 256 {
			picture.Set(at%16, at/16, color.RGBA{uint8(i * 20), uint8(at), uint8(i * 70), 255})
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, picture, nil); err != nil {
			t.Fatal(err)
		}
		p := shard.Pair{PairID: uint64(i + 1), Text: fmt.Sprintf("picture %d", i%7), Image: b.Bytes(), PictureHash: uint64(i + 1)}
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	part.Generation = generation
	m.Parts = append(m.Parts, part)
	v, err := shard.CreatePart[shard.Deletion](folder, shard.DeletionsName(generation), shard.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range deleted {
		if err := v.Write(&shard.Deletion{Part: m.Parts[0].Name, Row: uint32(row), Reason: "removed"}); err != nil {
			t.Fatal(err)
		}
	}
	if part, err = v.Close(); err != nil {
		t.Fatal(err)
	}
	part.Generation = generation
	m.Deletions = append(m.Deletions, part)
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// compactNight writes the shards anew.
func compactNight(t testing.TB, dir string, first, last int) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, shard.ShardsFolder)); err != nil {
		t.Fatal(err)
	}
	shardNight(t, dir, first, last)
}

// TestTrainingNights runs the stage as cron does, on a dataset that changes: no night
// fails, each says what it did, and the report which pairs the model knows.
func TestTrainingNights(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir := t.TempDir()
	o := trainer.Options{
		Model: "vit-nano", Epochs: 2, Batch: 8, LearningRate: 1e-3, Warmup: 2, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6,
		Vocabulary: "520", CheckpointEvery: 2, Keep: 2, LogEvery: 1, Threads: 1, Workers: 1, Extend: "1", ExtendShare: 0.1,
	}
	for _, night := range []struct {
		what      string
		change    func()
		options   func()
		skipped   bool
		steps     int64 // at its end
		note      string
		trainedOn string
	}{
		{"the first", func() { shardNight(t, dir, 0, 40) }, nil, false, 10, "", "trained on generation 1 of 1"},
		{"nothing new", func() {}, nil, true, 10, "", "trained on generation 1 of 1"},
		{"three pairs", func() { shardNight(t, dir, 40, 43) }, nil, false, 10, "3 new training pairs since; training goes on at 10%",
			"trained on generation 1 of 2: 3 training pairs came since, and 0 left"},
		{"nothing new since", func() {}, nil, true, 10, "", ""},
		{"two more", func() { shardNight(t, dir, 43, 45) }, nil, false, 15, "5 new training pairs since; training went on", "trained on generation 3 of 3"},
		{"pairs are removed", func() { shardNight(t, dir, 0, 0, 1, 2, 3) }, nil, false, 15, "0 new training pairs since, 3 gone",
			"trained on generation 3 of 4: 0 training pairs came since, and 3 left"},
		{"many, but it is off", func() { shardNight(t, dir, 45, 60) }, func() { o.Extend = "off" }, false, 15, "the model stays as it is", ""},
		{"it is on", func() {}, func() { o.Extend = "1" }, false, 22, "15 new training pairs since, 3 gone; training went on", "trained on generation 5 of 5"},
		{"compacted", func() { compactNight(t, dir, 4, 60) }, nil, false, 22, "0 new training pairs since, 1 gone",
			"trained on other shards than these, which were written anew since; pairloom train tells how many pairs are new"},
		{"hardly anything is left", func() { compactNight(t, dir, 4, 9) }, nil, false, 22, "52 gone", ""},
		{"and much comes", func() { shardNight(t, dir, 60, 100) }, nil, false, 27, "40 new training pairs since, 52 gone; training went on", "trained on generation 2 of 2"},
	} {
		night.change()
		if night.options != nil {
			night.options()
		}
		train := Train{dir, o, nil}
		done, err := Do(t.Context(), []Stage{train.Stage()}, false, slog.New(slog.DiscardHandler), unwatched{})
		if err != nil || len(done) != 1 {
			t.Fatalf("%s: %v", night.what, err)
		}
		if skipped := done[0].Skipped != ""; skipped != night.skipped {
			t.Errorf("%s: skipped: %q", night.what, done[0].Skipped)
		}
		if r, ok := done[0].Result.(*trainer.Result); ok && (!strings.Contains(r.Note, night.note) || night.note == "" && r.Note != "" || !r.Complete) {
			t.Errorf("%s: the note is %q, want %q in it", night.what, r.Note, night.note)
		}
		c, err := checkpoint.Latest(filepath.Join(dir, shard.CheckpointsFolder))
		if err != nil || c.State.Step != night.steps || c.State.Total != night.steps {
			t.Errorf("%s: the last checkpoint is of step %d of %d, %v; want %d", night.what, c.State.Step, c.State.Total, err, night.steps)
		}
		d, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder))
		if err != nil {
			t.Fatal(err)
		}
		var figures stats.Stats
		note, err := Report{Dir: dir, Train: train.Stage()}.addTraining(&figures, d)
		if got := figures.Training.TrainedOn; err != nil || night.trainedOn != "" && got != night.trainedOn {
			t.Errorf("%s: the report says %q, %v; want %q", night.what, got, err, night.trainedOn)
		}
		if behind := figures.Training.Generation < d.Generation(); behind != (note != "") {
			t.Errorf("%s: the report's note is %q", night.what, note)
		}
	}
}
