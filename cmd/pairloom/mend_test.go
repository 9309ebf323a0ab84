package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunMendsResults damages what training and evaluation left. The report, which
// comes before them, says that it leaves out what it cannot read; the run goes on to
// the stage that makes it again, and ends as if nothing had been.
func TestRunMendsResults(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains a model")
	}
	whole := unbroken(t)
	want := hashes(t, whole, "report", "evaluation")
	delete(want, filepath.Join("report", "times.html"))
	garbled := func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte(`{"format": `), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(t *testing.T, path string) {
		if err := os.Truncate(path, 100); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		path string
		harm func(*testing.T, string)
		note string // of the report
		mend string // the stage that makes it again
	}{
		{"evaluation/eval.json", remove, "it is missing; run pairloom eval", "eval"},
		{"evaluation/eval.json", cut, "it has 100 bytes", "eval"},
		{"evaluation/_MANIFEST.json", garbled, "delete it and run pairloom eval again", "eval"},
		{"checkpoints/_MANIFEST.json", garbled, "the evaluation there is of other shards or checkpoints", "train"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			dir := copied(t, whole)
			tt.harm(t, filepath.Join(dir, tt.path))
			code, stdout, stderr := pairloom(t, "report", "-C", dir)
			if code != exitDone || !strings.Contains(stdout, tt.note) {
				t.Errorf("report: exit %d, want a note that says %q:\n%s%s", code, tt.note, stdout, stderr)
			}
			if tt.mend == "train" { // which eval reads
				if code, _, stderr := pairloom(t, "eval", "-C", dir); code != exitStorage || !strings.Contains(stderr, "run pairloom train again") {
					t.Errorf("eval: exit %d, want %d and the stage named:\n%s", code, exitStorage, stderr)
				}
			}
			code, stdout, stderr = pairloom(t, "run", "-C", dir, "--json")
			if code != exitDone {
				t.Fatalf("run: exit %d\n%s%s", code, stdout, stderr)
			}
			if s := summaryOf(t, stdout); s[tt.mend].Skipped != "" {
				t.Errorf("run did not do %s: %s", tt.mend, s[tt.mend].Skipped)
			}
			got := hashes(t, dir, "report", "evaluation")
			delete(got, filepath.Join("report", "times.html"))
			sameFiles(t, fmt.Sprintf("after the run that mends %s", tt.path), got, want)
			if v := verify(t, dir); !v.OK {
				t.Errorf("verify finds %v", v.Faults)
			}
		})
	}
}
