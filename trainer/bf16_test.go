package trainer

import (
	"flag"
	"testing"
)

var bf16Steps = flag.Int64("bf16-steps", 0, "steps of TestBF16EndsAsF32 with vit-micro; 0 leaves it at a size that takes seconds")

// TestBF16EndsAsF32 holds the last loss of runs in bfloat16 against those of runs in
// float32 from three seeds: they end within their spread, and as far again on either
// side. 500 steps of vit-micro take minutes:
//
//	go test ./trainer -run BF16EndsAsF32 -v -timeout 2h -args -bf16-steps 500
func TestBF16EndsAsF32(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	o, pairs := learning(), 72
	o.Epochs = 10
	if *bf16Steps > 0 {
		o.Model, o.Steps, o.Batch, o.Threads, pairs = "vit-micro", *bf16Steps, 64, 0, 2000
		o.LearningRate, o.Warmup = 1e-3, 50
	}
	end := func(seed int64, precision string) float64 {
		dir := t.TempDir()
		writeShards(t, dir, pairs)
		o.Seed, o.Precision = seed, precision
		r := train(t, dir, o)
		t.Logf("seed %d, %s: the loss ends at %.4f, after %.4f; %.0f s", seed, precision, r.LossLast, r.LossFirst, r.Seconds)
		return r.LossLast
	}
	first := end(1, "fp32")
	least, most := first, first
	for _, seed := range []int64{2, 3} {
		loss := end(seed, "fp32")
		least, most = min(least, loss), max(most, loss)
	}
	spread := most - least
	for _, seed := range []int64{1, 2} {
		if got := end(seed, precisionBF16); got < least-spread || got > most+spread {
			t.Errorf("seed %d: in bf16 the loss ends at %.4f, in fp32 at %.4f to %.4f", seed, got, least, most)
		}
	}
}
