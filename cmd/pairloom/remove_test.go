package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestTakedownKilledAtAnyMoment kills remove --compact with -9 at moments at which a kill
// leaves the folder in another state, and does it again: the folder is that of a removal
// that was never stopped, and the proof is given. What the kill left is no fault.
func TestTakedownKilledAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	dir := finished(t)
	request := filepath.Join(t.TempDir(), "request.txt")
	writeRequest(t, dir, request)
	folders := []string{"candidates/crawl", "matched", "images", "selection", "shards"}
	taken := copyOf(t, dir)
	moments := filepath.Join(t.TempDir(), "moments")
	c := program(t, "remove", "-C", taken, "--urls", request, "--compact")
	c.Env = append(c.Env, momentsFile+"="+moments)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("remove: %v\n%s", err, out)
	}
	want := hashes(t, taken, folders...)
	models := 0
	for _, p := range absent(t, taken, request) {
		if strings.HasPrefix(p.Place, "checkpoints/") {
			if models++; p.State != "trained on it" || p.Found == 0 {
				t.Errorf("%s is %s, %d found", p.Place, p.State, p.Found)
			}
		}
	}
	if models == 0 {
		t.Error("no model is named")
	}
	text, err := os.ReadFile(moments)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Count(string(text), "\n")
	kills := min(killsWanted(t)/3, all)
	if kills < 4 {
		t.Fatalf("%d moments: the test says little", all)
	}
	r := rand.New(rand.NewPCG(1, 0))
	for i := range kills {
		n := 1 + i*all/kills + r.IntN(max(1, all/kills))
		dir := copyOf(t, dir)
		c := program(t, "remove", "-C", dir, "--urls", request, "--compact")
		c.Env = append(c.Env, fmt.Sprintf("%s=%d %s", killAt, min(n, all), dir))
		var errs strings.Builder
		c.Stderr = &errs
		wantKilled(t, c.Run(), fmt.Sprintf("moment %d of %d", n, all), &errs)
		if code, stdout, stderr := pairloom(t, "verify", "-C", dir); code != exitDone {
			t.Errorf("killed at moment %d of %d, verify ends %d:\n%s%s", n, all, code, stdout, stderr)
		}
		must(t, "remove", "-C", dir, "--urls", request, "--compact")
		sameFiles(t, fmt.Sprintf("killed at moment %d of %d", n, all), hashes(t, dir, folders...), want)
		for _, p := range absent(t, dir, request) {
			if !p.Absent && p.Place != "checkpoints" && p.Place != "evaluation" {
				t.Errorf("killed at moment %d of %d: %s is %s", n, all, p.Place, p.State)
			}
		}
	}
}

// placed is a place as verify --absent --json tells of it.
type placed struct {
	Place, State string
	Found        int64
	Absent       bool
}

func absent(t *testing.T, dir, request string) []placed {
	t.Helper()
	_, stdout, stderr := pairloom(t, "verify", "-C", dir, "--absent", request, "--json")
	var out struct{ Places []placed }
	if err := json.Unmarshal([]byte(stdout), &out); err != nil || len(out.Places) == 0 {
		t.Fatalf("%v\n%s%s", err, stdout, stderr)
	}
	for i := range out.Places {
		p := &out.Places[i]
		p.Absent = p.State == "absent" || p.State == "not there" || p.State == "trained on it"
	}
	return out.Places
}

// writeRequest asks for some of the pictures of the shards.
func writeRequest(t *testing.T, dir, path string) {
	t.Helper()
	dataset, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for row, err := range dataset.Rows("", "image_url") {
		if err != nil {
			t.Fatal(err)
		}
		if row.Number%7 == 0 {
			lines = append(lines, strings.Clone(row.ImageURL))
		}
	}
	if len(lines) < 3 {
		t.Fatalf("%d pictures", len(lines))
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}
