package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
)

// grow adds a generation to the shards of dir: pairs numbered first to last-1, as
// writeShards makes them, and deletions of rows of the first shard.
func grow(t testing.TB, dir string, first, last int, deleted ...int) {
	t.Helper()
	folder := filepath.Join(dir, "shards")
	m, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Generations) == 0 {
		m.Generations = []shard.Generation{{Number: 1, Added: m.Rows()}}
		for i := range m.Parts {
			m.Parts[i].Generation = 1
		}
	}
	g := shard.Generation{Number: len(m.Generations) + 1, Added: int64(last - first), Deleted: int64(len(deleted))}
	m.Generations = append(m.Generations, g)
	if last > first {
		w, err := shard.CreatePart[shard.Pair](folder, fmt.Sprintf("shard-%05d.arrow", len(m.Parts)), shard.Origin{Stage: "shard"})
		if err != nil {
			t.Fatal(err)
		}
		for i := first; i < last; i++ {
			p := pairOf(t, i)
			if err := w.Write(&p); err != nil {
				t.Fatal(err)
			}
			m.Tally.Keep()
		}
		part, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		part.Generation = g.Number
		m.Parts = append(m.Parts, part)
	}
	if len(deleted) > 0 {
		w, err := shard.CreatePart[shard.Deletion](folder, shard.DeletionsName(g.Number), shard.Origin{Stage: "shard"})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range deleted {
			if err := w.Write(&shard.Deletion{PairID: uint64(row), Part: "shard-00000.arrow", Row: uint32(row), Reason: "removed"}); err != nil {
				t.Fatal(err)
			}
		}
		vector, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		vector.Generation = g.Number
		m.Deletions = append(m.Deletions, vector)
	}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// pairOf is pair i of writeShards.
func pairOf(t testing.TB, i int) shard.Pair {
	t.Helper()
	c, shape := colours[i%len(colours)], i/len(colours)%3
	var b bytes.Buffer
	if err := jpeg.Encode(&b, drawShape(shape, c.rgb, i/18), nil); err != nil {
		t.Fatal(err)
	}
	return shard.Pair{PairID: uint64(i), Text: fmt.Sprintf("a %s %s", c.name, []string{"square", "disc", "bar"}[shape]), Image: b.Bytes(),
		PageURL: "https://Pages.example:8080/p", ImageURL: fmt.Sprintf("https://pictures.example/%d.jpg", i)}
}

