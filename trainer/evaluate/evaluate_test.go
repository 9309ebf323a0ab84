package evaluate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options() Options {
	return Options{RecallAt: []string{"1", "5"}, Templates: []string{"a {label} picture", "{label}"}, Classes: 5, MaxPairs: 100, Batch: 7, Threads: 1, Bootstrap: 200, Seed: 1}
}

var colours = []struct {
	name string
	rgb  color.RGBA
}{
	{"red", color.RGBA{220, 30, 30, 255}}, {"green", color.RGBA{30, 180, 40, 255}}, {"blue", color.RGBA{40, 60, 220, 255}},
	{"yellow", color.RGBA{230, 220, 40, 255}}, {"black", color.RGBA{20, 20, 20, 255}},
}

// places are where the colour lies on a white picture.
var places = []struct {
	name string
	at   image.Rectangle
}{
	{"left", image.Rect(0, 0, 16, 32)}, {"right", image.Rect(16, 0, 32, 32)}, {"top", image.Rect(0, 0, 32, 16)}, {"bottom", image.Rect(0, 16, 32, 32)},
}

// pairOf is picture i of 20 kinds; round changes its shade.
func pairOf(t testing.TB, i, round int) shard.Pair {
	t.Helper()
	c, place := colours[i%5], places[i/5%4]
	m := image.NewRGBA(image.Rect(0, 0, 32, 32))
	for y := range 32 {
		for x := range 32 {
			m.Set(x, y, color.White)
			if (image.Point{X: x, Y: y}).In(place.at) {
				m.Set(x, y, color.RGBA{c.rgb.R + uint8(round*3), c.rgb.G + uint8(round*2), c.rgb.B + uint8(round), 255})
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return shard.Pair{PairID: uint64(1 + i + 1000*round), Text: c.name + " " + place.name, Image: b.Bytes(), PictureHash: uint64(1 + i + 1000*round), QueryIDs: []uint32{uint32(i % 5), uint32(50 + i/5%4)}}
}

// writeShards makes training pairs of 20 kinds in 6 shades, and held-out pairs
// of all kinds in a new shade, one of them broken.
func writeShards(t testing.TB, dir string) {
	t.Helper()
	folder := filepath.Join(dir, "shards")
	m := &shard.Manifest{Stage: "shard", Tally: shard.NewTally("shard", "pairs", "pairs")}
	write := func(name string, rows []shard.Pair) {
		w, err := shard.CreatePart[shard.Pair](folder, name, shard.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			m.Tally.Keep()
			if err := w.Write(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		part, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		m.Parts = append(m.Parts, part)
	}
	var training, heldOut []shard.Pair
	for i := range 120 {
		training = append(training, pairOf(t, i%20, i/20))
	}
	for i := range 20 {
		heldOut = append(heldOut, pairOf(t, i, 7))
	}
	broken := pairOf(t, 0, 8)
	broken.Image = broken.Image[:25]
	write("shard-00000.arrow", training)
	write("heldout-00000.arrow", append(heldOut, broken))
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// trainTiny trains on the shards of dir for so many epochs.
func trainTiny(t testing.TB, dir string, epochs int) {
	t.Helper()
	_, err := trainer.Run(context.Background(), dir, trainer.Options{
		Model: "vit-nano", Epochs: epochs, Batch: 20, LearningRate: 2e-3, Warmup: 10, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, GradClip: 1,
		Vocabulary: "560", Seed: 1, CheckpointEvery: 1000, Keep: 1, LogEvery: 100, Threads: 1, Workers: 1, CacheMB: 10,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir)
	if _, err := Run(context.Background(), dir, options(), nil, nil); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("before training: got %v, want %v", err, checkpoint.ErrNone)
	}
	trainTiny(t, dir, 40)
	var classes []Class
	for i, c := range colours {
		classes = append(classes, Class{c.name, uint32(i)})
	}
	var calls []int64
	r, err := Run(context.Background(), dir, options(), classes, func(done, total int64) { calls = append(calls, done, total) })
	if err != nil {
		t.Fatal(err)
	}
	if r.Pairs != 20 || r.Tally.Dropped[Undecodable] != 1 || r.Tally.In != 21 {
		t.Errorf("%d pairs, tally %+v", r.Pairs, r.Tally)
	}
	if want := []int64{7, 21, 14, 21, 21, 21}; !slices.Equal(calls, want) {
		t.Errorf("progress %v, want %v", calls, want)
	}
	for _, side := range []Retrieval{r.ImageToText, r.TextToImage} {
		if side.Recall[0].Rate < 0.5 || math.Abs(side.Recall[0].Chance-0.05) > 1e-9 || math.Abs(side.Recall[1].Chance-0.25) > 1e-9 {
			t.Errorf("retrieval is %+v", side)
		}
	}
	if z := r.ZeroShot; z == nil || z.Pictures != 20 || z.Top1.Rate < 0.6 || z.Top1.Chance != 0.2 || z.Top5.Rate != 1 ||
		z.Top1.Interval[0] > z.Top1.Rate || z.Top1.Interval[1] < z.Top1.Rate || z.Classifier != Computed || z.ClassMean != z.Top1.Rate {
		t.Errorf("zero-shot is %+v", z)
	}
	data, err := os.ReadFile(filepath.Join(dir, "evaluation", "eval.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(data, &back); err != nil || back.ZeroShot == nil || back.ZeroShot.Classifier != "" {
		t.Fatalf("eval.json holds %s, %v", data, err)
	}
	if back.ZeroShot.Classifier = Computed; !reflect.DeepEqual(back, r) {
		t.Errorf("eval.json holds %s", data)
	}
	// A run that was killed before it wrote eval.json finds its classifier.
	if r, err = Run(context.Background(), dir, options(), classes, nil); err != nil || r.ZeroShot.Classifier != Cached {
		t.Errorf("again: %+v, %v", r.ZeroShot, err)
	}
	if again, err := os.ReadFile(filepath.Join(dir, "evaluation", "eval.json")); err != nil || !bytes.Equal(again, data) {
		t.Errorf("evaluated again, eval.json holds %s, %v; want %s", again, err, data)
	}

	o := options()
	o.MaxPairs = 10
	if r, err = Run(context.Background(), dir, o, nil, nil); err != nil || r.Pairs != 10 || r.Tally.Dropped[OverLimit] != 11 || r.ZeroShot != nil {
		t.Errorf("limited: %+v, %v", r, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, dir, o, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Templates = []string{"{label}", "no mark"} }, `templates: "no mark" does not contain {label}`},
		{func(o *Options) { o.RecallAt = []string{"1", "x"} }, `recall_at: "x" given`},
		{func(o *Options) { o.RecallAt = nil }, "recall_at: no number"},
		{func(o *Options) { o.Sets = []string{"folders:x"} }, `sets: "folders:x" given; folder:PATH`},
		{func(o *Options) { o.Sets = []string{"mnist:x"} }, `"mnist:x" names 1 paths; mnist takes 2`},
		{func(o *Options) { o.Sets = []string{"shards:x,y"} }, "shards takes 1"},
		{func(o *Options) { o.ProbeTrain, o.ProbeTest = "training:.", "shards:." }, "labels: training:.: pairs have no classes of their own"},
		{func(o *Options) { o.ProbeTrain = "folder:x" }, "probe needs both sets"},
		{func(o *Options) { o.ShiftedSet = "folder:x" }, "name the set it is shifted from"},
	} {
		o := options()
		tt.change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q in it", err, tt.want)
		}
	}
	if err := options().Validate(); err != nil {
		t.Error(err)
	}
}

func TestRankOf(t *testing.T) {
	pairs := []heldOut{{text: 0, picture: 0}, {text: 1, picture: 1}, {text: 0, picture: 2}, {text: 3, picture: 1}}
	nan := float32(math.NaN())
	for _, tt := range []struct {
		asked  int
		scores []float32
		want   int
	}{
		{0, []float32{.9, .1, .2, .3}, 1},
		{0, []float32{.1, .5, .9, .3}, 1}, // an equal text counts
		{1, []float32{.5, .1, .2, .9}, 1}, // so does an equal picture
		{1, []float32{.5, .1, .6, .2}, 3},
		{0, []float32{.5, .5, .5, .5}, 3}, // ties count against the model
		{0, []float32{nan, nan, nan, nan}, 3},
	} {
		if got := rankOf(pairs, tt.asked, tt.scores); got != tt.want {
			t.Errorf("pair %d with %v has rank %d, want %d", tt.asked, tt.scores, got, tt.want)
		}
	}
	if got, want := rightAnswers(pairs), []int{2, 2, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("right answers %v, want %v", got, want)
	}
}

func TestChance(t *testing.T) {
	for _, tt := range []struct {
		k, right, n int
		want        float64
	}{
		{1, 1, 10, 0.1}, {5, 1, 10, 0.5}, {10, 1, 10, 1}, {20, 1, 10, 1}, {2, 2, 4, 1 - 2.0/4*1.0/3}, {3, 2, 4, 1},
	} {
		if got := chanceOf(tt.k, tt.right, tt.n); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("chance of %d right in %d of %d is %g, want %g", tt.right, tt.k, tt.n, got, tt.want)
		}
	}
	r := retrieval([]int{1, 2, 3, 10}, []int{1, 1, 1, 1}, Options{RecallAt: []string{"3", "1"}})
	if fmt.Sprint(r) != "{[{1 {0.25 [0 0] 0.25}} {3 {0.75 [0 0] 0.75}}] 2.5 2}" {
		t.Errorf("got %v", r)
	}
}

func TestClassOf(t *testing.T) {
	byQuery := map[uint32]int{7: 0, 8: 1, 9: 1}
	for _, tt := range []struct {
		queries []uint32
		want    int
	}{
		{nil, -1}, {[]uint32{1, 2}, -1}, {[]uint32{1, 7}, 0}, {[]uint32{7, 8}, -1}, {[]uint32{8, 9}, 1},
	} {
		if got := classOf(tt.queries, byQuery); got != tt.want {
			t.Errorf("class of %v is %d, want %d", tt.queries, got, tt.want)
		}
	}
}
