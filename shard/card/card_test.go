package card

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/pairloom/pairloom/internal/readers"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

var update = flag.Bool("update", false, "write the golden files anew")

// figures are those of a small dataset, some of whose names mean harm.
func figures() *stats.Stats {
	exact := func(n int64) stats.Estimate { return stats.Estimate{Count: n, Exact: true} }
	return &stats.Stats{
		SchemaVersion: stats.SchemaVersion, Pairs: 12_345,
		Distinct: stats.Unique{ImageURLs: exact(12_000), Pictures: exact(11_900), Texts: exact(9_000), Pages: stats.Estimate{Count: 4_000}},
		Crawled:  &stats.Span{First: "2026-01-02T03:04:05Z", Last: "2026-02-03T04:05:06Z"},
		Hosts:    stats.Spread{Count: exact(90), Head50: 3}, Domains: stats.Spread{Count: exact(80), Head50: 2},
		TextLanguages: stats.Names{{Name: "en", Count: 9000}, {Name: "no", Count: 3000}, {Name: "(none)", Count: 300}, {Name: "tlh", Count: 45}},
		Languages:     stats.Names{{Name: "en-gb", Count: 12_345}},
		Licenses:      stats.Names{{Name: "(none)", Count: 12_000}, {Name: "a | b\n<script>alert(1)</script> [x](javascript:y)", Count: 345}},
		OptOuts:       stats.Names{{Name: "(none)", Count: 12_345}},
		Stages:        []shard.Tally{{Stage: "match", Unit: "candidates", In: 20_000, Kept: 12_345, Dropped: map[string]int64{"no_query": 7_655}}},
		Dataset: &stats.Dataset{
			Name: `Cats "&" *dogs* | <b>`, Version: stats.VersionOf(2), Hash: "0123456789abcdef", Contact: "mailto:you@example.org", Software: "pairloom 0.2.0",
			Seed: 7, Training: 12_000, HeldOut: 345, Queries: stats.List{Name: "english-500k", Entries: 500_000, Hash: "fedcba9876543210"},
			Generations: []shard.Generation{{Number: 1, Added: 12_400}, {Number: 2, Added: 5, Deleted: 60, Reasons: map[string]int64{"removed": 60}}},
		},
	}
}

func croissant(t *testing.T, s *stats.Stats) []byte {
	t.Helper()
	text, err := Croissant(s, Shards(), []File{{"shards/_MANIFEST.json", strings.Repeat("ab", 32), "application/json", "Names each shard."}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGolden(t *testing.T) {
	for name, got := range map[string][]byte{ReadmeName: README(figures(), Shards()), CroissantName: croissant(t, figures())} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs; look at it with go test -update and git diff", file)
		}
	}
}

// TestHead holds that the card's head is YAML that says what is known, and nothing else.
func TestHead(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*stats.Stats)
		want   map[string]any
		lacks  string
	}{
		{"no licence is known", func(*stats.Stats) {}, map[string]any{"language": []any{"en", "no"}, "size_categories": []any{"10K<n<100K"}, "pretty_name": `Cats "&" *dogs* | <b>`}, "license"},
		{"a licence", func(s *stats.Stats) { s.Dataset.License = "cc-by-4.0" }, map[string]any{"license": "cc-by-4.0"}, ""},
		{"no language was detected", func(s *stats.Stats) { s.TextLanguages = stats.Names{{Name: "(none)", Count: 12_345}} }, map[string]any{"language": []any{"en"}}, ""},
		{"no language at all", func(s *stats.Stats) { s.TextLanguages, s.Languages = nil, nil }, nil, "language"},
		{"both splits", func(*stats.Stats) {}, map[string]any{"configs": []any{map[string]any{"config_name": "default", "data_files": []any{
			map[string]any{"split": "train", "path": "shards/shard-*.arrow"}, map[string]any{"split": "held_out", "path": "shards/heldout-*.arrow"}}}}}, ""},
		{"nothing held out", func(s *stats.Stats) { s.Dataset.HeldOut = 0 }, map[string]any{"configs": []any{map[string]any{"config_name": "default", "data_files": []any{
			map[string]any{"split": "train", "path": "shards/shard-*.arrow"}}}}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := figures()
			tt.change(s)
			_, rest, _ := strings.Cut(string(README(s, Shards())), "---\n")
			head, _, found := strings.Cut(rest, "---\n")
			var got map[string]any
			if err := yaml.Unmarshal([]byte(head), &got); err != nil || !found {
				t.Fatalf("the head is no YAML: %v\n%s", err, head)
			}
			for key, want := range tt.want {
				a, _ := json.Marshal(got[key])
				b, _ := json.Marshal(want)
				if !bytes.Equal(a, b) {
					t.Errorf("%s is %s, want %s", key, a, b)
				}
			}
			if _, there := got[tt.lacks]; there {
				t.Errorf("it says %s: %v", tt.lacks, got[tt.lacks])
			}
		})
	}
}

