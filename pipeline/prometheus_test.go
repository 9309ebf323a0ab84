package pipeline

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/shard"
)

var (
	metricName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	sampleLine = regexp.MustCompile(`^([a-z][a-z0-9_]*)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} (\S+)$`)
)

// checkMetrics holds a file against Prometheus' text format, version 0.0.4, and
// its rules of naming, as promtool check metrics does; where that program is, it
// checks too.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line has no end")
	}
	seen, families, family := map[string]bool{}, map[string]bool{}, ""
	helped := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			var help string
			if family, help, ok = strings.Cut(rest, " "); !ok || help == "" || families[family] || !metricName.MatchString(family) {
				t.Errorf("%q: want one help for each name", line)
			}
			families[family], helped = true, true
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			if name, kind, _ := strings.Cut(rest, " "); name != family || !helped || kind != "gauge" || strings.HasSuffix(name, "_total") {
				t.Errorf("%q: want the type of %s, a gauge whose name has no _total", line, family)
			}
			helped = false
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || m[1] != family || helped {
			t.Errorf("%q is no sample of %s", line, family)
			continue
		}
		if seen[m[1]+m[2]] {
			t.Errorf("%q is there twice", line)
		}
		seen[m[1]+m[2]] = true
		if _, err := strconv.ParseFloat(m[3], 64); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	if len(seen) == 0 {
		t.Error("there is no sample")
	}
	if path, err := exec.LookPath("promtool"); err == nil {
		c := exec.CommandContext(t.Context(), path, "check", "metrics")
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool: %v\n%s", err, out)
		}
	}
}

// samples are those of a file whose name begins with prefix, without the folder.
func samples(t *testing.T, dir, prefix string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, MetricsName))
	if err != nil {
		t.Fatal(err)
	}
	checkMetrics(t, string(text))
	var list []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, prefix) {
			line = regexp.MustCompile(`folder="(?:[^"\\]|\\.)*",?`).ReplaceAllString(line, "")
			list = append(list, strings.TrimSpace(strings.Replace(line, "{}", "", 1)))
		}
	}
	return strings.Join(list, "\n")
}

