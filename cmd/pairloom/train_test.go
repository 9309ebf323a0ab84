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
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
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

// Of a dataset of which nothing is held out, or too little, run trains and ends well: it
// says that there is no evaluation, and what to do. Eval by itself has then failed.
func TestRunWithTooFewHeldOut(t *testing.T) {
	if testing.Short() {
		t.Skip("it does the whole road")
	}
	t.Setenv(asProgram, "1") // for the children that decode pictures
	settings := testSettings(newSite(t))
	settings["shard.heldout_share"], settings["train.epochs"] = "0", "1"
	dir := newFolder(t, settings)
	const advice = "fewer than two held-out pairs (there are 0 that decode); raise shard.heldout_share"
	code, line, stderr := pairloom(t, "run", "-C", dir, "--quiet")
	if code != 0 || strings.Count(line, "\n") != 1 || !strings.Contains(line, "eval skipped (evaluate on ") || !strings.Contains(line, advice) {
		t.Errorf("exit %d, it says %q\n%s", code, line, stderr)
	}
	if code, table, stderr := pairloom(t, "run", "-C", dir); code != 0 || !strings.Contains(table, advice) {
		t.Errorf("once more: exit %d\n%s%s", code, table, stderr)
	}
	if code, _, stderr := pairloom(t, "eval", "-C", dir); code != exitPartial || !strings.Contains(stderr, advice) {
		t.Errorf("eval: exit %d\n%s", code, stderr)
	}
}
