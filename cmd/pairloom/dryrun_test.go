package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// TestDryRun tries the rules on a folder of which another process has the lock: the
// page, the object and the table have the counts of the curate that made the folder,
// and verify finds nothing changed.
func TestDryRun(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	t.Setenv(asProgram, "1") // for the children of what runs in this process
	dir := finished(t)
	lock, err := pipeline.Acquire(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	dry := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(append([]string{"curate", "-C", dir, "--dry-run"}, args...), &out, &errs); code != 0 {
			t.Fatalf("exit %d\n%s%s", code, out.String(), errs.String())
		}
		return out.String()
	}
	var d struct {
		Page string `json:"page"`
		stats.DryRun
	}
	if err := json.Unmarshal([]byte(dry("--json")), &d); err != nil {
		t.Fatal(err)
	}
	m, err := shard.ReadManifest(filepath.Join(dir, shard.SelectionFolder))
	if err != nil {
		t.Fatal(err)
	}
	if d.Matched != m.Tally.In || d.Kept != m.Tally.Kept || len(d.Notes) > 0 {
		t.Errorf("%d of %d pairs, curate kept %d of %d; notes %q", d.Kept, d.Matched, m.Tally.Kept, m.Tally.In, d.Notes)
	}
	for _, s := range d.Steps[1:] {
		for _, r := range s.Rules {
			if r.InOrder != m.Tally.Dropped[r.Rule] {
				t.Errorf("%s drops %d, in curate %d", r.Rule, r.InOrder, m.Tally.Dropped[r.Rule])
			}
		}
	}
	page, err := os.ReadFile(d.Page)
	if err != nil || !bytes.Contains(page, []byte("<h1>Dry run</h1>")) || !bytes.Contains(page, []byte("data:image/jpeg;base64,")) {
		t.Errorf("the page has no pictures: %v", err)
	}
	table := dry()
	for _, want := range []string{"aspect_ratio", "no_query", "The page: " + d.Page, "rules drop nothing, or are off."} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if quiet := dry("--quiet"); strings.Count(quiet, "\n") != 1 || !strings.HasPrefix(quiet, "pairloom: dry run: ") {
		t.Errorf("quiet prints %q", quiet)
	}
	if v := verify(t, dir); !v.OK {
		t.Errorf("verify finds %+v", v.Faults)
	}
}

// TestDryRunErrors holds that a folder without candidates, and one without a
// configuration, are the user's to mend.
func TestDryRunErrors(t *testing.T) {
	for name, dir := range map[string]string{"nothing crawled": newFolder(t, nil), "no dataset": t.TempDir()} {
		var out, errs bytes.Buffer
		if code := run([]string{"curate", "-C", dir, "--dry-run"}, &out, &errs); code != exitConfiguration || errs.Len() == 0 {
			t.Errorf("%s: exit %d, %q", name, code, errs.String())
		}
	}
}
