//go:build cuda

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/trainer/device/cuda/testdriver"
)

// TestRoadOnCard trains and embeds on the test driver's card: once to the end, and once
// killed on the way, which ends with the same bytes; and it refuses what cannot be had.
func TestRoadOnCard(t *testing.T) {
	if testing.Short() {
		t.Skip("the test driver takes its time")
	}
	library, err := testdriver.Build(testdriver.Fast)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PAIRLOOM_LIBCUDA", library)
	t.Setenv("PAIRLOOM_LIBCUBLASLT", library)
	settings := testSettings(newSite(t))
	settings["train.device"], settings["eval.device"] = "cuda", "cuda:0"
	settings["train.epochs"], settings["train.checkpoint_every"], settings["train.log_every"] = "4", "2", "1"
	alone := newFolder(t, settings)
	must(t, "run", "-C", alone, "--to", "shard")
	killed := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(alone)); err != nil {
		t.Fatal(err)
	}

	code, out, stderr := pairloom(t, "train", "-C", alone)
	if code != exitDone || !strings.Contains(stderr, "computes on cuda:0 (") || !strings.Contains(stderr, " in bf16") {
		t.Fatalf("exit %d\n%s%s", code, out, stderr)
	}
	victim := program(t, "train", "-C", killed)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- victim.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		select {
		case err := <-ended:
			t.Fatalf("it ended before there was a checkpoint: %v", err)
		case <-tick.C:
			found, err := filepath.Glob(filepath.Join(killed, "checkpoints", "step-*", "state.json"))
			waiting = err != nil || len(found) == 0
		}
	}
	victim.Process.Kill()
	<-ended
	must(t, "train", "-C", killed)
	for _, dir := range []string{alone, killed} {
		must(t, "embed", "pictures", "-C", dir)
	}
	last := func(dir string) string {
		found, err := filepath.Glob(filepath.Join(dir, "checkpoints", "step-*"))
		if err != nil || len(found) == 0 {
			t.Fatalf("checkpoints are %v, %v", found, err)
		}
		rel, _ := filepath.Rel(dir, found[len(found)-1])
		return rel
	}
	if last(alone) != last(killed) {
		t.Fatalf("one ended with %s, the other with %s", last(alone), last(killed))
	}
	weights := func(dir string) map[string]string {
		sums := hashes(t, dir, last(dir), "embeddings/pictures")
		for name := range sums {
			if base := filepath.Base(name); base != "model.safetensors" && !strings.HasSuffix(base, ".arrow") {
				delete(sums, name)
			}
		}
		if len(sums) < 2 {
			t.Fatalf("%s has %v", dir, sums)
		}
		return sums
	}
	sameFiles(t, "a training that was killed", weights(killed), weights(alone))

	if out := must(t, "doctor", "-C", alone); !strings.Contains(out, "training can run on cuda:0 (") || !strings.Contains(out, "cuBLASLt") {
		t.Errorf("doctor says\n%s", out)
	}
	for _, tt := range []struct{ name, variable, want string }{
		{"a card that is not there", "", "cuda:0 is the only card"},
		{"a card that is busy", "PAIRLOOM_TESTDRIVER_FAIL=cuDevicePrimaryCtxRetain=46@1", "is busy"},
		{"an old driver", "PAIRLOOM_TESTDRIVER_VERSION=11040", "the driver is of CUDA 11.4"},
		{"a card without bf16", "PAIRLOOM_TESTDRIVER_CAPABILITY=75", "no bf16"},
		{"no driver", "PAIRLOOM_LIBCUDA=/nowhere/libcuda.so.1", "/nowhere/libcuda.so.1"},
	} {
		settings["train.device"] = "cuda"
		if tt.variable == "" {
			settings["train.device"] = "cuda:7"
		}
		dir := filepath.Join(t.TempDir(), "refused")
		if err := os.CopyFS(dir, os.DirFS(alone)); err != nil {
			t.Fatal(err)
		}
		os.RemoveAll(filepath.Join(dir, "checkpoints"))
		os.Remove(filepath.Join(dir, "pairloom.yaml"))
		writeFolder(t, dir, settings)
		c := program(t, "train", "-C", dir)
		c.Env = append(c.Env, tt.variable)
		text, _ := c.CombinedOutput()
		if code := c.ProcessState.ExitCode(); code != exitConfiguration || !strings.Contains(string(text), tt.want) || !strings.Contains(string(text), "set device to cpu") {
			t.Errorf("%s: exit %d, want 2\n%s", tt.name, code, text)
		}
		if _, err := os.Stat(filepath.Join(dir, "checkpoints", "metrics.jsonl")); err == nil {
			t.Errorf("%s: it began", tt.name)
		}
	}
}