// compacted writes the shards of dir anew, with the pairs of these numbers.
func compacted(t testing.TB, dir string, numbers ...int) {
	t.Helper()
	folder := filepath.Join(dir, "shards")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	m := &shard.Manifest{Stage: "shard", Tally: shard.NewTally("shard", "pairs", "pairs")}
	w, err := shard.CreatePart[shard.Pair](folder, "shard-00000.arrow", shard.Origin{Stage: "shard"})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range numbers {
		p := pairOf(t, i)
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
		m.Tally.Keep()
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	part.Generation = 1
	m.Parts, m.Generations = []shard.Part{part}, []shard.Generation{{Number: 1, Added: part.Rows}}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

func numbers(first, last int) []int {
	var list []int
	for i := first; i < last; i++ {
		list = append(list, i)
	}
	return list
}

// growing is a run of four steps an epoch on the first 32 pairs, two epochs, and one
// epoch of a later segment.
func growing() Options {
	o := small()
	o.Epochs, o.Batch, o.CheckpointEvery, o.Extend, o.ExtendShare, o.Keep = 2, 8, 2, "1", 0.1, 9
	return o
}

func segments(t testing.TB, dir string) []checkpoint.Segment {
	t.Helper()
	c, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	return c.State.Segments
}

// TestTheDatasetChanged follows a finished training of 8 steps on 32 pairs whose
// dataset changes.
func TestTheDatasetChanged(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	parent := t.TempDir()
	compacted(t, parent, numbers(0, 32)...)
	train(t, parent, growing())
	for _, tt := range []struct {
		name     string
		options  func(o *Options)
		change   func(t *testing.T, dir string)
		steps    int64
		segments int
		added    int64
		gone     int64
		note     string
	}{
		{"nothing", nil, func(*testing.T, string) {}, 8, 1, 0, 0, ""},
		{"a few pairs more", nil, func(t *testing.T, dir string) { grow(t, dir, 32, 35) }, 8, 1, 3, 0,
			"trained on generation 1 of 2: 3 new training pairs since; training goes on at 10% (train.extend_share), and they are 9.4%"},
		{"a few pairs more, twice", nil, func(t *testing.T, dir string) { grow(t, dir, 32, 34); grow(t, dir, 34, 36) }, 12, 2, 4, 0,
			"trained on generation 1 of 3: 4 new training pairs since; training went on with them"},
		{"a tenth more", nil, func(t *testing.T, dir string) { grow(t, dir, 32, 36) }, 12, 2, 4, 0, "training went on"},
		{"twice as many", nil, func(t *testing.T, dir string) { grow(t, dir, 32, 64) }, 16, 2, 32, 0, "training went on"},
		{"by half an epoch", func(o *Options) { o.Extend = "0.5" }, func(t *testing.T, dir string) { grow(t, dir, 32, 64) }, 12, 2, 32, 0, "training went on"},
		{"any share will do", func(o *Options) { o.ExtendShare = 0 }, func(t *testing.T, dir string) { grow(t, dir, 32, 33) }, 12, 2, 1, 0, "training went on"},
		{"off", func(o *Options) { o.Extend = "off" }, func(t *testing.T, dir string) { grow(t, dir, 32, 64, 1) }, 8, 1, 32, 1,
			"trained on generation 1 of 2: 32 new training pairs since, 1 gone; the model stays as it is (train.extend is off)"},
		{"fewer pairs", nil, func(t *testing.T, dir string) { grow(t, dir, 0, 0, 3, 4, 5) }, 8, 1, 0, 3,
			"trained on generation 1 of 2: 0 new training pairs since, 3 gone"},
		{"hardly any left", nil, func(t *testing.T, dir string) { grow(t, dir, 0, 0, numbers(0, 29)...) }, 8, 1, 0, 29, "29 gone"},
		{"compacted", nil, func(t *testing.T, dir string) { compacted(t, dir, numbers(0, 32)...); grow(t, dir, 0, 0, 7) }, 8, 1, 0, 1, "1 gone"},
		{"compacted to fewer than a batch", nil, func(t *testing.T, dir string) { compacted(t, dir, 3, 4, 5) }, 8, 1, 0, 29, "29 gone"},
		{"compacted in another order, with more", nil, func(t *testing.T, dir string) { compacted(t, dir, append(numbers(30, 40), numbers(1, 30)...)...) }, 12, 2, 8, 1,
			"8 new training pairs since, 1 gone; training went on"},
		{"another batch for fewer pairs", func(o *Options) { o.ExtendShare = 0 }, func(t *testing.T, dir string) { compacted(t, dir, 1, 2, 3, 40) }, 9, 2, 1, 29, "training went on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(parent)); err != nil {
				t.Fatal(err)
			}
			o := growing()
			if tt.options != nil {
				tt.options(&o)
			}
			vocabulary := lastTensors(t, dir)[checkpoint.VocabularyName]
			tt.change(t, dir)
			r := train(t, dir, o)
			if !r.Complete || r.Resumed != 8 || r.Steps != tt.steps || r.TotalSteps != tt.steps || r.Segments != tt.segments || r.Added != tt.added || r.Gone != tt.gone {
				t.Errorf("the result is %+v, want %d steps in %d segments, %d pairs added, %d gone", r, tt.steps, tt.segments, tt.added, tt.gone)
			}
			if !strings.Contains(r.Note, tt.note) || tt.note == "" && r.Note != "" {
				t.Errorf("the note is %q, want %q in it", r.Note, tt.note)
			}
			if lastTensors(t, dir)[checkpoint.VocabularyName] != vocabulary {
				t.Error("the tokens mean something else")
			}
			before := tree(t, filepath.Join(dir, "checkpoints"))
			again := train(t, dir, o)
			if again.Steps != tt.steps || again.Resumed != tt.steps {
				t.Errorf("once more it gives %+v", again)
			}
			if !maps.Equal(before, tree(t, filepath.Join(dir, "checkpoints"))) {
				t.Error("once more it writes something")
			}
		})
	}
}

