package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTerminatedTrainingIsDone ends training by SIGTERM, as a batch queue does,
// and by its time budget: both save and exit 0, and the next run goes on.
func TestTerminatedTrainingIsDone(t *testing.T) {
	settings := testSettings(newSite(t))
	settings["train.epochs"], settings["train.checkpoint_every"], settings["train.log_every"] = "100000", "1000000", "1"
	dir := newFolder(t, settings)
	if code, _, stderr := pairloom(t, "run", "-C", dir, "--to", "shard"); code != 0 {
		t.Fatalf("exit %d:\n%s", code, stderr)
	}
	train := program(t, "train", "-C", dir)
	var stdout, stderr bytes.Buffer
	train.Stdout, train.Stderr = &stdout, &stderr
	if err := train.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- train.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for sent := false; ; {
		select {
		case <-tick.C:
			if lines, _ := os.ReadFile(filepath.Join(dir, "checkpoints", "metrics.jsonl")); !sent && bytes.Count(lines, []byte("\n")) >= 3 {
				train.Process.Signal(syscall.SIGTERM)
				sent = true
			}
			continue
		case <-ended:
		}
		break
	}
	if code := train.ProcessState.ExitCode(); code != exitDone || !strings.Contains(stdout.String(), "terminated at step") {
		t.Fatalf("exit %d, want 0 and the word terminated:\n%s%s", code, &stdout, &stderr)
	}
	before, err := filepath.Glob(filepath.Join(dir, "checkpoints", "step-*", "state.json"))
	if err != nil || len(before) != 1 {
		t.Fatalf("checkpoints are %v, %v, want one", before, err)
	}
	if out := must(t, "status", "-C", dir); !regexp.MustCompile(`train\s+unfinished: stopped at step \d[\d,]* of \d[\d,]*; run again to go on`).MatchString(out) {
		t.Errorf("status of a stopped training:\n%s", out)
	}
	code, out, errs := pairloom(t, "train", "-C", dir, "--max-duration", "1ms")
	if code != exitDone || !strings.Contains(out, "stopped after max_duration at step") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
}
