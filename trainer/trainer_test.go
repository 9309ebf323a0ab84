package trainer

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
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
)

// childFolder tells the test binary to train there as the victim of a kill.
const (
	childFolder = "PAIRLOOM_TRAIN_IN"
	childKind   = "PAIRLOOM_TRAIN_KIND"
	childPeak   = "PAIRLOOM_TRAIN_PEAK" // model, batch and micro batch of which the memory is told
)

// kinds are runs of 12 steps on writeKind's pairs that keep different things from
// step to step.
var kinds = map[string]func(o *Options){
	"plain": func(*Options) {},
	// Checkpoints fall between updates, each of three batches in micro batches.
	"micro": func(o *Options) {
		o.Epochs, o.MicroBatch, o.Accumulate, o.EMA, o.Loss = 9, 3, 3, 0.9, lossSigLIP
	},
	// The loader augments, and the scale is state that is not learned.
	"convirt": func(o *Options) { o.Objective, o.MicroBatch = clip.ConVIRT, 4 },
	// Batch norms have running statistics.
	"resnet": func(o *Options) { o.Model, o.MicroBatch = "rn-nano", 4 },
	// The rounded copy of the weights is no part of a checkpoint.
	"bf16":        func(o *Options) { o.Precision, o.MicroBatch, o.EMA = precisionBF16, 3, 0.9 },
	"bf16 resnet": func(o *Options) { o.Model, o.Precision = "rn-nano", precisionBF16 },
}

func kind(name string) Options {
	o := small()
	o.Epochs, o.Batch, o.CheckpointEvery = 3, 8, 2
	kinds[name](&o)
	return o
}

// writeKind makes pairs for four batches of a kind and a tail, one of which does
// not decode.
func writeKind(t testing.TB, dir string) { writeShards(t, dir, 35, 3) }

// wholes has a folder for each kind, with a run that was left alone.
var wholes struct {
	parent string
	result map[string]Result
}

// whole trains a kind once for all tests.
func whole(t *testing.T, name string) (dir string, result Result) {
	t.Helper()
	dir = filepath.Join(wholes.parent, name)
	if _, done := wholes.result[name]; !done {
		writeKind(t, dir)
		wholes.result[name] = train(t, dir, kind(name))
	}
	return dir, wholes.result[name]
}

