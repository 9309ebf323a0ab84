package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// TestGrowingDatasetKilledWhileItGrows takes a finished dataset through a generation that
// adds pairs, one that deletes them and a compaction, and kills the real program with -9
// at moments of each; run again, the shards are those of a run that was never stopped.
func TestGrowingDatasetKilledWhileItGrows(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	site := newSite(t)
	before := finished(t)
	r := rand.New(rand.NewPCG(15, 1))
	for step, tt := range []struct {
		ratio      string // filter.picture.max_aspect_ratio
		command    []string
		generation int
		added      bool
		deleted    string // reason
		line       string // of the summary
	}{
		{"4", []string{"run", "--to", "shard"}, 2, true, "", "generation 2: "},
		{"1.4", []string{"run", "--to", "shard"}, 3, false, "aspect_ratio", "generation 3: 0 pairs added, "},
		{"1.4", []string{"shard", "--compact"}, 1, true, "", "all shards were written anew"},
		{"1.4", []string{"shard", "--compact"}, 1, false, "", "nothing is new, and nothing is deleted"},
	} {
		values := testSettings(site)
		values["filter.picture.max_aspect_ratio"] = tt.ratio
		if err := os.Remove(filepath.Join(before, "pairloom.yaml")); err != nil {
			t.Fatal(err)
		}
		writeFolder(t, before, values)
		killed := copied(t, before)
		moments := filepath.Join(t.TempDir(), "moments")
		c := program(t, append(tt.command, "-C", before, "--quiet")...)
		c.Env = append(c.Env, momentsFile+"="+moments)
		line, err := c.Output()
		if err != nil || !strings.Contains(string(line), tt.line) {
			t.Fatalf("step %d: %v; it says %s, want %q", step, err, line, tt.line)
		}
		m, err := shard.ReadManifest(filepath.Join(before, shard.ShardsFolder))
		if err != nil {
			t.Fatal(err)
		}
		last := m.Generations[len(m.Generations)-1]
		if last.Number != tt.generation || tt.added && last.Added == 0 || (tt.deleted != "") != (last.Reasons[tt.deleted] > 0) {
			t.Errorf("step %d: %+v", step, last)
		}
		want := hashes(t, before, shard.ShardsFolder)
		text, err := os.ReadFile(moments)
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(text), "/"+shard.ShardsFolder)
		for range min(4, n) {
			dir := copied(t, killed)
			at := 1 + r.IntN(n)
			killedProgram(t, tt.command, dir, shard.ShardsFolder, at)
			out := must(t, append(tt.command, "-C", dir, "--quiet", "--json")...)
			sameFiles(t, strings.Join(tt.command, " "), hashes(t, dir, shard.ShardsFolder), want)
			var result pipeline.Sharded
			if s, there := summaryOf(t, out)[pipeline.ShardName]; there && s.Result != nil {
				data, err := json.Marshal(s.Result)
				if err == nil {
					err = json.Unmarshal(data, &result)
				}
				if err != nil || result.Generation != tt.generation {
					t.Errorf("step %d: the summary says %s, %v", step, data, err)
				}
			}
			if v := verify(t, dir); !v.OK {
				t.Errorf("step %d: %v", step, v.Faults)
			}
		}
	}
}