// TestGrowthOverKills trains, grows and trains again, and looks at what a kill at each
// step of the second training would leave: the next run ends with the same bits. So does
// one that was not through with the first when the dataset grew.
func TestGrowthOverKills(t *testing.T) {
	if testing.Short() {
		t.Skip("TestTheDatasetChanged runs the same goroutines")
	}
	o := growing()
	o.ValidateEvery, o.EMA, o.Accumulate, o.Epochs = 2, 0.9, 2, 4
	start := func(t *testing.T) string {
		dir := t.TempDir()
		compacted(t, dir, numbers(0, 35)...)
		holdOut(t, dir, 6)
		return dir
	}
	whole := start(t)
	train(t, whole, o)
	grow(t, whole, 35, 50)
	killed := map[int64]string{}
	r, err := Run(t.Context(), whole, o, func(s Step) {
		killed[s.Step] = t.TempDir()
		if err := os.CopyFS(killed[s.Step], os.DirFS(whole)); err != nil {
			t.Error(err)
		}
	})
	if err != nil || r.Steps != 11 || len(killed) != 3 || r.Segments != 2 {
		t.Fatalf("%d steps give %+v, %v", len(killed), r, err)
	}
	c, err := checkpoint.Latest(filepath.Join(whole, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	curves := stats.Training{Steps: 11, TotalSteps: 11, PairsPerStep: 16}
	if err := curves.ReadCurves(filepath.Join(whole, "checkpoints", metricsName), c.State.MetricsBytes); err != nil || len(curves.HeldOutLoss.Points) != 6 {
		t.Errorf("the curve of the held-out loss is %+v, %v", curves.HeldOutLoss, err)
	}
	for step, dir := range killed {
		r := train(t, dir, o)
		if want := map[int64]int64{9: 8, 10: 8, 11: 10}[step]; r.Resumed != want || !r.Complete {
			t.Errorf("killed at step %d: resumed at %d of %d, want %d", step, r.Resumed, r.Steps, want)
		}
		equalRuns(t, whole, dir)
	}
	for stop := int64(1); stop < 8; stop += 3 {
		t.Run(fmt.Sprint("grown at step ", stop), func(t *testing.T) {
			dir := start(t)
			ctx, cancel := context.WithCancel(t.Context())
			_, err := Run(ctx, dir, o, func(s Step) {
				if s.Step == stop {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			grow(t, dir, 35, 50)
			r := train(t, dir, o)
			if r.Resumed != stop || r.Steps != 11 || r.Added != 15 {
				t.Errorf("the result is %+v", r)
			}
			equalRuns(t, whole, dir)
		})
	}
	t.Run("out of time at every step", func(t *testing.T) {
		dir := start(t)
		short := o
		short.StopAt, short.MaxDuration = 1, time.Nanosecond
		if r := train(t, dir, short); r.Complete {
			t.Fatalf("the result is %+v", r)
		}
		short.StopAt = 5
		short.MaxDuration = 0
		train(t, dir, short)
		grow(t, dir, 35, 50)
		for short.StopAt = 8; short.StopAt < 11; short.StopAt++ {
			if r := train(t, dir, short); r.Steps != short.StopAt {
				t.Fatalf("stopped at %d, the result is %+v", short.StopAt, r)
			}
		}
		if r := train(t, dir, o); !r.Complete || r.Resumed != 10 {
			t.Errorf("the result is %+v", r)
		}
		equalRuns(t, whole, dir)
	})
}

// TestPairsLeftOnTheWay deletes pairs of a training that is not through: it ends on the
// generation that it began with, and tells how many it passed over.
func TestPairsLeftOnTheWay(t *testing.T) {
	o := growing()
	dir := t.TempDir()
	compacted(t, dir, numbers(0, 32)...)
	stopped := o
	stopped.StopAt = 3
	train(t, dir, stopped)
	grow(t, dir, 32, 33, 2, 3, 5, 30)
	r := train(t, dir, o)
	if !r.Complete || r.Steps != 8 || r.Segments != 1 || r.Tally.In != 32 || r.Tally.Dropped[Deleted] != 4 || r.Added != 1 || r.Gone != 4 {
		t.Errorf("the result is %+v with the tally %+v", r, r.Tally)
	}
}

// TestCompactedOnTheWay writes the shards anew while a training is not through: it goes
// on by its schedule with the pairs that there are.
func TestCompactedOnTheWay(t *testing.T) {
	o := growing()
	alone, dir := t.TempDir(), t.TempDir()
	compacted(t, alone, numbers(0, 32)...)
	train(t, alone, o)
	compacted(t, dir, numbers(0, 32)...)
	stopped := o
	stopped.StopAt = 3
	train(t, dir, stopped)
	compacted(t, dir, append(numbers(10, 32), 0, 1, 50)...)
	r := train(t, dir, o)
	if !r.Complete || r.Steps != 8 || r.Segments != 2 || !strings.Contains(r.Note, "written anew") {
		t.Errorf("the result is %+v", r)
	}
	rates := func(dir string) (list []float64) {
		for line := range bytes.Lines([]byte(readText(t, filepath.Join(dir, "checkpoints", metricsName)))) {
			var m metricsLine
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			list = append(list, m.Rate)
		}
		return list
	}
	if got, want := rates(dir), rates(alone); !slices.Equal(got, want) {
		t.Errorf("the learning rates are %v, want %v", got, want)
	}
	if s := segments(t, dir); s[0].Total != 3 || s[1].From != 3 || s[1].Start != 0 || s[1].Total != 8 || s[1].Added != 1 {
		t.Errorf("the segments are %+v", s)
	}
}

func readText(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAnew trains another model where the dataset has grown: the old one is read until
// the new one is complete, whenever the run is killed.
func TestAnew(t *testing.T) {
	if testing.Short() {
		t.Skip("TestTheDatasetChanged runs the same goroutines")
	}
	dir := t.TempDir()
	compacted(t, dir, numbers(0, 32)...)
	o := growing()
	train(t, dir, o)
	grow(t, dir, 32, 40)
	o.Extend = "anew"
	fresh := t.TempDir()
	if err := os.CopyFS(filepath.Join(fresh, "shards"), os.DirFS(filepath.Join(dir, "shards"))); err != nil {
		t.Fatal(err)
	}
	want := train(t, fresh, o)
	killed := map[int64]string{}
	r, err := Run(t.Context(), dir, o, func(s Step) {
		killed[s.Step] = t.TempDir()
		if err := os.CopyFS(killed[s.Step], os.DirFS(dir)); err != nil {
			t.Error(err)
		}
	})
	if err != nil || r.Steps != want.Steps || !r.Complete || r.Segments != 1 || r.Generation != 2 || int64(len(killed)) != want.Steps ||
		r.Note != "trained on generation 1 of 2: 8 new training pairs since; another model was trained from the start and took its place (train.extend is anew)" {
		t.Fatalf("%d steps give %+v, %v", len(killed), r, err)
	}
	if r.Checkpoint != filepath.Join(dir, "checkpoints", filepath.Base(want.Checkpoint)) {
		t.Errorf("the result names the checkpoint %s", r.Checkpoint)
	}
	equalRuns(t, fresh, dir)
	for step, dir := range killed {
		if s := segments(t, dir); s[0].Data[0].Generation != 1 || s[0].Total != 8 {
			t.Errorf("killed at step %d, the model that counts is %+v", step, s)
		}
		if step == 7 {
			// Another night brings more; it is through first with what it began.
			grow(t, dir, 40, 41)
		}
		r := train(t, dir, o)
		if r.Steps != want.Steps || r.Resumed != (step-1)/2*2 || !r.Complete {
			t.Errorf("killed at step %d it gives %+v", step, r)
		}
		equalRuns(t, fresh, dir)
		if left := glob(t, dir, "checkpoints", checkpoint.AnewFolder); len(left) > 0 {
			t.Errorf("killed at step %d, %v is left", step, left)
		}
	}
	// A few pairs more are no reason.
	grow(t, fresh, 40, 42)
	if r := train(t, fresh, o); r.Resumed != want.Steps || !strings.Contains(r.Note, "2 new training pairs") {
		t.Errorf("after two more pairs it gives %+v", r)
	}
}

// TestReplaceAfterGrowth trains anew because it is told to.
func TestReplaceAfterGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir := t.TempDir()
	compacted(t, dir, numbers(0, 32)...)
	o := growing()
	train(t, dir, o)
	grow(t, dir, 32, 33, 5)
	o.Replace = true
	r := train(t, dir, o)
	if r.Resumed != 0 || !r.Complete || r.Segments != 1 || r.Generation != 2 {
		t.Errorf("the result is %+v", r)
	}
	for row, err := range seenBy(t, filepath.Join(dir, "checkpoints")) {
		if err != nil || row.PairID == 5 {
			t.Errorf("the new model was trained on %+v, %v", row, err)
		}
	}
}

// TestLabelsAfterGrowth finds the classes of new rows, and counts those without.
func TestLabelsAfterGrowth(t *testing.T) {
	dir := t.TempDir()
	compacted(t, dir, numbers(0, 32)...)
	o := growing()
	o.Objective, o.Labels = clip.Supervised, filepath.Join(dir, "labels.txt")
	if err := os.WriteFile(o.Labels, []byte("a red square\na green square\na blue disc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	train(t, dir, o)
	grow(t, dir, 32, 64, 0)
	r := train(t, dir, o)
	// Every 18th pair is a red square, and the first is deleted.
	if want := int64(63 - 11); !r.Complete || r.Segments != 2 || r.Tally.In != 63 || r.Tally.Dropped[NoLabel] != want {
		t.Errorf("the result is %+v with the tally %+v, want %d without a label", r, r.Tally, want)
	}
}

// TestTwoDatasetsGrow trains on a second dataset as well, which grows like the first.
func TestTwoDatasetsGrow(t *testing.T) {
	if testing.Short() {
		t.Skip("TestTheDatasetChanged runs the same goroutines")
	}
	parent := t.TempDir()
	dir, birds := filepath.Join(parent, "cats"), filepath.Join(parent, "birds")
	compacted(t, dir, numbers(0, 32)...)
	compacted(t, birds, numbers(100, 116)...)
	o := growing()
	o.Data = []string{birds + "=0.5"}
	train(t, dir, o)
	for _, tt := range []struct {
		name            string
		change          func()
		segments, added int
	}{
		{"a little", func() { grow(t, birds, 116, 122) }, 1, 6},
		{"both", func() { grow(t, birds, 122, 126); grow(t, dir, 32, 40) }, 2, 18},
		{"it moved, and grew", func() {
			grow(t, birds, 126, 146)
			o.Data[0] = filepath.Join(parent, "fowl") + "=0.5"
			if err := os.Rename(birds, filepath.Join(parent, "fowl")); err != nil {
				t.Fatal(err)
			}
		}, 3, 20},
	} {
		tt.change()
		if r := train(t, dir, o); r.Segments != tt.segments || r.Added != int64(tt.added) {
			t.Errorf("%s: the result is %+v", tt.name, r)
		}
	}
	compacted(t, birds, numbers(200, 216)...)
	o.Data[0] = birds + "=0.5"
	if _, err := Run(t.Context(), dir, o, nil); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "data was ../fowl=0.5 and is now ../birds=0.5") {
		t.Errorf("of another dataset it says %v", err)
	}
}
