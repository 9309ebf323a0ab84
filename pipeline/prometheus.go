package pipeline

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

// MetricsName is the file in a dataset's folder for the textfile collector of
// Prometheus' node_exporter. It appears whole, as that asks for.
const MetricsName = "metrics.prom"

// families are the metrics of the file, in order. All are gauges: what a folder
// holds can become less.
var families = []struct{ name, help string }{
	{"pairloom_run_active", "1 from the begin of a run to its end; a run that was killed leaves 1 behind."},
	{"pairloom_run_start_timestamp_seconds", "When the last run began."},
	{"pairloom_run_end_timestamp_seconds", "When a run ended last."},
	{"pairloom_run_last_success_timestamp_seconds", "When a run ended last with exit code 0."},
	{"pairloom_run_exit_code", "Exit code of the run that ended last."},
	{"pairloom_stage_finished", "1 for a stage whose folder is made by today's settings and input, else 0."},
	{"pairloom_stage_duration_seconds", "What the stage took when it ran last."},
	{"pairloom_stage_records", "Records that came into the stage, by what became of them: kept, or why not."},
	{"pairloom_stage_bytes", "Size of the stage's parts."},
	{"pairloom_stage_progress_records", "Records that the running stage has done."},
	{"pairloom_stage_progress_expected_records", "Records that the running stage has to do, as far as it knows."},
	{"pairloom_crawl_pages", "Pages of the frontier, by state: read, dropped, or pending, which are still to be asked for."},
	{"pairloom_crawl_not_refreshed_pages", "Pages that were due and could not be asked for, by reason; what is known of them stays."},
	{"pairloom_crawl_hosts", "Hosts of those pages."},
	{"pairloom_crawl_candidates", "Candidates found on them."},
}

// Metrics are the figures of one folder: series, such as name{stage="crawl"}, and
// their values. What a run does not know anew keeps its last value.
type Metrics map[string]float64

// folderLabel is what Write adds to each series.
var folderLabel = regexp.MustCompile(`^(\w+)\{folder="(?:[^"\\]|\\.)*",?`)

// ReadMetrics reads the file of a folder. What cannot be read counts as not there:
// the next run writes all that it knows.
func ReadMetrics(dir string) Metrics {
	m := Metrics{}
	text, _ := os.ReadFile(filepath.Join(dir, MetricsName))
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || line[0] == '#' {
			continue
		}
		name := strings.TrimSuffix(folderLabel.ReplaceAllString(line[:space], "$1{"), "{}")
		if v, err := strconv.ParseFloat(line[space+1:], 64); err == nil {
			m[name] = v
		}
	}
	return m
}

// series names one: its labels are pairs of a name and a value.
func series(name string, labels ...string) string {
	var parts []string
	for i := 0; i < len(labels); i += 2 {
		value := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD"))
		parts = append(parts, labels[i]+`="`+value+`"`)
	}
	if parts == nil {
		return name
	}
	return name + "{" + strings.Join(parts, ",") + "}"
}

// forget drops the series of a family, of one stage where it is named.
func (m Metrics) forget(name, stage string) {
	prefix := name + "{"
	if stage != "" {
		prefix += `stage="` + stage + `"`
	}
	maps.DeleteFunc(m, func(s string, _ float64) bool { return strings.HasPrefix(s, prefix) })
}

// Begin tells that a run begins.
func (m Metrics) Begin(at time.Time) {
	m["pairloom_run_active"], m["pairloom_run_start_timestamp_seconds"] = 1, float64(at.Unix())
}

// Progress tells how far a stage is.
func (m Metrics) Progress(s *Stage, done, total int64) {
	m.forget("pairloom_stage_progress_records", "")
	m.forget("pairloom_stage_progress_expected_records", "")
	if s != nil {
		m[series("pairloom_stage_progress_records", "stage", s.Name, "unit", s.Unit())] = float64(done)
		m[series("pairloom_stage_progress_expected_records", "stage", s.Name, "unit", s.Unit())] = float64(total)
	}
}

// End tells of a run's end: with which code, what it did, and where the stages of
// the road stand. pages may be nil.
func (m Metrics) End(at time.Time, exit int, done []Done, states []State, pages *frontier.Counts) {
	m.Progress(nil, 0, 0)
	m["pairloom_run_active"], m["pairloom_run_exit_code"], m["pairloom_run_end_timestamp_seconds"] = 0, float64(exit), float64(at.Unix())
	if exit == 0 {
		m["pairloom_run_last_success_timestamp_seconds"] = float64(at.Unix())
	}
	for _, d := range done {
		if d.Skipped == "" {
			m[series("pairloom_stage_duration_seconds", "stage", d.Stage)] = d.Took.Seconds()
		}
		if r, ok := d.Result.(Crawled); ok && r.Result != nil {
			m.forget("pairloom_crawl_not_refreshed_pages", "")
			for reason, n := range r.NotRefreshed {
				m[series("pairloom_crawl_not_refreshed_pages", "reason", reason)] = float64(n)
			}
		}
	}
	for _, s := range states {
		finished, tally := 0.0, s.Tally
		if s.State == "finished" {
			finished = 1
		}
		m[series("pairloom_stage_finished", "stage", s.Stage)] = finished
		m[series("pairloom_stage_bytes", "stage", s.Stage)] = float64(s.Bytes)
		for _, d := range done { // of a stage that was stopped the folder has none
			if d.Stage == s.Stage && tally == nil {
				tally = d.Tally
			}
		}
		m.forget("pairloom_stage_records", s.Stage)
		if tally == nil {
			continue
		}
		m[series("pairloom_stage_records", "stage", s.Stage, "unit", tally.Unit, "outcome", "kept")] = float64(tally.Kept)
		for reason, n := range tally.Dropped {
			m[series("pairloom_stage_records", "stage", s.Stage, "unit", tally.Unit, "outcome", reason)] = float64(n)
		}
	}
	if pages != nil {
		m[series("pairloom_crawl_pages", "state", "read")] = float64(pages.Kept)
		m[series("pairloom_crawl_pages", "state", "dropped")] = float64(pages.Dropped)
		m[series("pairloom_crawl_pages", "state", "pending")] = float64(pages.Pending)
		m["pairloom_crawl_hosts"], m["pairloom_crawl_candidates"] = float64(pages.Hosts), float64(pages.Candidates)
	}
}

// Write writes the file: Prometheus' text format, version 0.0.4. Each series gets
// the folder's path as a label, so that one collector takes several folders.
func (m Metrics) Write(dir string) error {
	folder, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	folder = strings.TrimSuffix(series("", "folder", folder), "}")
	var b strings.Builder
	for _, f := range families {
		var list []string
		for s := range m {
			if s == f.name || strings.HasPrefix(s, f.name+"{") {
				list = append(list, s)
			}
		}
		if list == nil {
			continue
		}
		slices.Sort(list)
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s gauge\n", f.name, f.help, f.name)
		for _, s := range list {
			labels := strings.TrimPrefix(s, f.name)
			if labels == "" {
				labels = "}"
			} else {
				labels = "," + labels[1:]
			}
			fmt.Fprintf(&b, "%s%s%s %s\n", f.name, folder, labels, strconv.FormatFloat(m[s], 'f', -1, 64))
		}
	}
	return atomicfile.WriteFile(filepath.Join(dir, MetricsName), []byte(b.String()))
}