func TestMain(m *testing.M) {
	peakTime = 0
	if dir := os.Getenv(childFolder); dir != "" {
		if os.Getenv(childPeak) != "" {
			if err := trainToPeak(dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
		if _, err := Run(context.Background(), dir, kind(os.Getenv(childKind)), func(s Step) { fmt.Println("step", s.Step) }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	parent, err := os.MkdirTemp("", "wholes")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	wholes.parent, wholes.result = parent, map[string]Result{}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(parent)
		os.Exit(code)
	}))
}

// small is a run of 24 steps.
func small() Options {
	return Options{
		Model: "vit-nano", Epochs: 6, Batch: 16, LearningRate: 2e-3, Warmup: 4, WeightDecay: 0.1,
		Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, GradClip: 1, Vocabulary: "600", Seed: 3,
		CheckpointEvery: 5, Keep: 2, LogEvery: 1, Device: backend.CPU, Threads: 1, Workers: 2, CacheMB: 10,
	}
}

var colours = []struct {
	name string
	rgb  color.RGBA
}{
	{"red", color.RGBA{220, 30, 30, 255}}, {"green", color.RGBA{30, 180, 40, 255}}, {"blue", color.RGBA{40, 60, 220, 255}},
	{"yellow", color.RGBA{230, 220, 40, 255}}, {"black", color.RGBA{20, 20, 20, 255}}, {"white", color.RGBA{240, 240, 240, 255}},
}

// drawShape paints a square, disc or bar on gray, moved and sized by variant.
func drawShape(shape int, rgb color.RGBA, variant int) image.Image {
	const side = 40
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	cx, cy, r := 17+variant%6, 17+variant/2%6, 8+variant%5
	for y := range side {
		for x := range side {
			m.Set(x, y, color.RGBA{128, 128, 128, 255})
			dx, dy := x-cx, y-cy
			inside := [3]bool{max(dx, -dx, dy, -dy) <= r, dx*dx+dy*dy <= r*r, max(dy, -dy) <= 3}[shape]
			if inside {
				m.Set(x, y, rgb)
			}
		}
	}
	return m
}

// writeShards makes dir/shards of n pairs; rows in broken do not decode.
func writeShards(t testing.TB, dir string, n int, broken ...int) {
	t.Helper()
	writeTexts(t, dir, n, "a %s %s", broken...)
}

// writeTexts is writeShards with a form for the texts, which takes a colour and a
// shape.
func writeTexts(t testing.TB, dir string, n int, form string, broken ...int) {
	t.Helper()
	writePairs(t, dir, n, form, nil, broken...)
}

// writePairs is writeTexts with one picture for all pairs, if there is one.
func writePairs(t testing.TB, dir string, n int, form string, picture []byte, broken ...int) {
	t.Helper()
	folder := filepath.Join(dir, "shards")
	tally := shard.NewTally("shard", "pairs", "pairs")
	m := &shard.Manifest{Stage: "shard", Tally: tally}
	w, err := shard.CreatePart[shard.Pair](folder, "shard-00000.arrow", shard.Origin{Stage: "shard"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		c, shape := colours[i%len(colours)], i/len(colours)%3
		var b bytes.Buffer
		if err := jpeg.Encode(&b, drawShape(shape, c.rgb, i/18), nil); err != nil {
			t.Fatal(err)
		}
		p := shard.Pair{PairID: uint64(i), Text: fmt.Sprintf(form, c.name, []string{"square", "disc", "bar"}[shape]), Image: b.Bytes()}
		if len(picture) > 0 {
			p.Image = picture
		}
		for _, row := range broken {
			if row == i {
				p.Image = p.Image[:40]
			}
		}
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
		tally.Keep()
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	m.Parts = []shard.Part{part}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

func train(t testing.TB, dir string, o Options) Result {
	t.Helper()
	r, err := Run(context.Background(), dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lastTensors is the content of the last checkpoint's files of tensors, by name.
func lastTensors(t testing.TB, dir string) map[string]string {
	t.Helper()
	c, err := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for name := range c.State.Files {
		data, err := os.ReadFile(filepath.Join(c.Path, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	return files
}

// lastMetrics is metrics.jsonl without its timings.
func lastMetrics(t testing.TB, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "checkpoints", "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range bytes.Lines(data) {
		var m metricsLine
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		m.PairsPerSecond, m.DataWait, m.PeakShare = 0, 0, 0
		fmt.Fprintln(&out, m)
	}
	return out.String()
}

// learning is a run on 72 pairs that has time to learn.
func learning() Options {
	o := small()
	o.Epochs, o.LearningRate, o.CheckpointEvery = 20, 3e-3, 1000
	return o
}

// TestLearns trains on coloured shapes; 18 captions are told apart far better
// than by guessing, but the same caption many times in a batch keeps the loss
// above zero.
func TestLearns(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 72)
	o := learning()
	r := train(t, dir, o)
	if r.LossLast > 0.4*r.LossChance || r.LossFirst > 1.1*r.LossChance {
		t.Errorf("the loss falls from %.3f to %.3f; guessing gives %.3f", r.LossFirst, r.LossLast, r.LossChance)
	}
	if !r.Complete || r.Steps != 80 || r.PairsSeen != 80*16 || r.Hint != "" {
		t.Errorf("result is %+v", r)
	}
	again := train(t, dir, o)
	if again.Resumed != 80 || again.LossLast != r.LossLast {
		t.Errorf("a second run gives %+v", again)
	}
}

func TestTally(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70, 3, 44)
	r := train(t, dir, small())
	if r.Tally.In != 70 || r.Tally.Kept != 64 || r.Tally.Dropped[Undecodable] != 2 || r.Tally.Dropped[TailOfEpoch] != 4 {
		t.Errorf("tally is %+v", r.Tally)
	}
}

// TestResume stops a run in every way that leaves a checkpoint, and goes on.
func TestResume(t *testing.T) {
	if testing.Short() {
		t.Skip("TestStoppedWithinAStep stops the same goroutines")
	}
	for name := range kinds {
		alone, _ := whole(t, name)
		t.Run(name+" cancelled", func(t *testing.T) {
			dir := t.TempDir()
			writeKind(t, dir)
			ctx, cancel := context.WithCancel(context.Background())
			_, err := Run(ctx, dir, kind(name), func(s Step) {
				if s.Step == 7 {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want %v", err, context.Canceled)
			}
			r := train(t, dir, kind(name))
			if r.Resumed != 7 || r.Steps != 12 {
				t.Errorf("resumed at %d of %d, want 7 of 12", r.Resumed, r.Steps)
			}
			equalRuns(t, alone, dir)
		})
		t.Run(name+" out of time", func(t *testing.T) {
			dir := t.TempDir()
			writeKind(t, dir)
			o := kind(name)
			o.MaxDuration = time.Nanosecond
			runs := 0
			for r := (Result{}); !r.Complete; runs++ {
				if runs == 2 {
					o.MaxDuration = 0
				}
				r = train(t, dir, o)
			}
			equalRuns(t, alone, dir)
		})
	}
	t.Run("another seed", func(t *testing.T) {
		_, want := whole(t, "plain")
		dir := t.TempDir()
		writeKind(t, dir)
		o := kind("plain")
		o.Seed++
		if r := train(t, dir, o); r.LossLast == want.LossLast {
			t.Error("two seeds end with one loss")
		}
	})
}

// fuse is a context that is cancelled when it has been waited on so often.
type fuse struct {
	context.Context
	cancel func()
	left   int
}

func (f *fuse) Done() <-chan struct{} {
	if f.left--; f.left == 0 {
		f.cancel()
	}
	return f.Context.Done()
}

// TestStoppedWithinAStep cancels between the micro batches of a step: what was
// done of it leaves no trace.
func TestStoppedWithinAStep(t *testing.T) {
	alone, _ := whole(t, "micro")
	dir, o := t.TempDir(), kind("micro")
	writeKind(t, dir)
	const waitsPerStep = 2 * 3 * 2 * 3 // two a micro batch, three batches, two passes, three micro batches
	for stop := 1; stop < 4; stop++ {
		ctx, cancel := context.WithCancel(context.Background())
		r, err := Run(&fuse{ctx, cancel, 2*waitsPerStep + 10*stop}, dir, o, nil)
		if !errors.Is(err, context.Canceled) || r.Steps != int64(2*stop) {
			t.Errorf("stopped at step %d with %v, want step %d", r.Steps, err, 2*stop)
		}
		cancel()
	}
	train(t, dir, o)
	equalRuns(t, alone, dir)
}

func equalRuns(t *testing.T, whole, dir string) {
	t.Helper()
	a, b := lastTensors(t, whole), lastTensors(t, dir)
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s differs from that of an unbroken run", name)
		}
	}
	if a, b := lastMetrics(t, whole), lastMetrics(t, dir); a != b {
		t.Errorf("the metrics differ from those of an unbroken run:\n%s\n%s", a, b)
	}
}

// TestKilled kills a training process after several steps, again and again,
// until one survives.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	for name := range kinds {
		t.Run(name, func(t *testing.T) {
			alone, _ := whole(t, name)
			dir := t.TempDir()
			writeKind(t, dir)
			kills := 0
			for ; !killAfter(t, dir, name, 3+kills%2); kills++ {
				if kills > 20 {
					t.Fatal("no run comes to an end")
				}
			}
			if kills < 3 {
				t.Errorf("only %d kills", kills)
			}
			equalRuns(t, alone, dir)
		})
	}
}

// killAfter trains in a process that it kills after so many steps, and tells
// whether it came to its end before.
func killAfter(t *testing.T, dir, kind string, steps int) bool {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childFolder+"="+dir, childKind+"="+kind)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	// Reading step lines times the kill: at another place in each round.
	buffer, lines := make([]byte, 1), 0
	for lines < steps {
		if _, err := out.Read(buffer); err != nil {
			break
		}
		if buffer[0] == '\n' {
			lines++
		}
	}
	if lines == steps {
		child.Process.Kill()
	}
	return child.Wait() == nil
}

func TestForeign(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 40)
	o := small()
	o.Epochs = 1
	train(t, dir, o)
	for _, tt := range []struct {
		name, want string
		change     func()
	}{
		{"other settings", "lr was 0.002 and is now 0.0005", func() { o.LearningRate = 5e-4 }},
		{"two keys", "accumulate was 1 and is now 2, lr was 0.0005 and is now 0.002", func() { o.LearningRate, o.Accumulate = 2e-3, 2 }},
		{"more epochs", "epochs was 1 and is now 2, which changes the learning rate of every step; to train longer", func() { o.Epochs = 2 }},
	} {
		tt.change()
		if _, err := Run(context.Background(), dir, o, nil); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.name, err, tt.want)
		}
		o.Replace = true
		if r := train(t, dir, o); r.Resumed != 0 || !r.Complete {
			t.Errorf("%s: replaced it gives %+v", tt.name, r)
		}
		o.Replace = false
	}
}

