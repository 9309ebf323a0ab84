package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// metricsFile stands for what a run leaves beside its checkpoints.
const metricsFile = "metrics.jsonl"

// leave puts a run into folder: metrics, the best and checkpoints of some steps.
func leave(t *testing.T, folder, run string, best int64, steps ...int64) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, metricsFile), []byte(run), 0o644); err != nil {
		t.Fatal(err)
	}
	c := sample(best)
	c.State.Settings = run
	if err := SaveBest(folder, c); err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		c := sample(step)
		c.State.Settings = run
		if err := Save(folder, c, 9); err != nil {
			t.Fatal(err)
		}
	}
}

// expectRun holds what readers find against the run and the steps.
func expectRun(t *testing.T, folder, run string, best, last int64) {
	t.Helper()
	for _, find := range []struct {
		name string
		open func(string) (*Checkpoint, error)
		step int64
	}{{"latest", Latest, last}, {"best", Best, best}} {
		c, err := find.open(folder)
		if err != nil {
			t.Errorf("%s: %v", find.name, err)
			continue
		}
		if c.State.Settings != run || c.State.Step != find.step {
			t.Errorf("the %s is that of step %d of the %s run, want step %d of the %s", find.name, c.State.Step, c.State.Settings, find.step, run)
		}
		if _, err := c.Weights(); err != nil {
			t.Errorf("%s: %v", find.name, err)
		}
	}
}

// expectAlone wants the run in folder and nothing else.
func expectAlone(t *testing.T, folder, run string, best int64, steps ...int64) {
	t.Helper()
	expectRun(t, folder, run, best, slices.Max(steps))
	want := []string{fmt.Sprintf("best-%08d", best), bestLink, metricsFile}
	for _, step := range steps {
		want = append(want, fmt.Sprintf("step-%08d", step))
	}
	slices.Sort(want)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
	if text, err := os.ReadFile(filepath.Join(folder, metricsFile)); err != nil || string(text) != run {
		t.Errorf("the metrics are those of the %s run, %v, want %s", text, err, run)
	}
	if link, err := os.Readlink(filepath.Join(folder, bestLink)); err != nil || link != fmt.Sprintf("best-%08d", best) {
		t.Errorf("best leads to %q, %v", link, err)
	}
}

// begin places the new run beside the old one.
func begin(t *testing.T) (folder, next string) {
	t.Helper()
	folder = t.TempDir()
	leave(t, folder, "old", 4, 5, 10)
	next, err := Begin(folder, metricsFile)
	if err != nil {
		t.Fatal(err)
	}
	if next == folder {
		t.Fatal("the new run writes over the old one")
	}
	return folder, next
}

// TestReplaceKilledBefore stops a run that replaces another before it has a
// finished checkpoint: the old run is whole, and the next attempt begins anew.
func TestReplaceKilledBefore(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(t *testing.T, next string)
	}{
		{"at once", func(*testing.T, string) {}},
		{"with a best one", func(t *testing.T, next string) { leave(t, next, "new", 3) }},
		{"while its first checkpoint is written", func(t *testing.T, next string) {
			leave(t, next, "new", 3, 5)
			if err := os.Remove(filepath.Join(next, "step-00000005", stateName)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder, next := begin(t)
			tt.leave(t, next)
			if err := Settle(folder, metricsFile); err != nil {
				t.Fatal(err)
			}
			expectRun(t, folder, "old", 4, 10)
			if again, err := Begin(folder, metricsFile); err != nil || again != next {
				t.Fatalf("the next attempt writes into %s, %v", again, err)
			}
			if left, err := os.ReadDir(next); err != nil || len(left) > 0 {
				t.Errorf("the next attempt begins with %v, %v", left, err)
			}
			if err := os.Remove(next); err != nil {
				t.Fatal(err)
			}
			expectAlone(t, folder, "old", 4, 5, 10)
		})
	}
}

// TestReplaceKilledBetween stops after each change on the disk that puts the new
// run into the place of the old: readers find the new one whole at each, and the
// next call leaves it alone there. Both runs have checkpoints of the same steps.
func TestReplaceKilledBetween(t *testing.T) {
	for done := 0; ; done++ {
		folder, next := begin(t)
		leave(t, next, "new", 3, 5)
		operations, err := settlement(folder, []string{metricsFile})
		if err != nil {
			t.Fatal(err)
		}
		if done > len(operations) {
			break
		}
		for _, do := range operations[:done] {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
		t.Run(fmt.Sprintf("after %d of %d", done, len(operations)), func(t *testing.T) {
			expectRun(t, folder, "new", 3, 5)
			if err := Settle(folder, metricsFile); err != nil {
				t.Fatal(err)
			}
			expectAlone(t, folder, "new", 3, 5)
			if err := Settle(folder, metricsFile); err != nil {
				t.Fatal(err)
			}
			expectAlone(t, folder, "new", 3, 5)
		})
	}
}

// TestBegin tells where a new run may write at once.
func TestBegin(t *testing.T) {
	for _, tt := range []struct {
		name   string
		leave  func(t *testing.T, folder string)
		beside bool
	}{
		{"no folder", func(*testing.T, string) {}, false},
		{"metrics of a run that was killed early", func(t *testing.T, folder string) {
			leave(t, folder, "old", 3, 5)
			for _, name := range []string{"best-00000003", "step-00000005"} {
				if err := os.Remove(filepath.Join(folder, name, stateName)); err != nil {
					t.Fatal(err)
				}
			}
		}, false},
		{"a finished checkpoint", func(t *testing.T, folder string) { leave(t, folder, "old", 3, 5) }, true},
		{"the best alone", func(t *testing.T, folder string) { leave(t, folder, "old", 3) }, true},
		{"one whose state is damaged", func(t *testing.T, folder string) {
			leave(t, folder, "old", 3, 5)
			if err := os.Truncate(filepath.Join(folder, "step-00000005", stateName), 9); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "checkpoints")
			tt.leave(t, folder)
			path, err := Begin(folder, metricsFile)
			if err != nil {
				t.Fatal(err)
			}
			if (path != folder) != tt.beside {
				t.Errorf("the new run writes into %s", path)
			}
			if left, err := os.ReadDir(path); err != nil || len(left) > 0 {
				t.Errorf("it begins with %v, %v", left, err)
			}
		})
	}
}

// TestSaveBestAgain does the step of the best once more, as a run does that was
// killed between two checkpoints: what is whole is not touched, and what is of
// another run is written anew.
func TestSaveBestAgain(t *testing.T) {
	folder := t.TempDir()
	for _, tt := range []struct {
		run           string
		seconds, want float64
	}{{"old", 1, 1}, {"old", 2, 1}, {"new", 3, 3}} {
		c := sample(4)
		c.State.Settings, c.State.Seconds = tt.run, tt.seconds
		if err := SaveBest(folder, c); err != nil {
			t.Fatal(err)
		}
		if c, err := Best(folder); err != nil || c.State.Settings != tt.run || c.State.Seconds != tt.want {
			t.Errorf("the best is %+v, %v, want that of the %s run after %g seconds", c, err, tt.run, tt.want)
		}
	}
	if _, err := Latest(folder); !errors.Is(err, ErrNone) {
		t.Errorf("the best is found as the latest, %v", err)
	}
}
