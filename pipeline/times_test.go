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

func TestTimesThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"{":                     "delete it, and the next run begins it anew",
		`{"schema_version": 2}`: "update pairloom",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, TimesName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := keepTime(dir, Done{Stage: MatchName}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), TimesName) {
			t.Errorf("%s: %v, want %q of the file", text, err, want)
		}
	}
}
