package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// TestBalanceBeforeFetchAndAtTheEnd runs the road of the small site with few
// pairs a query: what is left out is counted and explained, and the bytes are
// the same for any number of workers and any memory.
func TestBalanceBeforeFetchAndAtTheEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("TestSameBytesForAnyNumberOfWorkers has the same goroutines")
	}
	site := newSite(t)
	for _, mode := range []string{"cap", "probability"} {
		t.Run(mode, func(t *testing.T) {
			var want map[string]string
			var dir string
			for _, workers := range []string{"1", "8"} {
				values := testSettings(site)
				values["workers"] = workers
				values["memory_mib"] = map[string]string{"1": "512", "8": "16"}[workers]
				values["balance.mode"] = mode
				values["balance.max_pairs_per_query"] = "2"
				values["balance.margin"] = "2"
				dir = newFolder(t, values)
				must(t, "run", "-C", dir, "--to", "report")
				got := hashes(t, dir, dataFolders...)
				if want == nil {
					want = got
				}
				sameFiles(t, workers+" workers", got, want)
			}
			w, err := openWorkspace(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			for folder, reason := range map[string]string{"matched": pipeline.ReasonQueryCapBeforeFetch, "selection": pipeline.ReasonQueryCap} {
				m := manifestOf(t, dir, folder)
				if m.Tally.Dropped[reason] == 0 {
					t.Errorf("%s: nothing dropped for %s: %v", folder, reason, m.Tally.Dropped)
				}
			}
			checkQueryCounts(t, w, mode)
			checkLeftOut(t, w)
		})
	}
}

// manifestOf reads a folder's manifest.
func manifestOf(t *testing.T, dir, folder string) *shard.Manifest {
	t.Helper()
	m, err := shard.ReadManifest(filepath.Join(dir, folder))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// checkLeftOut asks explain about every pair that was not matched: it must name
// as many that the cap before fetching left out as the stage counted.
func checkLeftOut(t *testing.T, w *workspace) {
	t.Helper()
	m := manifestOf(t, w.dir, "matched")
	known := map[uint64]bool{}
	for row, err := range shard.Rows[shard.Matched](w.path("matched"), m.Parts) {
		if err != nil {
			t.Fatal(err)
		}
		known[row.PairID] = true
	}
	folder := filepath.Join("candidates", "crawl")
	capped, last := int64(0), ""
	for c, err := range shard.Rows[shard.Candidate](w.path(folder), manifestOf(t, w.dir, folder).Parts) {
		if err != nil {
			t.Fatal(err)
		}
		id := shard.PairID(c.ImageURL, c.Text)
		if known[id] {
			continue
		}
		known[id] = true
		e, err := pipeline.Explain(w.dir, w.cfg, shard.FormatPairID(id))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range e.Pairs {
			if p.Reason == pipeline.ReasonQueryCapBeforeFetch {
				capped++
				last = p.PairID
			}
		}
	}
	if want := m.Tally.Dropped[pipeline.ReasonQueryCapBeforeFetch]; capped != want {
		t.Errorf("explain names %d pairs that the cap left out, the tally %d", capped, want)
	}
	if out := must(t, "explain", "-C", w.dir, last); !strings.Contains(out, "dropped by match: "+pipeline.ReasonQueryCapBeforeFetch+" (") {
		t.Errorf("explain does not name the reason:\n%s", out)
	}
}

// checkQueryCounts holds queries.csv against the selection.
func checkQueryCounts(t *testing.T, w *workspace, mode string) {
	t.Helper()
	counts, err := stats.ReadQueryCounts(w.path("selection"))
	if err != nil {
		t.Fatal(err)
	}
	before, after := map[uint32]int64{}, map[uint32]int64{}
	for s, err := range shard.Rows[shard.Selection](w.path("selection"), manifestOf(t, w.dir, "selection").Parts) {
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range s.QueryIDs {
			if s.Reason == "" {
				after[q]++
			}
			if s.Reason == "" || s.Reason == pipeline.ReasonQueryCap {
				before[q]++
			}
		}
	}
	if len(counts) != len(before) {
		t.Errorf("%d queries have counts, want %d", len(counts), len(before))
	}
	for _, c := range counts {
		if c.Before != before[c.ID] || c.After != after[c.ID] || c.Query == "" {
			t.Errorf("%+v, want %d before and %d after", c, before[c.ID], after[c.ID])
		}
		if mode == "cap" && c.Own != min(c.Before, int64(w.cfg.Balance.MaxPairsPerQuery)) {
			t.Errorf("%+v: its own must be %d or less", c, w.cfg.Balance.MaxPairsPerQuery)
		}
	}
}

func TestMarginBelowOneIsRefused(t *testing.T) {
	_, err := writeConfiguration(t.TempDir(), map[string]string{"balance.margin": "0.5"})
	if err == nil || !strings.Contains(err.Error(), "balance: margin is 0.5; use 0") {
		t.Errorf("error is %v", err)
	}
}
