package stats

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChangeOf(t *testing.T) {
	older, now := collect(t, somePairs(t, 200), Options{}), collect(t, somePairs(t, 300), Options{})
	older.Stages[1].Dropped = map[string]int64{"no_query": 1700, "gone_rule": 5}
	rows := map[string]ChangeRow{}
	for _, r := range ChangeOf(older, now).Rows {
		rows[r.Group+": "+r.Name] = r
	}
	for name, want := range map[string][2]float64{
		"dataset: pairs":                {200, 300},
		"match: dropped: no_query":      {1700, 1700},
		"match: dropped: too_few_words": {0, 1000},
		"match: dropped: gone_rule":     {5, 0},
		"different: hosts":              {9, 9},
		"original width: mean":          {older.Distributions[0].Mean, now.Distributions[0].Mean},
		"detected language: de":         {float64(countOf(older.TextLanguages, "de")), float64(countOf(now.TextLanguages, "de"))},
		"different: pages":              {float64(older.Distinct.Pages.Count), float64(now.Distinct.Pages.Count)},
		"licence: (none)":               {196, 294},
		"text length: median":           {float64(older.Distributions[3].Quantiles[9]), float64(now.Distributions[3].Quantiles[9])},
		"different: registered domains": {9, 9},
		"queries: matches":              {float64(older.Queries.Matches), float64(now.Queries.Matches)},
		"shard: in":                     {200, 300},
	} {
		if r, ok := rows[name]; !ok || r.Before != want[0] || r.Now != want[1] {
			t.Errorf("%s: %v and %v, want %v", name, r.Before, r.Now, want)
		}
	}
}

func TestReadStats(t *testing.T) {
	for _, tt := range []struct{ name, text, fault string }{
		{"version 1", `{"version": 1, "pairs": 5, "hosts": [{"name": "a.example", "count": 5}]}`, ""},
		{"version 2", `{"version": 2, "pairs": 5, "hosts": [{"name": "a.example", "count": 5}]}`, ""},
		{"version 3", `{"schema_version": 3, "pairs": 5, "hosts": {"count": {"count": 1, "exact": true}}}`, ""},
		{"a newer one", `{"schema_version": 4, "pairs": 5, "hosts": 7}`, "schema_version 4, but this pairloom reads versions 1 to 3; update pairloom"},
		{"another file", `{"pairs": 5}`, "no schema_version"},
		{"cut short", `{"schema_version": 3, "pairs"`, "unexpected end of JSON input; pairloom report writes it anew"},
		{"another type", `{"schema_version": 3, "pairs": "many"}`, "pairloom report writes it anew"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, Folder, FiguresName)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, filepath.Dir(file), file} {
				s, err := ReadStats(path)
				if tt.fault == "" && (err != nil || s.Pairs != 5) {
					t.Errorf("%s: %+v, %v", path, s, err)
				}
				if tt.fault != "" && (err == nil || !strings.Contains(err.Error(), tt.fault) || !strings.Contains(err.Error(), file)) {
					t.Errorf("%s: %v, want %q of the file", path, err, tt.fault)
				}
			}
		})
	}
}
