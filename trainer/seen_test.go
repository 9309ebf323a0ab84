package trainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// seenBy walks the pairs that the newest checkpoint of folder was trained on.
func seenBy(t *testing.T, folder string) iter.Seq2[*checkpoint.SeenPair, error] {
	t.Helper()
	c, err := checkpoint.Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	return c.Seen()
}

// TestSeen reads what a model was trained on: with each segment what it added.
func TestSeen(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir := t.TempDir()
	compacted(t, dir, numbers(0, 32)...)
	o := growing()
	train(t, dir, o)
	grow(t, dir, 32, 40, 1, 2)
	train(t, dir, o)
	compacted(t, dir, numbers(6, 60)...)
	train(t, dir, o)
	folder := filepath.Join(dir, "checkpoints")
	var got [4][]uint64
	for row, err := range seenBy(t, folder) {
		if err != nil {
			t.Fatal(err)
		}
		got[row.Segment] = append(got[row.Segment], row.PairID)
		id := row.PairID
		want := shard.Seen{PairID: id, ImageID: shard.ImageID(fmt.Sprintf("https://pictures.example/%d.jpg", id)),
			PageHost: "pages.example", ImageHost: "pictures.example", Generation: uint32([]int{0, 1, 2, 1}[row.Segment])}
		if row.Seen != want {
			t.Errorf("segment %d has %+v, want %+v", row.Segment, row.Seen, want)
		}
	}
	for i, want := range [4][]int{1: numbers(0, 32), 2: numbers(32, 40), 3: numbers(40, 60)} {
		var ids []uint64
		for _, n := range want {
			ids = append(ids, uint64(n))
		}
		if !slices.Equal(got[i], ids) {
			t.Errorf("segment %d added %v, want %v", i, got[i], want)
		}
	}
	list, err := checkpoint.List(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Whole {
		want := 1
		for _, s := range segments(t, dir)[1:] {
			if s.From < c.State.Step {
				want++
			}
		}
		if len(c.State.Segments) != want {
			t.Errorf("the checkpoint of step %d has %d segments, want %d", c.State.Step, len(c.State.Segments), want)
		}
		for _, table := range c.SeenTables() {
			if cause := table.Differs(); cause != "" {
				t.Errorf("the checkpoint of step %d: %s: %s", c.State.Step, table.Path, cause)
			}
		}
	}
	// A run in its place has its own.
	o.Replace, o.Seed = true, 9
	train(t, dir, o)
	if left := glob(t, folder, "seen-*"); len(left) != 1 {
		t.Errorf("a run that replaced it has the tables %v", left)
	}
	path := filepath.Join(folder, checkpoint.SeenName(1))
	text := []byte(readText(t, path))
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, err := range seenBy(t, folder) {
		var damaged *shard.DamagedPart
		if !errors.As(err, &damaged) || damaged.Path != path {
			t.Errorf("of a damaged table it says %v", err)
		}
	}
	if r := train(t, dir, o); r.Resumed != 0 {
		t.Errorf("told to replace a run that does not tell what it was trained on it gives %+v", r)
	}
	if r := train(t, dir, o); r.Resumed != r.Steps {
		t.Errorf("told so once more it gives %+v", r)
	}
}

// TestCheckpointsOfFormat1 goes on from a checkpoint that does not say what it was
// trained on.
func TestCheckpointsOfFormat1(t *testing.T) {
	if testing.Short() {
		t.Skip("TestTheDatasetChanged runs the same goroutines")
	}
	old := func(t *testing.T, o Options, pairs int) string {
		dir := t.TempDir()
		compacted(t, dir, numbers(0, pairs)...)
		train(t, dir, o)
		m, err := shard.ReadManifest(filepath.Join(dir, "shards"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range glob(t, dir, "checkpoints", "step-*", "state.json") {
			var s checkpoint.State
			if err := json.Unmarshal([]byte(readText(t, path)), &s); err != nil {
				t.Fatal(err)
			}
			s.Format, s.Segments, s.Data = 1, nil, m.Hash()
			s.Settings = strings.Replace(s.Settings, `"batch":64`, `"batch":32`, 1) // as it came out
			text, err := s.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range glob(t, dir, "checkpoints", "seen-*") {
			os.Remove(path)
		}
		return dir
	}
	o := growing()
	t.Run("of the same pairs", func(t *testing.T) {
		dir := old(t, o, 32)
		if r := train(t, dir, o); r.Resumed != 8 || r.Note != "" {
			t.Errorf("the result is %+v", r)
		}
		for _, err := range seenBy(t, filepath.Join(dir, "checkpoints")) {
			if !errors.Is(err, checkpoint.ErrUnknown) {
				t.Errorf("it was trained on pairs that are not known, and says %v", err)
			}
		}
	})
	t.Run("stopped", func(t *testing.T) {
		alone := t.TempDir()
		compacted(t, alone, numbers(0, 32)...)
		train(t, alone, o)
		stopped := o
		stopped.StopAt = 3
		dir := old(t, stopped, 32)
		if r := train(t, dir, o); r.Resumed != 3 || r.Steps != 8 || r.Segments != 1 {
			t.Errorf("the result is %+v", r)
		}
		equalRuns(t, alone, dir)
		n := 0
		for _, err := range seenBy(t, filepath.Join(dir, "checkpoints")) {
			if n++; err != nil {
				t.Error(err)
			}
		}
		if n != 32 {
			t.Errorf("it was trained on %d pairs, want 32", n)
		}
	})
	t.Run("grown", func(t *testing.T) {
		dir := old(t, o, 32)
		grow(t, dir, 32, 33)
		if r := train(t, dir, o); r.Segments != 2 || r.Steps != 12 || !strings.Contains(r.Note, "it is not known which of the 33 training pairs are new") {
			t.Errorf("the result is %+v", r)
		}
		grow(t, dir, 33, 34)
		if r := train(t, dir, o); r.Segments != 2 || !strings.Contains(r.Note, "1 new training pairs since") {
			t.Errorf("with one more the result is %+v", r)
		}
	})
	t.Run("of fewer pairs than a batch", func(t *testing.T) {
		o := o
		o.Batch = 64
		dir := old(t, o, 32)
		if r := train(t, dir, o); r.Resumed != 2 || r.Batch != 32 {
			t.Errorf("the result is %+v", r)
		}
	})
}

// TestSourceOfAGeneration reads batches of a generation of which rows were deleted
// since: all other rows stand where they stood.
func TestSourceOfAGeneration(t *testing.T) {
	dir := t.TempDir()
	compacted(t, dir, numbers(0, 32)...)
	order := func() (ids [][]uint64) {
		o := growing()
		r, err := newRun(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		r.source.Close()
		if r.source, err = batch.OpenAll([]batch.Dataset{{Folder: filepath.Join(dir, "shards"), Weight: 1, Generation: 1}}, batch.Training); err != nil {
			t.Fatal(err)
		}
		f := r.newFeed()
		defer f.loader.Close()
		for range 8 {
			b, err := f.loader.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var of []uint64
			for _, row := range b.Rows {
				p, err := r.source.Pair(row)
				if err != nil {
					t.Fatal(err)
				}
				of = append(of, p.PairID)
			}
			ids = append(ids, of)
			f.loader.Release(b)
		}
		return ids
	}
	before := order()
	grow(t, dir, 32, 64)
	if after := order(); !reflect.DeepEqual(before, after) {
		t.Errorf("the order was\n%v\nand is\n%v", before, after)
	}
	gone := []uint64{4, 5, 20}
	grow(t, dir, 0, 0, 4, 5, 20)
	for i, of := range order() {
		for k, id := range of {
			if slices.Contains(gone, id) || !slices.Contains(gone, before[i][k]) && id != before[i][k] {
				t.Errorf("batch %d has pair %d where pair %d stood", i, id, before[i][k])
			}
		}
	}
}
