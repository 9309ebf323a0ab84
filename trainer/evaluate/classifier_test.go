package evaluate

import (
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/token"
)

// saveModel writes a checkpoint of vit-nano with weights drawn from seed.
func saveModel(t testing.TB, folder string, seed int64) {
	t.Helper()
	c, err := clip.Preset("vit-nano")
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.Train(func(yield func(string, error) bool) { yield("a red fox and a brown bear", nil) }, 540)
	if err != nil {
		t.Fatal(err)
	}
	d := cpu.Open(1)
	m := clip.New(c, v.Size())
	if err := m.Parameters.Allocate(d, false); err != nil {
		t.Fatal(err)
	}
	if err := m.Parameters.Draw(d, seed); err != nil {
		t.Fatal(err)
	}
	weights, err := m.Parameters.Read(d, m.Parameters.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	m.Parameters.Free()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	state := checkpoint.State{Model: c, Vocabulary: v.Size(), Step: seed, Total: seed, Scale: math.Log(20)}
	if err := checkpoint.Save(folder, checkpoint.Content{State: state, Weights: weights, Vocabulary: v.Encode()}, 1); err != nil {
		t.Fatal(err)
	}
}

// TestLoad tells the last weights, the best and the average by their vectors.
func TestLoad(t *testing.T) {
	folder, scratch := t.TempDir(), t.TempDir()
	weights := func(seed int64) []checkpoint.Tensor {
		saveModel(t, scratch, seed)
		c, err := checkpoint.Latest(scratch)
		if err != nil {
			t.Fatal(err)
		}
		byName, err := c.Weights()
		if err != nil {
			t.Fatal(err)
		}
		return slices.Collect(maps.Values(byName))
	}
	saveModel(t, scratch, 1)
	like, err := checkpoint.Latest(scratch)
	if err != nil {
		t.Fatal(err)
	}
	vocabulary, err := like.Vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	content := checkpoint.Content{State: like.State, Weights: weights(2), Vocabulary: vocabulary}
	if err := checkpoint.Save(folder, content, 1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(folder, Options{Weights: "average", Threads: 1}); !errors.Is(err, ErrNoAverage) {
		t.Errorf("without an average: %v", err)
	}
	if _, _, err := Load(folder, Options{Weights: "best", Threads: 1}); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("without a best one: %v", err)
	}
	content.Average = weights(3)
	if err := checkpoint.Save(folder, content, 1); err != nil {
		t.Fatal(err)
	}
	content.Weights, content.Average = weights(4), nil
	if err := checkpoint.SaveBest(folder, content); err != nil {
		t.Fatal(err)
	}
	vector := func(e *Embedder) []float32 {
		v, err := e.Texts(context.Background(), []string{"a red fox"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	hashes := map[string]bool{}
	for i, name := range []string{"last", "average", "best"} {
		e, _, err := Load(folder, Options{Weights: name, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		hashes[e.Hash] = true
		got := vector(e)
		e.Close()
		alone := t.TempDir()
		saveModel(t, alone, int64(i)+2)
		if want := vector(openModel(t, alone)); !slices.Equal(got, want) {
			t.Errorf("%s gives other vectors than the weights drawn for it", name)
		}
	}
	if len(hashes) != 3 {
		t.Errorf("three models have %d hashes", len(hashes))
	}
}

func openModel(t testing.TB, folder string) *Embedder {
	t.Helper()
	c, err := checkpoint.Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func TestClassifier(t *testing.T) {
	dir := t.TempDir()
	saveModel(t, filepath.Join(dir, "a"), 1)
	saveModel(t, filepath.Join(dir, "b"), 2)
	e, other := openModel(t, filepath.Join(dir, "a")), openModel(t, filepath.Join(dir, "b"))
	if again := openModel(t, filepath.Join(dir, "a")); again.Hash != e.Hash || e.Hash == other.Hash {
		t.Errorf("hashes: %s, again %s, other %s", e.Hash, again.Hash, other.Hash)
	}
	ctx, folder := context.Background(), filepath.Join(dir, "classifiers")
	labels, templates := []string{"fox", "bear", "owl"}, []string{"a {label}", "the {label}.", "{label}"}
	make := func(e *Embedder, labels, templates []string, batch int, want string) Classifier {
		t.Helper()
		c, err := e.Classifier(ctx, folder, labels, templates, batch)
		if err != nil || c.From != want || len(c.Rows) != len(labels) {
			t.Fatalf("%d rows, %s, %v; want %s", len(c.Rows), c.From, err, want)
		}
		return c
	}
	first := make(e, labels, templates, 2, Computed)
	if again := make(e, labels, templates, 2, Cached); !reflect.DeepEqual(again.Rows, first.Rows) {
		t.Error("other rows come back from the file")
	}
	// By hand: the mean of the prompts' vectors, normalised.
	x, err := e.Texts(ctx, []string{"a owl", "the owl.", "owl"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	var mean [32]float64
	var norm float64
	for i := range mean {
		mean[i] = float64(x[i]) + float64(x[32+i]) + float64(x[64+i])
		norm += mean[i] * mean[i]
	}
	for i, v := range first.Rows[2] {
		if math.Abs(float64(v)-mean[i]/math.Sqrt(norm)) > 1e-5 {
			t.Errorf("word %d is %g, want %g", i, v, mean[i]/math.Sqrt(norm))
		}
	}
	// What a classifier depends on makes another file.
	make(e, labels, templates[:2], 64, Computed)
	make(e, []string{"fox", "bearowl", ""}, templates, 64, Computed)
	make(other, labels, templates, 64, Computed)

	data, err := os.ReadFile(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{"cut": data[:len(data)-1], "empty": {}, "a changed byte": append(slices.Clone(data[:len(data)-3]), data[len(data)-3]^1, data[len(data)-2], data[len(data)-1])} {
		if err := os.WriteFile(first.Path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if c := make(e, labels, templates, 2, Rebuilt); !reflect.DeepEqual(c.Rows, first.Rows) {
			t.Errorf("%s: other rows", name)
		}
		make(e, labels, templates, 2, Cached)
	}

	p := e.Probabilities(Cosines(first.Rows[1], first))
	if math.Abs(p[0]+p[1]+p[2]-1) > 1e-9 || p[1] <= p[0] || p[1] <= p[2] {
		t.Errorf("probabilities %v", p)
	}
	var cosine float64
	for i, v := range first.Rows[1] {
		cosine += float64(v) * float64(first.Rows[0][i])
	}
	if want := math.Exp(20 * (cosine - 1)); math.Abs(p[0]/p[1]-want) > 1e-4*want {
		t.Errorf("ratio %g, want %g", p[0]/p[1], want)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.Classifier(cancelled, "", labels, templates, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestRunSet evaluates on arrays: a class without a picture is named, and left
// out of the mean of classes.
func TestRunSet(t *testing.T) {
	dir := t.TempDir()
	saveModel(t, filepath.Join(dir, "a"), 1)
	e := openModel(t, filepath.Join(dir, "a"))
	var data []byte
	for i := range 30 * 64 {
		data = append(data, byte(i*i*7/64))
	}
	classes := bytesOfClasses(30)
	writeFile(t, filepath.Join(dir, "x"), idx(data, 30, 8, 8))
	writeFile(t, filepath.Join(dir, "y"), idx(classes, 30))
	writeFile(t, filepath.Join(dir, "labels"), "fox\nbear\nowl\nwolf\n")
	writeFile(t, filepath.Join(dir, "base.csv"), "a,0.5,0.4\nb,0.7,0.6\n")
	o := options()
	o.Sets, o.Labels, o.Templates = []string{"mnist:x,y"}, "labels", []string{"imagenet80"}
	o.ProbeTrain, o.ProbeTest, o.ShiftedSet, o.Baseline = "mnist:x,y", "mnist:x,y", "mnist:x,y", "base.csv"
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	run := func() (r Result) {
		t.Helper()
		if err := e.runSets(context.Background(), nil, dir, filepath.Join(dir, "classifiers"), o, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := run()
	s := r.Sets[0]
	if s.Classes != 4 || s.Pictures != 30 || s.Prompts != 80 || s.Tally.In != 30 || !slices.Equal(s.Empty, []string{"wolf"}) || s.Classifier != Computed || r.Sets[1].Classifier != Cached {
		t.Errorf("got %+v", s.ZeroShot)
	}
	var right, mean float64
	for _, l := range s.Labels[:3] {
		right += float64(l.Right)
		mean += float64(l.Right) / float64(l.Pictures) / 3
	}
	if s.Top1.Rate != right/30 || math.Abs(s.ClassMean-mean) > 1e-12 || s.Top5.Rate != 1 || s.Top1.Chance != 0.25 {
		t.Errorf("accuracies %+v", s.ZeroShot)
	}
	if r.Probe == nil || r.Probe.Pictures != 30 || r.Probe.Dim != e.model.Config.Width || r.Probe.Accuracy.Rate < s.Top1.Rate {
		t.Errorf("probe %+v", r.Probe)
	}
	if x := r.Robustness; x == nil || x.Models != 2 || math.Abs(x.Effective-(s.Top1.Rate-x.Predicted)) > 1e-12 {
		t.Errorf("robustness %+v", x)
	}
	again := run()
	again.Sets[0].Classifier = Computed
	if !reflect.DeepEqual(again, r) {
		t.Errorf("twice the same gives %+v and %+v", again, r)
	}
}

func bytesOfClasses(n int) (b []byte) {
	for i := range n {
		b = append(b, byte(i%3))
	}
	return b
}
