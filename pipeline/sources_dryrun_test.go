package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
)

// TestDryRunOnSources asks what a training would take before it, within it and while
// another process has the folder: the figures are those of the training, which finds the
// index as it would have made it, and goes on as if nobody had asked.
func TestDryRunOnSources(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	folder, list := t.TempDir(), samplesOf(t, 60)
	entry := sourceKinds["tars"](t, folder, list)
	// As the commands do, with what the configuration says of held-out pairs.
	train := func(dir string, stopAt int64) Train {
		o := Options{Seed: 1}
		o.Train, o.Shard.HeldoutShare = onData(dir, entry).Options, 0.3
		o.Train.StopAt = stopAt
		return NewTrain(Work{Dir: dir, Options: o})
	}
	dry := func(dir string) trainer.Estimate {
		t.Helper()
		e, err := train(dir, 0).DryRun(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	indexed := func(dir string) (names []string) {
		t.Helper()
		err := filepath.WalkDir(filepath.Join(dir, shard.IndexesFolder), func(path string, _ fs.DirEntry, err error) error {
			names = append(names, filepath.Base(path))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}

	alone := t.TempDir()
	result := runTrain(t, train(alone, 0))
	if of := result.Sources[0]; of.HeldOut == 0 || of.Training == 0 {
		t.Fatalf("the pairs are %+v; both sides need some", of)
	}
	want, names := trained(t, alone), indexed(alone)

	asked := t.TempDir()
	for _, moment := range []string{"before", "within", "after"} {
		if e := dry(asked); e.Pairs != result.Sources[0].Training || e.Steps != result.TotalSteps {
			t.Errorf("%s: %d pairs and %d steps; the training has %d and %d", moment, e.Pairs, e.Steps, result.Sources[0].Training, result.TotalSteps)
		}
		if got := indexed(asked); !slices.Equal(got, names) {
			t.Errorf("%s: the index has %q, that of a training %q", moment, got, names)
		}
		switch moment {
		case "before":
			runTrain(t, train(asked, 3))
		case "within":
			runTrain(t, train(asked, 0))
		}
	}
	if trained(t, asked) != want {
		t.Error("the training ends otherwise than one that nobody asked about")
	}

	for _, tt := range []struct {
		name   string
		dir    string
		locked bool // what the dry run says
	}{{"an index that stands is read", asked, false}, {"none is made beside another process", t.TempDir(), true}} {
		lock, err := Acquire(tt.dir, "train")
		if err != nil {
			t.Fatal(err)
		}
		_, err = train(tt.dir, 0).DryRun(context.Background())
		lock.Release()
		var locked *LockedError
		if errors.As(err, &locked) != tt.locked || !tt.locked && err != nil {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if _, err := os.Stat(filepath.Join(tt.dir, shard.IndexesFolder)); tt.locked && err == nil {
			t.Errorf("%s: there is an index", tt.name)
		}
	}
}
