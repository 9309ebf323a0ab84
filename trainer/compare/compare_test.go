package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// childFolder tells the test binary to compare there as the victim of a kill.
const childFolder = "PAIRLOOM_COMPARE_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		if _, err := Run(context.Background(), small(dir), func(p Progress) { fmt.Println(p.Run, p.Step, p.Point != nil) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var paints = []struct {
	name string
	rgb  color.RGBA
}{{"red", color.RGBA{220, 30, 30, 255}}, {"green", color.RGBA{30, 180, 40, 255}}, {"blue", color.RGBA{40, 60, 220, 255}}, {"black", color.RGBA{20, 20, 20, 255}}}

var shapes = []string{"disc", "square"}

// draw encodes a shape in a place that variant chooses.
func draw(t testing.TB, shape int, rgb color.RGBA, variant int) []byte {
	t.Helper()
	const side = 40
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	cx, cy := 17+variant%6, 17+variant/2%6
	for y := range side {
		for x := range side {
			m.Set(x, y, color.RGBA{200, 200, 200, 255})
			dx, dy := x-cx, y-cy
			if shape == 0 && dx*dx+dy*dy <= 100 || shape == 1 && max(dx, -dx, dy, -dy) <= 9 {
				m.Set(x, y, rgb)
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// prepare makes a dataset of n pairs, a set of pictures unlike those, and a
// shifted one, in dir.
func prepare(t testing.TB, dir string, n int) {
	t.Helper()
	folder := filepath.Join(dir, "data", "shards")
	tally := shard.NewTally("shard", "pairs", "pairs")
	w, err := shard.CreatePart[shard.Pair](folder, "shard-00000.arrow", shard.Origin{Stage: "shard"})
	if err != nil {
		t.Fatal(err)
	}
	var labels strings.Builder
	for i := range n {
		c, shape := paints[i%len(paints)], i/len(paints)%len(shapes)
		p := shard.Pair{PairID: uint64(i), Text: "a " + c.name + " " + shapes[shape], Image: draw(t, shape, c.rgb, i/8)}
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
		tally.Keep()
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := shard.WriteManifest(folder, &shard.Manifest{Stage: "shard", Tally: tally, Parts: []shard.Part{part}}); err != nil {
		t.Fatal(err)
	}
	write := func(path string, data []byte) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for set, dim := range map[string]float64{"test": 1, "dim": 0.6} {
		for _, c := range paints {
			for shape, name := range shapes {
				rgb := color.RGBA{uint8(dim * float64(c.rgb.R)), uint8(dim * float64(c.rgb.G)), uint8(dim * float64(c.rgb.B)), 255}
				for v := range 2 {
					write(filepath.Join(dir, set, "a "+c.name+" "+name, fmt.Sprint(v, ".jpg")), draw(t, shape, rgb, 101+v))
				}
				if set == "test" {
					fmt.Fprintf(&labels, "a %s %s\n", c.name, name)
				}
			}
		}
	}
	write(filepath.Join(dir, "test", "a red disc", "broken.jpg"), []byte("no picture"))
	write(filepath.Join(dir, "labels.txt"), []byte(labels.String()))
}

// small compares two objectives.
func small(dir string) Options {
	return Options{
		Dataset: filepath.Join(dir, "data"), Out: filepath.Join(dir, "out"), Objectives: []string{clip.Contrastive, clip.Caption},
		Seeds: 2, Pairs: 12 * 8, Points: 3, Sets: []string{"folder:" + filepath.Join(dir, "test")}, Templates: []string{"{label}"}, CaptionPictures: 6,
		Train: trainer.Options{
			Model: "vit-nano", Epochs: 1, Batch: 8, LearningRate: 2e-3, Warmup: 4, WeightDecay: 0.1,
			Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, GradClip: 1, CropScale: 0.9, CropAspect: 0.75, Vocabulary: "600",
			CheckpointEvery: 4, Keep: 2, LogEvery: 5, Threads: 1, Workers: 1, CacheMB: 10,
		},
	}
}

var timing = regexp.MustCompile(`"timing_[a-z_]+": [^,\n]+`)

// figures is compare.json without times.
func figures(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "out", "compare.json"))
	if err != nil {
		t.Fatal(err)
	}
	text := timing.ReplaceAllString(string(data), "")
	return strings.ReplaceAll(text, dir, "DIR")
}

// TestKilled kills a comparison again and again, until one survives, and wants
// the figures of one that was left alone.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	whole, dir := t.TempDir(), t.TempDir()
	prepare(t, whole, 64)
	prepare(t, dir, 64)
	if _, err := Run(context.Background(), small(whole), nil); err != nil {
		t.Fatal(err)
	}
	kills := 0
	for ; !killAfter(t, dir, 11+kills%5); kills++ {
		if kills > 40 {
			t.Fatal("no comparison comes to an end")
		}
	}
	if kills < 3 {
		t.Errorf("only %d kills", kills)
	}
	if a, b := figures(t, whole), figures(t, dir); a != b {
		t.Errorf("killed %d times, it gives\n%s\nand undisturbed\n%s", kills, b, a)
	}
}

// killAfter compares in a process that it kills after so many lines, and tells
// whether it came to its end before.
func killAfter(t *testing.T, dir string, lines int) bool {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childFolder+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	buffer, n := make([]byte, 1), 0
	for n < lines {
		if _, err := out.Read(buffer); err != nil {
			break
		}
		if buffer[0] == '\n' {
			n++
		}
	}
	if n == lines {
		child.Process.Kill()
	}
	return child.Wait() == nil
}

// TestAllObjectives trains every objective on shapes and expects each to tell
// them apart on pictures that it has not seen.
func TestAllObjectives(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	dir := t.TempDir()
	prepare(t, dir, 64)
	o := small(dir)
	o.Objectives, o.Seeds, o.Pairs, o.Points, o.Train.Batch = objectives, 1, 160*16, 4, 16
	o.Labels, o.CaptionPictures = filepath.Join(dir, "labels.txt"), 100
	o.Sets = append(o.Sets, "folder:"+filepath.Join(dir, "dim"))
	r, err := Run(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Objectives {
		first := s.Sets[0]
		if first.Mean < 0.5 || first.Pictures != 16 {
			t.Errorf("%s tells %.2f of %d pictures, chance is %.2f", s.Objective, first.Mean, first.Pictures, 1.0/8)
		}
		t.Logf("%s: %.2f, shifted %.2f", s.Objective, first.Mean, s.Sets[1].Mean)
	}
	for _, run := range r.Runs {
		if len(run.Points) != 4 || run.Points[0].Step != 20 || run.Points[3].Pairs != 160*16 || run.Points[3].Scores[0].Bad != 1 {
			t.Errorf("%s: points are %+v", run.Objective, run.Points)
		}
	}
	if len(r.Robustness) != len(objectives) {
		t.Errorf("robustness is %+v", r.Robustness)
	}
	for name, wants := range map[string][]string{
		"compare.md":  {"| bag_of_words | 1 | 2560 |", "## Robustness"},
		"compare.svg": {"<svg ", "convirt", "pairs seen", "floating-point operations", "</svg>"},
	} {
		data, err := os.ReadFile(filepath.Join(o.Out, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(data), want) {
				t.Errorf("%s lacks %q:\n%s", name, want, data)
			}
		}
	}
}

// TestPairsAsSet judges on the training pairs themselves, whose classes the file
// of labels names.
func TestPairsAsSet(t *testing.T) {
	dir := t.TempDir()
	prepare(t, dir, 64)
	o := small(dir)
	o.Objectives, o.Seeds, o.Points = []string{clip.BagOfWords}, 1, 1
	o.Sets = []string{"training:" + o.Dataset}
	if _, err := Run(context.Background(), o, nil); err == nil || !strings.Contains(err.Error(), "labels") {
		t.Errorf("without a file of labels: got %v", err)
	}
	o.Labels = filepath.Join(dir, "labels.txt")
	r, err := Run(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.Runs[0].Points[0].Scores[0]; s.Pictures != 64 || s.Classes != len(paints)*len(shapes) {
		t.Errorf("judged on %d pictures of %d classes", s.Pictures, s.Classes)
	}
}

// TestEqualFlops gives each objective the same operations, within a step.
func TestEqualFlops(t *testing.T) {
	dir := t.TempDir()
	prepare(t, dir, 64)
	o := small(dir)
	o.Objectives, o.Seeds, o.Points, o.Pairs, o.Flops = []string{clip.BagOfWords, clip.Contrastive}, 1, 1, 0, 4e9
	r, err := Run(context.Background(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range r.Runs {
		p := run.Points[0]
		if step := p.Flops / float64(p.Step); math.Abs(p.Flops-o.Flops) > 1.05*step {
			t.Errorf("%s takes %.3g operations in %d steps, %.3g asked for", run.Objective, p.Flops, p.Step, o.Flops)
		}
	}
	if r.Runs[0].Points[0].Step <= r.Runs[1].Points[0].Step {
		t.Errorf("bag_of_words, whose pairs cost less, takes no more steps: %+v", r.Runs)
	}
}

// TestOther comes again to a comparison that is done, with something changed.
func TestOther(t *testing.T) {
	dir := t.TempDir()
	prepare(t, dir, 64)
	base := small(dir)
	base.Seeds, base.Points, base.Pairs, base.Objectives = 1, 1, 32, base.Objectives[:1]
	if _, err := Run(t.Context(), base, nil); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, tt := range []struct {
		name   string
		change func(o *Options)
		want   error
	}{
		{"at another pace", func(o *Options) { o.Train.LogEvery, o.Train.Threads = 7, 2 }, nil},
		{"with epochs, which it does not count in", func(o *Options) { o.Train.Epochs = 7 }, nil},
		{"from another working directory", func(o *Options) {
			o.Dataset, o.Out, o.Sets = "data", "out", []string{"folder:test"}
		}, nil},
		{"with another rate", func(o *Options) { o.Train.LearningRate = 1e-3 }, ErrOther},
		{"with another template", func(o *Options) { o.Templates = []string{"the {label}"} }, ErrOther},
		{"with another set", func(o *Options) { o.Sets = []string{"folder:dim"} }, ErrOther},
		{"judged again", func(o *Options) {
			if err := os.Remove(filepath.Join(o.Out, "contrastive-seed1", "points.json")); err != nil {
				t.Fatal(err)
			}
		}, nil},
		{"with another class in the set", func(*Options) {
			if err := os.CopyFS("test/a gray square", os.DirFS("test/a red square")); err != nil {
				t.Fatal(err)
			}
		}, ErrOther},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := base
			tt.change(&o)
			if _, err := Run(t.Context(), o, nil); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	o := small(t.TempDir())
	o.Dataset, o.Sets, o.Flops, o.Objectives = "", nil, 1e9, []string{"captoin", clip.Caption, clip.Caption, clip.Supervised}
	o.Templates, o.Train.MicroBatch = []string{"a thing"}, 4
	err := o.Validate()
	for _, want := range []string{"dataset:", "sets:", "pairs and flops:", `"captoin"`, "caption stands there twice", "labels:", "a thing", "for the objective caption: micro_batch"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func TestStops(t *testing.T) {
	for _, tt := range []struct {
		steps  int64
		points int
		want   []int64
	}{{100, 3, []int64{25, 50, 100}}, {3, 5, []int64{1, 3}}, {1, 1, []int64{1}}} {
		if got := stops(tt.steps, tt.points); !slices.Equal(got, tt.want) {
			t.Errorf("stops(%d, %d) = %v, want %v", tt.steps, tt.points, got, tt.want)
		}
	}
}

// TestWordScores holds a bag-of-words classifier against means computed from
// the weights directly.
func TestWordScores(t *testing.T) {
	dir := t.TempDir()
	prepare(t, dir, 64)
	o := small(dir)
	o.Seeds, o.Points, o.Pairs, o.Objectives = 1, 1, 64, []string{clip.BagOfWords}
	if _, err := Run(context.Background(), o, nil); err != nil {
		t.Fatal(err)
	}
	c, err := checkpoint.Latest(filepath.Join(o.Out, "bag_of_words-seed1", "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evaluate.Open(c, 1); !errors.Is(err, evaluate.ErrNoTexts) {
		t.Errorf("evaluate opens it: %v", err)
	}
	m, err := load(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	got, err := m.classifier(context.Background(), []string{"red", "blue disc"}, []string{"{label}", "a a {label}"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dim, weight, bias := m.Config.Embed, m.weights["words.weight"].Data, m.weights["words.bias"].Data
	for i, prompts := range [][]string{{"red", "a red"}, {"blue disc", "a blue disc"}} {
		row, sum := make([]float64, dim), 0.0
		for _, prompt := range prompts {
			ids := m.encoder.Append(nil, prompt, 77)
			ids = ids[1 : len(ids)-1]
			for _, id := range ids {
				for k := range row {
					row[k] += float64(weight[int(id)*dim+k]) / float64(2*len(ids))
				}
				sum += float64(bias[id]) / float64(2*len(ids))
			}
		}
		for k, v := range row {
			if math.Abs(v-float64(got.rows[i*dim+k])) > 1e-6 {
				t.Fatalf("label %d: word %d is %g, want %g", i, k, got.rows[i*dim+k], v)
			}
		}
		if math.Abs(sum-float64(got.bias[i])) > 1e-6 {
			t.Errorf("label %d: bias is %g, want %g", i, got.bias[i], sum)
		}
	}
}

func TestPlotOfOnePoint(t *testing.T) {
	r := Result{Objectives: []Summary{{Objective: clip.Caption, Sets: []Spread{{Set: "a<b", Mean: 0.5}}}},
		Runs: []Trained{{clip.Caption, 1, []Point{{Step: 1, Pairs: 2, Flops: 3, Scores: []Score{{Top1: 0.5}}}}}}}
	if svg := r.plot(); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") || !strings.Contains(svg, "a&lt;b") {
		t.Errorf("one point gives the plot\n%s", svg)
	}
}

// TestRemembering converts a picture once where there is room, and never keeps
// what is no picture.
func TestRemembering(t *testing.T) {
	calls := 0
	convert := remembering(func(_ context.Context, data []byte) ([]byte, string, string, error) {
		calls++
		if len(data) == 0 {
			return nil, "empty", "no bytes", nil
		}
		return append([]byte("jpeg "), data...), "", "", nil
	}, 12)
	for _, tt := range []struct {
		data, want, reason string
		calls              int
	}{{"a", "jpeg a", "", 1}, {"a", "jpeg a", "", 1}, {"b", "jpeg b", "", 2}, {"c", "jpeg c", "", 3}, {"c", "jpeg c", "", 4}, {"", "", "empty", 5}, {"", "", "empty", 6}, {"b", "jpeg b", "", 6}} {
		jpeg, reason, _, err := convert(context.Background(), []byte(tt.data))
		if err != nil || string(jpeg) != tt.want || reason != tt.reason || calls != tt.calls {
			t.Errorf("%q gives %q, %q, %v after %d calls, want %+v", tt.data, jpeg, reason, err, calls, tt)
		}
	}
}