func TestBadInput(t *testing.T) {
	t.Run("no shards", func(t *testing.T) {
		if _, err := Run(context.Background(), t.TempDir(), small(), nil); !errors.Is(err, shard.ErrUnfinished) {
			t.Errorf("got %v, want %v", err, shard.ErrUnfinished)
		}
	})
	t.Run("one pair", func(t *testing.T) {
		dir := t.TempDir()
		writeShards(t, dir, 1)
		if _, err := Run(context.Background(), dir, small(), nil); !errors.Is(err, ErrTooFew) {
			t.Errorf("got %v, want %v", err, ErrTooFew)
		}
	})
	t.Run("batch larger than the data", func(t *testing.T) {
		dir := t.TempDir()
		writeShards(t, dir, 10)
		if r := train(t, dir, small()); r.Batch != 10 || r.Steps != 6 {
			t.Errorf("result is %+v", r)
		}
	})
	t.Run("damaged checkpoint", func(t *testing.T) {
		dir := t.TempDir()
		writeShards(t, dir, 40)
		r := train(t, dir, small())
		if err := os.Truncate(filepath.Join(r.Checkpoint, "optimizer.safetensors"), 100); err != nil {
			t.Fatal(err)
		}
		var damaged *checkpoint.Damaged
		if _, err := Run(context.Background(), dir, small(), nil); !errors.As(err, &damaged) {
			t.Errorf("got %v", err)
		}
	})
}

