package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/trainer"
)

// namesIn lists all files of a folder with their sizes.
func namesIn(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list.WriteString(path + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// TestTrainDryRun estimates a training with and without shards, while another process has
// the lock: nothing is written, and the figures belong together.
func TestTrainDryRun(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	t.Setenv(asProgram, "1")
	whole := finished(t)
	lock, err := pipeline.Acquire(whole, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	for _, tt := range []struct {
		name, dir string
		shards    bool
	}{{"a dataset", whole, true}, {"no shards yet", newFolder(t, map[string]string{"train.model": "vit-nano"}), false}} {
		t.Run(tt.name, func(t *testing.T) {
			before := namesIn(t, tt.dir)
			dry := func(args ...string) string {
				t.Helper()
				var out, errs bytes.Buffer
				if code := run(append([]string{"train", "-C", tt.dir, "--dry-run"}, args...), &out, &errs); code != exitDone {
					t.Fatalf("exit %d\n%s%s", code, out.String(), errs.String())
				}
				return out.String()
			}
			var e trainer.Estimate
			if err := json.Unmarshal([]byte(dry("--json")), &e); err != nil {
				t.Fatal(err)
			}
			if e.Total != e.Memory.Total() || e.Total < 40e6 || e.Memory.Weights < 4*int64(e.Parameters) || e.Memory.Moments != 2*e.Memory.Gradients {
				t.Errorf("the memory is %+v, %d in all, of %d parameters", e.Memory, e.Total, e.Parameters)
			}
			if e.LargestBatch < e.Batch || e.Machine < e.Total || e.FlopsPerPair <= 0 || e.ProductFlops <= 0 || e.PairsPerSecond <= 0 {
				t.Errorf("got %+v", e)
			}
			if e.Checkpoint < 3*4*int64(e.Parameters) || e.Disk < 2*e.Checkpoint || e.Free <= 0 {
				t.Errorf("checkpoints of %d bytes, %d in all, %d free", e.Checkpoint, e.Disk, e.Free)
			}
			if known := e.Pairs > 0 && e.Steps > 0 && e.Hours > 0; known != tt.shards {
				t.Errorf("of %d pairs and %d steps it takes %g hours", e.Pairs, e.Steps, e.Hours)
			}
			if assumed := strings.Contains(strings.Join(e.Notes, "\n"), "there are no shards"); assumed == tt.shards {
				t.Errorf("notes are %q", e.Notes)
			}
			table := dry()
			for _, want := range []string{"activations", "moments of AdamW", "largest batch", "GFLOP a pair", "a checkpoint", "note: the hours are an estimate"} {
				if !strings.Contains(table, want) {
					t.Errorf("the table lacks %q:\n%s", want, table)
				}
			}
			if quiet := dry("--quiet"); strings.Count(quiet, "\n") != 1 || !strings.HasPrefix(quiet, "pairloom: dry run: ") {
				t.Errorf("quiet prints %q", quiet)
			}
			if after := namesIn(t, tt.dir); after != before {
				t.Errorf("files were\n%s\nand are\n%s", before, after)
			}
		})
	}
}

// TestTrainDryRunErrors holds that what is wrong with the configuration is told as such.
func TestTrainDryRunErrors(t *testing.T) {
	wrong := newFolder(t, nil)
	path := filepath.Join(wrong, config.FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("  model: rn-micro"), []byte("  model: vit-nanu"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"no dataset": t.TempDir(), "no such model": wrong} {
		var out, errs bytes.Buffer
		if code := run([]string{"train", "-C", dir, "--dry-run"}, &out, &errs); code != exitConfiguration || errs.Len() == 0 {
			t.Errorf("%s: exit %d, %q%s", name, code, errs.String(), out.String())
		}
	}
}

// TestBatchThatCannotFit holds that such a batch is the configuration's fault, that it is
// found before any work, and that the model that was there stays.
func TestBatchThatCannotFit(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	t.Setenv(asProgram, "1")
	dir := finished(t)
	path := filepath.Join(dir, config.FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		for key, value := range map[string]string{"model": "vit-l-14-336", "batch": "15000", "data": `[".=999"]`} {
			if strings.HasPrefix(line, "  "+key+":") && strings.LastIndex(strings.Join(lines[:i], "\n"), "\ntrain:") >= 0 {
				lines[i] = "  " + key + ": " + value
			}
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	before := namesIn(t, filepath.Join(dir, "checkpoints"))
	code, out, errs := pairloom(t, "train", "-C", dir, "--replace")
	if code != exitConfiguration || !strings.Contains(errs, "set train.micro_batch to") {
		t.Errorf("exit %d:\n%s%s", code, out, errs)
	}
	if after := namesIn(t, filepath.Join(dir, "checkpoints")); after != before {
		t.Errorf("checkpoints were\n%s\nand are\n%s", before, after)
	}
}
