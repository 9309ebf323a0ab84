//go:build cuda

package trainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
)

// Kinds of TestKilled on the test driver; see cuda_test.go.
func init() {
	kinds["card"] = func(o *Options) { o.Device, o.MicroBatch, o.EMA = "cuda", 3, 0.9 }
	kinds["card resnet"] = func(o *Options) { o.Device, o.Model = "auto", "rn-nano" }
}

// cardRun trains on the card until change's last step, and returns what it told.
func cardRun(t *testing.T, dir string, change func(o *Options), at func(Step)) (Result, string, error) {
	t.Helper()
	o := small()
	o.Device, o.Epochs, o.Batch, o.CheckpointEvery = "cuda", 2, 8, 2
	change(&o)
	var told strings.Builder
	r, err := Run(context.Background(), dir, o, func(s Step) {
		told.WriteString(s.Notice)
		at(s)
	})
	return r, told.String(), err
}

// TestCardPrecision trains in what train.precision says, and by auto in bf16, or in what
// the checkpoints have; the first report says so.
func TestCardPrecision(t *testing.T) {
	for _, tt := range []struct{ first, then, want string }{
		{"", "auto", "bf16"}, {"auto", "bf16", "bf16"}, {"fp32", "auto", "fp32"}, {"tf32", "", "tf32"},
	} {
		dir := t.TempDir()
		writeKind(t, dir)
		for i, precision := range []string{tt.first, tt.then} {
			r, told, err := cardRun(t, dir, func(o *Options) { o.Precision, o.StopAt = precision, int64(2+i) }, func(Step) {})
			if err != nil {
				t.Fatalf("%+v: %v", tt, err)
			}
			if want := "computes on " + r.Device + " in " + tt.want; !strings.HasPrefix(r.Device, "cuda:0 (") || !strings.Contains(told, want) || r.Steps != int64(2+i) {
				t.Errorf("%+v: %q, want %q; %d steps on %s", tt, told, want, r.Steps, r.Device)
			}
		}
	}
}

// TestCardMemory holds a batch against the card's memory before any work, and names the
// one that fits also where memory runs out later.
func TestCardMemory(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 300)
	named := regexp.MustCompile(`set train\.(micro_)?batch to \d+`)
	t.Setenv("PAIRLOOM_TESTDRIVER_MEMORY", "45000000") // of which 34 are cuBLASLt's
	_, _, err := cardRun(t, dir, func(o *Options) { o.Batch = 256 }, func(Step) { t.Error("it trains") })
	if !errors.Is(err, ErrMemory) || !named.MatchString(err.Error()) || !strings.Contains(err.Error(), "on the card") {
		t.Errorf("a card that is too small: %v", err)
	}
	if left := glob(t, dir, "checkpoints", "*"); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	t.Setenv("PAIRLOOM_TESTDRIVER_MEMORY", "1000000000")
	t.Setenv("PAIRLOOM_TESTDRIVER_FAIL", "cuMemAllocAsync=2@12")
	_, _, err = cardRun(t, dir, func(*Options) {}, func(Step) {})
	if !errors.Is(err, ErrMemory) || !errors.Is(err, device.ErrMemory) || !named.MatchString(err.Error()) {
		t.Errorf("a card whose memory runs out: %v", err)
	}
}

// TestCardFaults lets the card fail in mid-run: the error names step, operation and shape,
// the last good checkpoint stays, and another run ends as one that had no fault.
func TestCardFaults(t *testing.T) {
	alone, dir := t.TempDir(), t.TempDir()
	writeKind(t, alone)
	writeKind(t, dir)
	if _, _, err := cardRun(t, alone, func(*Options) {}, func(Step) {}); err != nil {
		t.Fatal(err)
	}
	_, _, err := cardRun(t, dir, func(*Options) {}, func(s Step) {
		if s.Step == 5 {
			os.Setenv("PAIRLOOM_TESTDRIVER_FAIL", "cublasLtMatmul=13@1")
		}
	})
	os.Unsetenv("PAIRLOOM_TESTDRIVER_FAIL")
	if err == nil || errors.Is(err, ErrMemory) {
		t.Fatalf("the fault gives %v", err)
	}
	for _, want := range []string{"step ", "cuda:0", "c[", "cuBLASLt"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not tell %q: %v", want, err)
		}
	}
	t.Log(err)
	var at int64 // later than the report that came last
	if _, scanned := fmt.Sscanf(err.Error(), "step %d:", &at); scanned != nil || at < 6 {
		t.Fatalf("the fault is of step %d, %v", at, scanned)
	}
	c, failed := checkpoint.Latest(filepath.Join(dir, "checkpoints"))
	if failed != nil || c.State.Step != (at-1)/2*2 {
		t.Fatalf("the last checkpoint is %s, %v", c.Path, failed)
	}
	if _, _, err := cardRun(t, dir, func(*Options) {}, func(Step) {}); err != nil {
		t.Fatal(err)
	}
	equalRuns(t, alone, dir)
}