// TestNotFinite follows steps whose loss is not finite: skipped, counted, and
// an error when there is no end of them.
func TestNotFinite(t *testing.T) {
	r := &run{options: small(), batchesPerEpoch: 4, batch: 16}
	r.state.Total = 100
	bad, good := stepFigures{loss: math.NaN(), norm2: 1}, stepFigures{loss: 1, norm2: 1}
	m, err := openMetrics(filepath.Join(t.TempDir(), metricsName), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	r.metrics = m
	reported := 0
	step := func(f stepFigures) error { return r.account(f, func(Step) { reported++ }) }
	for i, f := range []stepFigures{good, bad, {loss: 1, norm2: math.Inf(1)}, good} {
		if err := step(f); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if s := r.state; s.Step != 4 || s.Updates != 2 || s.Skipped != 2 || s.SkippedInRow != 0 || reported != 4 {
		t.Errorf("state is %+v", s)
	}
	for range patience - 1 {
		if err := step(bad); err != nil {
			t.Fatal(err)
		}
	}
	if err := step(bad); !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "step 14") {
		t.Errorf("got %v", err)
	}
}

func TestValidate(t *testing.T) {
	o := small()
	o.Model, o.LearningRate, o.Epsilon, o.Vocabulary = "vit-nanu", 0, 0, "publik"
	err := o.Validate()
	for _, want := range []string{"vit-nano", "lr:", "eps:", `vocabulary: "publik"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

// TestValidateCrop: a crop_scale of before must not be taken for another crop.
func TestValidateCrop(t *testing.T) {
	for _, tt := range []struct {
		scale, aspect float64
		want          string
	}{
		{0, 0, ""}, {0.9, 0.75, ""}, {1, 1, ""},
		{0.9, 0, "crop_scale: 0.9 given without crop_aspect; it was a share of the picture's short side, and is one of its area now"},
		{0, 0.75, "crop_aspect: 0.75 given without crop_scale"},
	} {
		o := small()
		o.CropScale, o.CropAspect = tt.scale, tt.aspect
		if err := o.Validate(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("crop_scale %g, crop_aspect %g: %v, want %q", tt.scale, tt.aspect, err, tt.want)
		}
	}
}

func TestRate(t *testing.T) {
	o := Options{LearningRate: 1, Warmup: 10}
	for _, tt := range []struct {
		step, total int64
		want        float64
	}{
		{0, 100, 0.1}, {9, 100, 1}, {10, 100, 1}, {55, 100, 0.5}, {100, 100, 0}, {0, 5, 1},
	} {
		if got := o.rate(tt.step, tt.total); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("rate(%d of %d) = %g, want %g", tt.step, tt.total, got, tt.want)
		}
	}
}