// TestMetrics follows the file through runs: what each knows anew replaces what
// was there, and the rest stays.
func TestMetrics(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a folder of \"cats\"\n")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	tally := func(stage, unit string, kept int64, dropped map[string]int64) *shard.Tally {
		return &shard.Tally{Stage: stage, Unit: unit, Kept: kept, Dropped: dropped}
	}
	write := func(change func(Metrics)) {
		t.Helper()
		m := ReadMetrics(dir)
		change(m)
		if err := m.Write(dir); err != nil {
			t.Fatal(err)
		}
		if again := ReadMetrics(dir); !reflect.DeepEqual(again, m) {
			t.Errorf("read again it is\n%v, want\n%v", again, m)
		}
	}
	at := func(seconds int64) time.Time { return time.Unix(1.7e9+seconds, 0) }
	for _, step := range []struct {
		name   string
		change func(Metrics)
		prefix string
		want   string
	}{
		{"a run begins and crawls", func(m Metrics) {
			m.Begin(at(0))
			m.Progress(&Stage{Name: CrawlName}, 12, 30)
		}, "pairloom_", `pairloom_run_active 1
pairloom_run_start_timestamp_seconds 1700000000
pairloom_stage_progress_records{stage="crawl",unit="pages"} 12
pairloom_stage_progress_expected_records{stage="crawl",unit="pages"} 30`},
		{"it ends well", func(m Metrics) {
			m.End(at(60), 0, []Done{{Stage: CrawlName, Took: 1500 * time.Millisecond}, {Stage: FetchName, Took: time.Minute}},
				[]State{{Stage: CrawlName, State: "finished", Bytes: 7, Tally: tally("crawl", "pages", 3, map[string]int64{"http_404": 2, "robots": 1})},
					{Stage: FetchName, State: "finished", Bytes: 9e12, Tally: tally("fetch", "pictures", 5, map[string]int64{"timeout": 4})},
					{Stage: TrainName, State: "unfinished"}}, &frontier.Counts{Pages: 10, Kept: 3, Dropped: 3, Pending: 4, Hosts: 2, Candidates: 8})
		}, "pairloom_", `pairloom_run_active 0
pairloom_run_start_timestamp_seconds 1700000000
pairloom_run_end_timestamp_seconds 1700000060
pairloom_run_last_success_timestamp_seconds 1700000060
pairloom_run_exit_code 0
pairloom_stage_finished{stage="crawl"} 1
pairloom_stage_finished{stage="fetch"} 1
pairloom_stage_finished{stage="train"} 0
pairloom_stage_duration_seconds{stage="crawl"} 1.5
pairloom_stage_duration_seconds{stage="fetch"} 60
pairloom_stage_records{stage="crawl",unit="pages",outcome="http_404"} 2
pairloom_stage_records{stage="crawl",unit="pages",outcome="kept"} 3
pairloom_stage_records{stage="crawl",unit="pages",outcome="robots"} 1
pairloom_stage_records{stage="fetch",unit="pictures",outcome="kept"} 5
pairloom_stage_records{stage="fetch",unit="pictures",outcome="timeout"} 4
pairloom_stage_bytes{stage="crawl"} 7
pairloom_stage_bytes{stage="fetch"} 9000000000000
pairloom_stage_bytes{stage="train"} 0
pairloom_crawl_pages{state="dropped"} 3
pairloom_crawl_pages{state="pending"} 4
pairloom_crawl_pages{state="read"} 3
pairloom_crawl_hosts 2
pairloom_crawl_candidates 8`},
		{"the next is terminated while it fetches", func(m Metrics) {
			m.Begin(at(100))
			m.End(at(110), 143, []Done{{Stage: CrawlName, Skipped: "unchanged"}, {Stage: FetchName, Took: time.Second, Outcome: Outcome{Tally: tally("fetch", "pictures", 2, nil), Unfinished: "terminated"}}},
				[]State{{Stage: CrawlName, State: "finished", Tally: tally("crawl", "pages", 4, map[string]int64{"robots": 1})}, {Stage: FetchName, State: "unfinished"}}, nil)
		}, "pairloom_run_", `pairloom_run_active 0
pairloom_run_start_timestamp_seconds 1700000100
pairloom_run_end_timestamp_seconds 1700000110
pairloom_run_last_success_timestamp_seconds 1700000060
pairloom_run_exit_code 143`},
		{"of that run too", func(Metrics) {}, "pairloom_stage_duration", `pairloom_stage_duration_seconds{stage="crawl"} 1.5
pairloom_stage_duration_seconds{stage="fetch"} 1`},
		{"and what became of records", func(Metrics) {}, "pairloom_stage_records", `pairloom_stage_records{stage="crawl",unit="pages",outcome="kept"} 4
pairloom_stage_records{stage="crawl",unit="pages",outcome="robots"} 1
pairloom_stage_records{stage="fetch",unit="pictures",outcome="kept"} 2`},
		{"what was not looked at stays", func(Metrics) {}, "pairloom_crawl_hosts", "pairloom_crawl_hosts 2"},
		{"any text may be a reason", func(m Metrics) {
			m.End(at(200), 0, nil, []State{{Stage: CrawlName, Tally: tally("crawl", "pages", 0, map[string]int64{"a \"b\" \\ {c},\nd \xff": 1})}}, nil)
		}, `pairloom_stage_records`, `pairloom_stage_records{stage="crawl",unit="pages",outcome="a \"b\" \\ {c},\nd ` + "\uFFFD" + `"} 1
pairloom_stage_records{stage="crawl",unit="pages",outcome="kept"} 0
pairloom_stage_records{stage="fetch",unit="pictures",outcome="kept"} 2`},
	} {
		write(step.change)
		if got := samples(t, dir, step.prefix); got != step.want {
			t.Errorf("%s:\n%s\nwant\n%s", step.name, got, step.want)
		}
	}
}

// TestMetricsOfAFaultyFile holds that a file that is no such is replaced.
func TestMetricsOfAFaultyFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, MetricsName), []byte("\n\npairloom_run_exit_code{folder=\"x\"} much\nhalf a li"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := ReadMetrics(dir)
	m.Begin(time.Unix(5, 0))
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	if got, want := samples(t, dir, "pairloom_"), "pairloom_run_active 1\npairloom_run_start_timestamp_seconds 5"; got != want {
		t.Errorf("it is\n%s, want\n%s", got, want)
	}
}
