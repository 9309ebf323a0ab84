package trainer

import (
	"bytes"
	"flag"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
	"time"
)

var largePrecision = flag.String("large-precision", "fp32", "precision of TestLargeBatch's large batch")

var largeBatch = flag.Int("large-batch", 0, "pairs of TestLargeBatch's batch; 0 leaves it at a size that takes seconds")

// TestLargeBatch takes one step of gradient caching and holds the peak memory
// of the process against what weights, optimizer, embeddings and one micro
// batch may take. ViT-B/32 with 4,096 pairs takes minutes:
//
//	go test ./trainer -run LargeBatch -v -timeout 2h -args -large-batch 4096
func TestLargeBatch(t *testing.T) {
	o := small()
	o.Epochs, o.Batch, o.MicroBatch, o.Threads, o.CacheMB = 1, 512, 16, 0, 0
	limit := int64(256 << 20)
	if *largeBatch > 0 {
		o.Model, o.Batch, o.MicroBatch, o.Vocabulary, o.CacheMB = "vit-b-32", *largeBatch, 64, publicVocabulary, 512
		o.Precision = *largePrecision
		limit = 8 << 30
	}
	dir := t.TempDir()
	writeShards(t, dir, o.Batch)
	debug.FreeOSMemory() // what the tests before have left
	// Zeroing the peak is a favour of Linux; elsewhere it is that of all tests.
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	began := time.Now()
	r := train(t, dir, o)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc/self/status: ", err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	kib, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, one step of %d pairs in micro batches of %d: peak %.2f GiB, %.0f s, loss %.3f",
		r.Model, r.Batch, o.MicroBatch, float64(kib)/(1<<20), time.Since(began).Seconds(), r.LossFirst)
	if kib<<10 > limit {
		t.Errorf("the peak is %d bytes, %d allowed", kib<<10, limit)
	}
}
