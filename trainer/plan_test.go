package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/clip"
)

// TestPlanIsWhatTheDeviceHolds trains a few steps and holds what the device has then
// against what the plan of the run says, to a few hundredths: the pool is the same, and
// only captions of other lengths, and scratch, differ.
func TestPlanIsWhatTheDeviceHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	dir := t.TempDir()
	writeShards(t, dir, 150)
	for _, tt := range []struct {
		name   string
		change func(o *Options)
	}{
		{"a ViT", func(o *Options) {}},
		{"a ResNet", func(o *Options) { o.Model = "rn-nano" }},
		{"a larger ViT", func(o *Options) { o.Model = "vit-micro" }},
		{"a larger ResNet", func(o *Options) { o.Model = "rn-micro" }},
		{"an average", func(o *Options) { o.EMA = 0.99 }},
		{"micro batches", func(o *Options) { o.MicroBatch = 8 }},
		{"several batches", func(o *Options) { o.Batch, o.Accumulate = 16, 3 }},
		{"recomputed activations", func(o *Options) { o.CheckpointActivations = true }},
		{"bf16", func(o *Options) { o.Model, o.Precision = "vit-micro", precisionBF16 }},
		{"siglip", func(o *Options) { o.Loss = lossSigLIP }},
		{"captions", func(o *Options) { o.Objective = clip.Caption }},
		{"words", func(o *Options) { o.Objective = clip.BagOfWords }},
		{"language beside", func(o *Options) { o.LMWeight = 0.5 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := small()
			o.Batch = 48
			tt.change(&o)
			r, err := newRun(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			if err := r.restore(); err != nil {
				t.Fatal(err)
			}
			p, err := r.plan()
			if err != nil {
				t.Fatal(err)
			}
			m, flops, err := p.memory(r.batch, r.microBatch())
			if err != nil {
				t.Fatal(err)
			}
			feed := r.newFeed()
			defer feed.loader.Close()
			held, done := int64(0), 0.0
			for range 3 {
				if err := r.gradients(context.Background(), feed); err != nil {
					t.Fatal(err)
				}
				r.update(feed)
				if err := r.device.Wait(r.pending.end); err != nil {
					t.Fatal(err)
				}
				r.pending = nil
				held, done = max(held, r.device.Bytes()), done+feed.flops
				r.state.Step++
			}
			told := m.Weights + m.Gradients + m.Moments + m.Average + m.Activations + m.Scratch
			if ratio := float64(told) / float64(held); ratio < 0.97 || ratio > 1.06 {
				t.Errorf("the plan has %d bytes, the device %d: %.3f of it; %+v", told, held, ratio, m)
			} else {
				t.Logf("%.3f of what the device holds", ratio)
			}
			if done /= float64(3 * r.pairsPerStep()); math.Abs(flops-done) > 0.03*done {
				t.Errorf("the plan has %g operations a pair, the run %g", flops, done)
			}
		})
	}
}

// TestPeakOfTheProcess trains vit-small in a process of its own and holds the most memory
// that it had against the estimate.
func TestPeakOfTheProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	for _, tt := range []struct {
		model        string
		batch, micro int
	}{{"vit-small", 32, 0}, {"rn-micro", 48, 16}} {
		t.Run(fmt.Sprintf("%s/%d/%d", tt.model, tt.batch, tt.micro), func(t *testing.T) {
			dir := t.TempDir()
			writeShards(t, dir, 2*tt.batch)
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childFolder+"="+dir, fmt.Sprintf("%s=%s %d %d", childPeak, tt.model, tt.batch, tt.micro))
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var told, peak int64
			at := strings.LastIndex(string(out), "peak ")
			if _, err := fmt.Sscanf(string(out[max(0, at):]), "peak %d of %d", &peak, &told); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("told %d MB, the process had %d MB: %.3f", told>>20, peak>>20, float64(told)/float64(peak))
			if ratio := float64(told) / float64(peak); ratio < 0.9 || ratio > 1.1 {
				t.Errorf("the estimate is %.3f of the peak", ratio)
			}
		})
	}
}

// trainToPeak trains as childPeak says and prints the most memory that the process had.
func trainToPeak(dir string) error {
	o := small()
	o.CheckpointEvery = 2
	o.Epochs, o.CacheMB, o.Threads = 1, 64, 2
	if _, err := fmt.Sscan(os.Getenv(childPeak), &o.Model, &o.Batch, &o.MicroBatch); err != nil {
		return err
	}
	e, err := DryRun(dir, o)
	if err != nil {
		return err
	}
	if _, err := Run(context.Background(), dir, o, nil); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return err
	}
	fmt.Printf("%+v\npeak %d of %d\n", e.Memory, kib<<10, e.Total)
	return nil
}

func TestFits(t *testing.T) {
	for _, tt := range []struct {
		name       string
		most       int
		room, want int64
	}{
		{"none", 100, 5, 0}, {"one", 100, 10, 1}, {"in between", 100, 470, 46}, {"all", 100, 1 << 40, 100},
		{"of many, to a sixty-fourth", 1 << 20, 100007, 10000},
	} {
		calls := 0
		got, err := fits(tt.most, func(n int) (bool, error) {
			calls++
			return int64(10*n+min(n-1, 7)) <= tt.room, nil
		})
		if want := int(tt.want); err != nil || got > want || got < want-want/32 || calls > 40 {
			t.Errorf("%s: %d, want %d, after %d calls, %v", tt.name, got, tt.want, calls, err)
		}
	}
	if _, err := fits(9, func(int) (bool, error) { return true, errors.New("no") }); err == nil {
		t.Error("an error is lost")
	}
}

// TestBatchThatCannotFit is refused before any work, with the one that does.
func TestBatchThatCannotFit(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 20)
	// An epoch draws each pair so often that the batch is as large as it says.
	o := small()
	o.Model, o.Batch, o.Data = "vit-l-14-336", 15000, []string{dir + "=999"}
	_, err := Run(context.Background(), dir, o, func(Step) { t.Error("it trains") })
	if !errors.Is(err, ErrMemory) {
		t.Fatalf("got %v", err)
	}
	t.Log(err)
	var micro int
	if _, rest, there := strings.Cut(err.Error(), "set train.micro_batch to "); !there {
		t.Fatalf("no micro batch is named: %v", err)
	} else if _, err := fmt.Sscan(rest, &micro); err != nil || micro < 1 {
		t.Fatalf("%d, %v", micro, err)
	}
	if left := glob(t, dir, "checkpoints", "*"); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}
