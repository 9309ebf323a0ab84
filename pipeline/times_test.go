package pipeline

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

func TestTimesAddUp(t *testing.T) {
	dir := t.TempDir()
	tally := shard.NewTally(MatchName, "candidates", "pairs")
	tally.In, tally.Kept = 100, 100
	for _, d := range []Done{
		{Stage: MatchName, Took: 2 * time.Second, Outcome: Outcome{Tally: tally}},
		{Stage: FetchName, Took: time.Second},
		{Stage: MatchName, Took: 500 * time.Millisecond, Outcome: Outcome{Tally: tally}},
	} {
		if err := keepTime(dir, d); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readTimes(dir)
	want := &stats.Times{SchemaVersion: 1, Stages: []stats.StageTime{
		{Stage: MatchName, Unit: "candidates", Records: 100, Seconds: .5, Runs: 2, TotalSeconds: 2.5},
		{Stage: FetchName, Seconds: 1, Runs: 1, TotalSeconds: 1},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if rate := got.Stages[0].PerSecond(); rate != "200" {
		t.Errorf("100 records in half a second are %s a second", rate)
	}
}

// TestTimesThatCannotBeRead holds that a damaged file is begun anew, and that of a newer
// pairloom stays.
func TestTimesThatCannotBeRead(t *testing.T) {
	for _, tt := range []struct{ text, fault string }{
		{"{", ""}, {"", ""}, {`{"schema_version": "x"}`, ""},
		{`{"schema_version": 2}`, "a newer pairloom wrote it"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, TimesName)
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readTimes(dir); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: read with %v, which does not name the file", tt.text, err)
		}
		err := keepTime(dir, Done{Stage: MatchName, Took: time.Second})
		if tt.fault == "" {
			got, readErr := readTimes(dir)
			if err != nil || readErr != nil || len(got.Stages) != 1 {
				t.Errorf("%s: %+v, %v, %v; want one stage", tt.text, got, err, readErr)
			}
			continue
		}
		kept, _ := os.ReadFile(path)
		if err == nil || !strings.Contains(err.Error(), tt.fault) || string(kept) != tt.text {
			t.Errorf("%s: %v, and the file is %s; want %q and the file as it was", tt.text, err, kept, tt.fault)
		}
	}
}
