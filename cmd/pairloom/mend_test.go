package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
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

// TestVerifyReadsWhatStagesRead holds verify against files beside the parts.
func TestVerifyReadsWhatStagesRead(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes a dataset")
	}
	whole := unbroken(t)
	asked := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			w, err := shard.CreatePart[shard.Image](filepath.Join(dir, "images"), name, shard.Origin{Stage: "fetch"})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(&shard.Image{ImageID: 7, FetchTime: 1700000000}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name        string
		change      func(t *testing.T, dir string)
		fault, cure string // of the first
		note        string
	}{
		{"the card", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "report/README.md")) }, "report/README.md: its checksum differs", "run pairloom report", ""},
		{"the Croissant", func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "report/croissant.json")) }, "report/croissant.json: its checksum differs", "run pairloom report", ""},
		{"no card", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "report/README.md")) }, "report/README.md: it is missing", "run pairloom report", ""},
		{"when pictures were asked for", asked("visits-00000.arrow"), "", "", ""},
		{"the same, damaged", func(t *testing.T, dir string) {
			asked("visits-00000.arrow")(t, dir)
			if err := os.Truncate(filepath.Join(dir, "images/visits-00000.arrow"), 60); err != nil {
				t.Fatal(err)
			}
		}, "images/visits-00000.arrow: ", "are asked for again", ""},
		{"the same, of no part", asked("visits-00099.arrow"), "", "", "visits-00099.arrow is there, but the manifest does not name part-00099.arrow: nothing reads it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copied(t, whole)
			tt.change(t, dir)
			v := verify(t, dir)
			if tt.fault == "" && !v.OK || tt.fault != "" && (len(v.Faults) != 1 || !strings.HasPrefix(v.Faults[0].String(), tt.fault) || !strings.Contains(v.Faults[0].String(), tt.cure)) {
				t.Errorf("verify finds %v, want %q", v.Faults, tt.fault)
			}
			for _, f := range v.Folders {
				if f.Folder == "images" && strings.Join(f.Notes, "\n") != tt.note {
					t.Errorf("notes of images are %q, want %q", f.Notes, tt.note)
				}
			}
		})
	}
}

// TestReportTellsOfItsOwnRun trains and evaluates anew between a run's two reports: what
// the first one said of them is not told where it holds no longer, the tables for a paper
// that were asked for once are those of the last report, and status counts its files.
func TestReportTellsOfItsOwnRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains a model")
	}
	dir := finished(t)
	must(t, "report", "-C", dir, "--tex")
	tables := filepath.Join(dir, "report", "appendix.tex")
	if err := os.WriteFile(tables, []byte("of an older report"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	out := must(t, "run", "-C", dir)
	if !strings.Contains(out, "eval:") || strings.Contains(out, "run pairloom eval") {
		t.Errorf("a run that evaluates says\n%s", out)
	}
	if text, err := os.ReadFile(tables); err != nil || !strings.Contains(string(text), "\\begin{tabular}") {
		t.Errorf("appendix.tex after a report without --tex is %q, %v", text, err)
	}
	var stands standing
	if err := json.Unmarshal([]byte(must(t, "status", "-C", dir, "--json")), &stands); err != nil {
		t.Fatal(err)
	}
	for _, s := range stands.Stages {
		if alone := s.Parts == 0; alone != (s.Files > 0) || s.Bytes == 0 {
			t.Errorf("status of %s: %d parts, %d other files, %d bytes", s.Stage, s.Parts, s.Files, s.Bytes)
		}
	}
	for _, stage := range []string{"report", "train", "eval"} {
		if line := regexp.MustCompile("(?m)^" + stage + " .*$").FindString(must(t, "status", "-C", dir)); line == "" || strings.Contains(line, "  0  ") {
			t.Errorf("status says %q", line)
		}
	}
}
