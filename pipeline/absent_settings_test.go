package pipeline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestWhatSettingsNameIsCuredThere: a report shows the settings, so that what is found in
// it goes by their keys where these name it, and by a report anew where they do not.
func TestWhatSettingsNameIsCuredThere(t *testing.T) {
	for _, tt := range []struct{ name, list, want string }{
		{"a seed", "url https://a.example/start\n", "take it out of crawl.seeds in pairloom.yaml, then run pairloom report"},
		{"the host of a seed", "host a.example\n", "take it out of crawl.seeds in pairloom.yaml, then run pairloom report"},
		{"another address", "url https://b.example/1\n", "run pairloom report"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			report := filepath.Join(dir, shard.ReportFolder)
			if err := os.MkdirAll(report, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(report, "stats.json"), []byte(`{"settings": {"crawl.seeds": ["https://a.example/start"]}, "largest": "https://b.example/1"}`), 0o644); err != nil {
				t.Fatal(err)
			}
			list, err := RefusalParser().Read(strings.NewReader(tt.list))
			if err != nil {
				t.Fatal(err)
			}
			o := testOptions()
			o.Crawl.Seeds = []string{"https://a.example/start"}
			places, err := Absence{Dir: dir, Options: *o, List: list}.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range places {
				if p.Place == shard.ReportFolder && (p.Found != 1 || !strings.HasSuffix(p.Cure, tt.want) || strings.Contains(p.Cure, "yaml") != strings.Contains(tt.want, "yaml")) {
					t.Errorf("found %d, cure %q, want %q", p.Found, p.Cure, tt.want)
				}
			}
		})
	}
}
