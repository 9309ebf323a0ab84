package stats

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/shard"
)

// Change is what differs from an older dataset.
type Change struct {
	Name    string      `json:"name"`    // of the older one; "" where it has none
	Version string      `json:"version"` // as above
	Hash    string      `json:"hash"`
	Rows    []ChangeRow `json:"rows"`
}

// ChangeRow is one figure of both.
type ChangeRow struct {
	Group  string  `json:"group"` // what the figure belongs to
	Name   string  `json:"name"`
	Unit   string  `json:"unit"` // "" for a count
	Before float64 `json:"before"`
	Now    float64 `json:"now"`
}

// ReadStats reads the figures of a dataset: path is its folder, or a stats.json of
// this version or an older one, of which it takes what has stayed the same.
func ReadStats(path string) (*Stats, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		for _, sub := range []string{filepath.Join(path, Folder), path} {
			if _, err := os.Stat(filepath.Join(sub, FiguresName)); err == nil {
				return readStats(filepath.Join(sub, FiguresName))
			}
		}
		return nil, fmt.Errorf("read figures: there is no %s in %s; run pairloom report -C %s first", filepath.Join(Folder, FiguresName), path, path)
	}
	return readStats(path)
}

func readStats(path string) (*Stats, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read figures: %w; name a dataset's folder or a stats.json", err)
	}
	var version struct {
		SchemaVersion int `json:"schema_version"`
		Version       int `json:"version"` // up to 2
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, fmt.Errorf("read figures %s: %w; pairloom report writes it anew", path, err)
	}
	switch v := max(version.SchemaVersion, version.Version); {
	case v > SchemaVersion:
		return nil, fmt.Errorf("read figures %s: schema_version %d, but this pairloom reads versions 1 to %d; update pairloom", path, v, SchemaVersion)
	case v < 1:
		return nil, fmt.Errorf("read figures %s: it has no schema_version, so that it is no stats.json", path)
	case v < 3: // hosts were a list
		var all map[string]json.RawMessage
		if err := json.Unmarshal(text, &all); err == nil {
			delete(all, "hosts")
			text, _ = json.Marshal(all) // what was just read is written again
		}
	}
	s := &Stats{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("read figures %s: %w; pairloom report writes it anew", path, err)
	}
	return s, nil
}

// ChangeOf compares the figures of a dataset with those of an older one.
func ChangeOf(older, now *Stats) *Change {
	c := &Change{Rows: []ChangeRow{}}
	if d := older.Dataset; d != nil {
		c.Name, c.Version, c.Hash = d.Name, d.Version, d.Hash
	}
	add := func(group, name, unit string, before, now float64) {
		c.Rows = append(c.Rows, ChangeRow{group, name, unit, before, now})
	}
	count := func(group, name string, before, now int64) { add(group, name, "", float64(before), float64(now)) }
	count("dataset", "pairs", older.Pairs, now.Pairs)
	add("dataset", "pictures", "bytes", float64(older.Bytes), float64(now.Bytes))
	for _, d := range []struct {
		name        string
		before, now Estimate
	}{
		{"image URLs", older.Distinct.ImageURLs, now.Distinct.ImageURLs}, {"pictures", older.Distinct.Pictures, now.Distinct.Pictures},
		{"texts", older.Distinct.Texts, now.Distinct.Texts}, {"pages", older.Distinct.Pages, now.Distinct.Pages},
		{"hosts", older.Hosts.Count, now.Hosts.Count}, {"registered domains", older.Domains.Count, now.Domains.Count},
	} {
		count("different", d.name, d.before.Count, d.now.Count)
	}
	count("queries", "with pairs", older.Queries.WithPairs, now.Queries.WithPairs)
	count("queries", "matches", older.Queries.Matches, now.Queries.Matches)
	for _, d := range now.Distributions {
		i := slices.IndexFunc(older.Distributions, func(o Distribution) bool { return o.Name == d.Name })
		if i < 0 || len(d.Quantiles) == 0 || len(older.Distributions[i].Quantiles) != len(d.Quantiles) {
			continue
		}
		o, median := older.Distributions[i], len(d.Quantiles)/2
		add(d.Name, "median", d.Unit, float64(o.Quantiles[median]), float64(d.Quantiles[median]))
		add(d.Name, "mean", d.Unit, o.Mean, d.Mean)
	}
	for _, k := range []struct {
		group       string
		before, now Names
	}{
		{"detected language", older.TextLanguages, now.TextLanguages}, {"original format", older.Formats, now.Formats},
		{"text source", older.TextSources, now.TextSources}, {"licence", older.Licenses, now.Licenses},
	} {
		for _, n := range bothOf(k.before, k.now) {
			count(k.group, n, countOf(k.before, n), countOf(k.now, n))
		}
	}
	for _, t := range now.Stages {
		i := slices.IndexFunc(older.Stages, func(o shard.Tally) bool { return o.Stage == t.Stage })
		if i < 0 {
			continue
		}
		o := older.Stages[i]
		count(t.Stage, "in", o.In, t.In)
		count(t.Stage, "kept", o.Kept, t.Kept)
		for _, reason := range t.Reasons() {
			count(t.Stage, "dropped: "+reason, o.Dropped[reason], t.Dropped[reason])
		}
		for _, reason := range o.Reasons() {
			if _, ok := t.Dropped[reason]; !ok {
				count(t.Stage, "dropped: "+reason, o.Dropped[reason], 0)
			}
		}
	}
	return c
}

// bothOf lists the names of both, those of now first.
func bothOf(before, now Names) []string {
	var list []string
	for _, n := range slices.Concat(now, before) {
		if !slices.Contains(list, n.Name) {
			list = append(list, n.Name)
		}
	}
	return list
}

func countOf(n Names, name string) int64 {
	for _, x := range n {
		if x.Name == name {
			return x.Count
		}
	}
	return 0
}
