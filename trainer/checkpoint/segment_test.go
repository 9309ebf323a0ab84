package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// saveSeen saves a checkpoint of a run of one segment that was trained on these pairs.
func saveSeen(t *testing.T, folder string, step int64, ids ...uint64) {
	t.Helper()
	file, rows, err := WriteSeen(folder, 1, func(yield func(*shard.Seen, error) bool) {
		for _, id := range ids {
			if !yield(&shard.Seen{PairID: id}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	c := sample(step)
	c.State.Segments = []Segment{{Total: 100, Batch: 2, Data: []Trained{{Weight: 1}}, Seen: file, Added: rows}}
	if err := Save(folder, c, 9); err != nil {
		t.Fatal(err)
	}
}

func seenIDs(t *testing.T, folder string) (ids []uint64) {
	t.Helper()
	c, err := Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range c.Seen("pair_id") {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, row.PairID)
	}
	return ids
}

// TestSeenWhileARunArrives stops a run that takes the place of another at each change
// on the disk: the list of pairs is always that of the run that counts.
func TestSeenWhileARunArrives(t *testing.T) {
	for _, beside := range []bool{false, true} {
		for stop := 0; ; stop++ {
			folder := filepath.Join(t.TempDir(), "checkpoints")
			saveSeen(t, folder, 3, 1, 2, 3)
			place := filepath.Join(folder, AnewFolder)
			if !beside {
				var err error
				if place, err = Begin(folder, "metrics"); err != nil {
					t.Fatal(err)
				}
			}
			saveSeen(t, place, 2, 7, 8)
			if beside {
				if got := seenIDs(t, folder); !slices.Equal(got, []uint64{1, 2, 3}) {
					t.Errorf("beside the old run the list is %v", got)
				}
				if err := Promote(folder); err != nil {
					t.Fatal(err)
				}
			}
			operations, err := settlement(folder, []string{"metrics"})
			if err != nil {
				t.Fatal(err)
			}
			if stop > len(operations) {
				break
			}
			for _, do := range operations[:stop] {
				if err := do(); err != nil {
					t.Fatal(err)
				}
			}
			if got := seenIDs(t, folder); !slices.Equal(got, []uint64{7, 8}) {
				t.Errorf("beside %t, after %d changes of %d the list is %v", beside, stop, len(operations), got)
			}
			if err := Settle(folder, "metrics"); err != nil {
				t.Fatal(err)
			}
			if got := seenIDs(t, folder); !slices.Equal(got, []uint64{7, 8}) {
				t.Errorf("beside %t, at the end the list is %v", beside, got)
			}
			if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) != 2 {
				t.Errorf("beside %t, at the end there are %v", beside, left)
			}
		}
	}
}

// TestPromoteKeepsAnArrival does not put one run over another that counts already.
func TestPromoteKeepsAnArrival(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "checkpoints")
	saveSeen(t, folder, 3, 1)
	saveSeen(t, filepath.Join(folder, nextFolder), 2, 7)
	saveSeen(t, filepath.Join(folder, AnewFolder), 4, 9)
	if err := Promote(folder); err == nil {
		t.Error("it is promoted")
	}
	if got := seenIDs(t, folder); !slices.Equal(got, []uint64{7}) {
		t.Errorf("the list is %v", got)
	}
}

// TestSeenOfFormat1 reads a state that knows no segments.
func TestSeenOfFormat1(t *testing.T) {
	folder := t.TempDir()
	save(t, folder, 5, 1)
	path := filepath.Join(folder, "step-00000005", stateName)
	c, err := Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	c.State.Format = 1
	text, err := c.State.Encode()
	if err := errors.Join(err, os.WriteFile(path, text, 0o644)); err != nil {
		t.Fatal(err)
	}
	c, err = Latest(folder)
	if err != nil || c.State.Format != 1 || c.TellsSeen() {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, err := range c.Seen() {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v, want %v", err, ErrUnknown)
		}
	}
}