func TestSizeCategory(t *testing.T) {
	for n, want := range map[int64]string{
		0: "n<1K", 999: "n<1K", 1000: "1K<n<10K", 9_999: "1K<n<10K", 10_000: "10K<n<100K", 1_000_000: "1M<n<10M",
		400_000_000: "100M<n<1B", 12_000_000_000: "10B<n<100B", 999_999_999_999: "100B<n<1T", 1_000_000_000_000: "n>1T",
	} {
		if got := SizeCategory(n); got != want {
			t.Errorf("%d pairs are %s, want %s", n, got, want)
		}
	}
}

// TestDeletedRowsAreTold holds that who reads the shards without pairloom learns that
// they hold more than the pairs, and who publishes them, what to do.
func TestDeletedRowsAreTold(t *testing.T) {
	for _, tt := range []struct {
		deleted int64
		told    bool
	}{{0, false}, {1_060, true}} {
		s := figures()
		s.Dataset.Deleted = tt.deleted
		for name, text := range map[string]string{ReadmeName: string(README(s, Shards())), CroissantName: string(croissant(t, s))} {
			for _, part := range []string{"hold 1,060 rows more", "`load_dataset` and other plain readers of Arrow read these rows too", "`pairloom shard --compact`", "`pairloom export --format huggingface`"} {
				if strings.Contains(text, part) != tt.told {
					t.Errorf("%s of %d deleted rows says %q: %t, want %t", name, tt.deleted, part, !tt.told, tt.told)
				}
			}
		}
		exported := string(README(s, []Split{{"train", "data/train-*"}, {"held_out", "data/held_out-*"}}))
		for _, part := range []string{"rows more", "compaction", "folder `report`"} {
			if strings.Contains(exported, part) {
				t.Errorf("of an export of a dataset with %d deleted rows the card says %q", tt.deleted, part)
			}
		}
		if strings.Contains(string(README(s, Shards())), "excluded from reading at once") {
			t.Error("the card says that what is removed is excluded from reading, which plain readers do not know")
		}
	}
}

// TestNothingIsMarkup holds that no name from the web makes a link, a row or an element.
func TestNothingIsMarkup(t *testing.T) {
	_, body, _ := strings.Cut(string(README(figures(), Shards())), "\n---\n")
	body, _, _ = strings.Cut(body, "```bibtex") // which is shown as it is
	for _, harm := range []string{"<script", "<b>", `[^\\]\]\(javascript`, `[^\\]\*dogs`} {
		if found := regexp.MustCompile(harm).FindString(body); found != "" {
			t.Errorf("the card has %q", found)
		}
	}
}

func TestEachFieldIsDescribed(t *testing.T) {
	var names []string
	for _, c := range shard.PairColumns() {
		names = append(names, c.Name)
		if Describe(c.Name) == "" {
			t.Errorf("the column %s has no description: give it one in fields.go", c.Name)
		}
	}
	for name := range descriptions {
		if !slices.Contains(names, name) {
			t.Errorf("fields.go describes %s, which is no column", name)
		}
	}
}

// TestCroissantValidates asks mlcroissant, which validates as it opens a dataset.
func TestCroissantValidates(t *testing.T) {
	readers.Python(t)
	for _, tt := range []struct {
		name   string
		splits int
		change func(*stats.Stats)
	}{
		{"all there is", 2, func(s *stats.Stats) { s.Dataset.License, s.Dataset.URL = "cc-by-4.0", "https://example.org/cats" }},
		{"as little as there can be", 1, func(s *stats.Stats) {
			s.Dataset.HeldOut, s.Dataset.Contact, s.Crawled, s.TextLanguages, s.Languages = 0, "", nil, nil, nil
		}},
		{"a page to contact", 2, func(s *stats.Stats) { s.Dataset.Contact = "https://example.org/contact" }},
		{"no pair", 0, func(s *stats.Stats) { s.Pairs, s.Dataset.Training, s.Dataset.HeldOut = 0, 0, 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := figures()
			tt.change(s)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, CroissantName), croissant(t, s), 0o644); err != nil {
				t.Fatal(err)
			}
			got := readers.Script(t, dir, `
import mlcroissant
d = mlcroissant.Dataset(jsonld="croissant.json")
print(d.metadata.version, len(d.metadata.distribution), [len(r.fields) for r in d.metadata.record_sets])
`)
			if want := fmt.Sprintf("2.0.0 %d %v\n", 1+tt.splits, strings.ReplaceAll(fmt.Sprint(slices.Repeat([]int{len(shard.PairColumns())}, tt.splits)), " ", ", ")); got != want {
				t.Errorf("mlcroissant reads %q, want %q", got, want)
			}
		})
	}
}
