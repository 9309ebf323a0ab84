package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/shard"
)

// oneObject decodes what must be one JSON object, on one line where line is set.
func oneObject(t *testing.T, stdout string, line bool) map[string]any {
	t.Helper()
	if line && strings.Index(stdout, "\n") != len(stdout)-1 {
		t.Errorf("%d lines, want one:\n%s", strings.Count(stdout, "\n"), stdout)
	}
	d := json.NewDecoder(strings.NewReader(stdout))
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		t.Errorf("it is no JSON object: %v\n%s", err, stdout)
	} else if d.More() {
		t.Errorf("there is more behind the first object:\n%s", stdout)
	}
	return object
}

// TestOneObject holds that a command with --json prints one object whatever comes
// of it, and one line with --quiet.
func TestOneObject(t *testing.T) {
	if testing.Short() {
		t.Skip("it does the whole road")
	}
	t.Setenv(asProgram, "1") // for the children that decode pictures
	whole, list := finished(t), foxList(t)
	must(t, "embed", "pictures", "-C", whole)
	fresh := newFolder(t, testSettings("http://127.0.0.1:1/"))
	faulty := newFolder(t, testSettings("http://127.0.0.1:1/"))
	damaged := copied(t, whole)
	flip(t, filepath.Join(damaged, "matched/part-00000.arrow"))
	for path, text := range map[string]string{
		filepath.Join(faulty, "pairloom.yaml"): "crawl:\n  max_pagess: 3\n", filepath.Join(fresh, "labels.txt"): "a fox\na bear\n", filepath.Join(fresh, "lines.txt"): "red fox\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	held := newFolder(t, testSettings("http://127.0.0.1:1/"))
	lock, err := pipeline.Acquire(held, "crawl")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	for _, tt := range []struct {
		args string
		want int
		key  string // that the object has
	}{
		{"run -C WHOLE --to report", 0, "stages"},
		{"match -C WHOLE", 0, "stages"},
		{"curate -C WHOLE --max-duration 8h", 0, "stages"},
		{"shard -C WHOLE", 0, "stages"},
		{"report -C WHOLE", 0, "stages"},
		{"train -C WHOLE", 0, "stages"},
		{"eval -C WHOLE", 0, "stages"},
		{"status -C WHOLE", 0, "holder"},
		{"status -C FRESH", 0, "stages"},
		{"verify -C WHOLE", 0, "ok"},
		{"verify -C DAMAGED", 4, "faults"},
		{"explain -C WHOLE nothing", 3, "asked"},
		{"embed texts -C WHOLE", 0, "files"},
		{"search fox -C WHOLE", 0, "found"},
		{"classify testdata/fox.png -C WHOLE --labels FRESH/labels.txt", 0, "pictures"},
		{"classify none.png -C WHOLE --labels FRESH/labels.txt", 3, "pictures"},
		{"queries info --list LIST", 0, "entries"},
		{"queries lookup fox --list LIST", 0, "found"},
		{"queries from-lines FRESH/lines.txt", 0, "list"},
		{"init FRESH/new", 0, "configuration"},

		{"run -C NONE", 2, "error"},
		{"run -C FAULTY", 2, "error"},
		{"status -C FAULTY", 2, "error"},
		{"verify -C FAULTY", 2, "error"},
		{"run -C HELD", 75, "error"},
		{"fetch -C HELD", 75, "error"},
		{"embed pictures -C HELD", 75, "error"},
		{"run -C FRESH", 3, "error"}, // no server
		{"curate -C FRESH", 2, "error"},
		{"fetch -C FRESH --max-duration -1s", 2, "error"},
		{"curate -C DAMAGED", 4, "error"},
		{"explain -C DAMAGED http://127.0.0.1/none", 4, "error"},
		{"embed pictures -C FRESH", 2, "error"},
		{"search fox -C FRESH", 2, "error"},
		{"classify none.png -C FRESH", 2, "error"},
		{"init FAULTY", 2, "error"},
		{"compare NONE/compare.yaml", 2, "error"},
		{"queries info --list NONE", 2, "error"},
		{"queries build --memory much", 2, "error"},
		{"serve NONE", 2, "error"},
		{"demo -C FAULTY --pages NONE", 2, "error"},
		{"run --forse", 2, "error"},
		{"run cats", 2, "error"},
		{"explain", 2, "error"},
		{"ruin", 2, "error"},
		{"queries bild", 2, "error"},
	} {
		args := strings.Fields(strings.NewReplacer("WHOLE", whole, "FRESH", fresh, "FAULTY", faulty, "DAMAGED", damaged, "HELD", held, "LIST", list,
			"NONE", filepath.Join(fresh, "none")).Replace(tt.args))
		t.Run(tt.args, func(t *testing.T) {
			if args[0] == "init" && tt.want == 0 {
				args[1] = t.TempDir()
			}
			// Flags that come behind a faulty one count too.
			behind, before := append(args[:len(args):len(args)], "--quiet", "--json"), append([]string{"-q", "--json"}, args...)
			for _, args := range [][]string{behind, before} {
				var stdout, stderr bytes.Buffer
				code := run(args, &stdout, &stderr)
				object := oneObject(t, stdout.String(), true)
				if _, ok := object[tt.key]; !ok || code != tt.want {
					t.Errorf("%q: exit %d, want %d and the key %s\n%s%s", args, code, tt.want, tt.key, &stdout, &stderr)
				}
				if exit, ok := object["exit"]; ok && exit != float64(tt.want) {
					t.Errorf("the object says exit %v, want %d", exit, tt.want)
				}
				if text, ok := object["error"].(string); ok && code != exitPartial && !strings.Contains(stderr.String(), text) {
					t.Errorf("stderr has not the error %q:\n%s", text, &stderr)
				}
				if args[0] == "init" {
					break
				}
			}
			if args[0] == "init" {
				return
			}
			var stdout, stderr bytes.Buffer
			run(append([]string{"--json"}, args...), &stdout, &stderr)
			oneObject(t, stdout.String(), false)
		})
	}
}

// TestStatusTellsOfTheHolder looks at a folder from outside while pictures hang,
// after a kill, and at the end.
func TestStatusTellsOfTheHolder(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	site, began := slowSite(t)
	dir := newFolder(t, testSettings(site))
	says := func(pattern string) {
		t.Helper()
		if out := must(t, "status", "-C", dir); !regexp.MustCompile("(?m)^" + pattern + "$").MatchString(out) {
			t.Errorf("status says\n%s, want %s", out, pattern)
		}
	}
	c := program(t, "run", "-C", dir)
	started(t, c)
	<-began
	says(fmt.Sprintf(`at work: process %d \(pairloom run, since \S+\) is at fetch \(stage 3 of 9\)(, 0 of 1 pictures)?`, c.Process.Pid))
	var now standing
	if err := json.Unmarshal([]byte(must(t, "status", "-C", dir, "--json")), &now); err != nil {
		t.Fatal(err)
	}
	if h := now.Holder; h == nil || h.State != pipeline.HolderRunning || h.PID != c.Process.Pid || h.Command != "run" || h.Stage != "fetch" || h.Unit != "pictures" || h.Since.IsZero() {
		t.Errorf("status --json says %+v", h)
	}
	code, stdout, stderr := pairloom(t, "match", "-C", dir, "--quiet", "--json")
	if object := oneObject(t, stdout, true); code != exitLocked || object["exit"] != float64(exitLocked) || !strings.Contains(stderr, "is at fetch (stage 3 of 9)") {
		t.Errorf("a second run: exit %d\n%s%s", code, stdout, stderr)
	}
	c.Process.Kill()
	c.Wait()
	says(`last: pairloom run of \S+ was killed in fetch \(stage 3 of 9\)(, 0 of 1 pictures)?; run again to go on`)
	must(t, "match", "-C", dir)
	says(`last: pairloom match of \S+ ended at \S+ with exit code 0`)
	pairloom(t, "curate", "-C", dir)
	says(`last: pairloom curate of \S+ ended at \S+ with exit code 2: curate: .*run pairloom fetch first.*`)
}

// TestMetricsOfARun holds what metrics.prom says after a run, after one that
// failed, and that another folder's series are others.
func TestMetricsOfARun(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	dir := newFolder(t, testSettings(newSite(t)))
	var s summary
	if err := json.Unmarshal([]byte(must(t, "run", "-C", dir, "--to", "fetch", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	label := fmt.Sprintf("folder=%q", dir)
	has := func(pattern string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, pipeline.MetricsName))
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile("(?m)^" + strings.Replace(pattern, "{", `\{`+label+",?", 1) + "$").MatchString(string(text)) {
			t.Errorf("there is no %s in\n%s", pattern, text)
		}
	}
	crawl, fetch := s.Stages[0], s.Stages[2]
	has(fmt.Sprintf(`pairloom_stage_records{stage="crawl",unit="pages",outcome="kept"} %d`, crawl.Kept))
	has(fmt.Sprintf(`pairloom_stage_records{stage="fetch",unit="pictures",outcome="kept"} %d`, fetch.Kept))
	has(fmt.Sprintf(`pairloom_crawl_candidates{} %d`, crawl.Out))
	has(`pairloom_stage_duration_seconds{stage="fetch"} [0-9.]+`)
	has(`pairloom_run_last_success_timestamp_seconds{} \d{10}`)
	has(`pairloom_run_exit_code{} 0`)
	has(`pairloom_stage_finished{stage="curate"} 0`)
	if code, _, _ := pairloom(t, "shard", "-C", dir); code != exitConfiguration {
		t.Errorf("shard without pairs: exit %d", code)
	}
	has(`pairloom_run_exit_code{} 2`)
	has(`pairloom_run_last_success_timestamp_seconds{} \d{10}`)
	has(`pairloom_stage_duration_seconds{stage="fetch"} [0-9.]+`)
}

// TestProgressInALog holds the lines of a stage that takes long, where nobody
// watches.
func TestProgressInALog(t *testing.T) {
	for _, tt := range []struct {
		name        string
		json, quiet bool
		want        string
	}{
		{"for people", false, false, "pairloom: fetching pictures: a notice\nfetching pictures: 20 of 50 (40%), 45s left\n"},
		{"for programs", true, false, `{"time":"2000-01-01T00:00:00Z","level":"WARN","msg":"a notice","doing":"fetching pictures"}` + "\n" +
			`{"time":"2000-01-01T00:00:30Z","level":"INFO","msg":"fetching pictures","done":20,"total":50,"note":""}` + "\n"},
		{"quiet", false, true, "pairloom: fetching pictures: a notice\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var stderr bytes.Buffer
			p := newProgress(&global{json: tt.json, quiet: tt.quiet, stderr: &stderr}, "fetching pictures")
			p.warn("a notice")
			p.set(10, 50) // too early
			<-time.After(plainEvery)
			p.set(20, 50)
			if got := strings.ReplaceAll(stderr.String(), time.Now().Format("-07:00"), "Z"); got != tt.want {
				t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
			}
		})
	}
}

// TestQuietIsQuiet holds that a run that went well says one line, and nothing to
// who reads errors.
func TestQuietIsQuiet(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	dir := newFolder(t, testSettings(newSite(t)))
	for range 2 {
		code, stdout, stderr := pairloom(t, "run", "-C", dir, "--quiet", "--to", "report")
		if code != exitDone || stderr != "" || strings.Count(stdout, "\n") != 1 {
			t.Errorf("exit %d, stdout\n%sstderr\n%s", code, stdout, stderr)
		}
	}
}

// TestCronPage holds docs/cron.md to the program: each command in it is one that
// there is, with flags that there are, and its codes and metrics are those of the
// program.
func TestCronPage(t *testing.T) {
	data, err := os.ReadFile("../../docs/cron.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	commands := 0
	for _, m := range regexp.MustCompile(`pairloom ([a-z]+(?: --?[A-Za-z-]+(?: [^-\s\x60][^\s\x60]*)?)+)`).FindAllStringSubmatch(text, -1) {
		args := append(strings.Fields(m[1]), "--help")
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != 0 {
			t.Errorf("pairloom %s: exit %d\n%s", m[1], code, &stderr)
		}
		commands++
	}
	if commands < 8 {
		t.Errorf("found %d commands", commands)
	}
	for _, m := range regexp.MustCompile(`(?m)^ *(\d+)  (.*)`).FindAllStringSubmatch(exitCodesHelp, -1) {
		if !regexp.MustCompile(`(?m)^\| .*\b` + m[1] + `\b.* \|`).MatchString(text) {
			t.Errorf("the page lacks exit code %s", m[1])
		}
	}
	dir := t.TempDir()
	m := pipeline.Metrics{}
	m.Begin(time.Unix(1, 0))
	m.End(time.Unix(2, 0), 0, []pipeline.Done{{Stage: "crawl"}}, []pipeline.State{{Stage: "crawl", Tally: shard.NewTally("crawl", "pages", "")}}, &frontier.Counts{})
	m.Progress(&pipeline.Stage{Name: "crawl"}, 1, 2)
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, pipeline.MetricsName))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(string(file), -1) {
		if !strings.Contains(text, "`"+m[1]) {
			t.Errorf("the page lacks the metric %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`pairloom_[a-z_]+`).FindAllString(text, -1) {
		if !strings.Contains(string(file), m+"{") {
			t.Errorf("the page tells of %s, which is no metric", m)
		}
	}
}

// TestNoteInEveryForm holds that what a result says is in each form of the summary.
func TestNoteInEveryForm(t *testing.T) {
	done := []pipeline.Done{{Stage: "crawl", Outcome: pipeline.Outcome{Tally: &shard.Tally{Stage: "crawl", Unit: "pages", In: 500, Kept: 500}, Result: pipeline.Crawled{Note: "837 left; run again to go on"}}}}
	for _, tt := range []struct {
		g    global
		want string
	}{
		{global{quiet: true}, "pairloom: crawl 500 of 500 pages (837 left; run again to go on)\n"},
		{global{}, "\ncrawl: 837 left; run again to go on\n"},
		{global{json: true, quiet: true}, `"note":"837 left; run again to go on"`},
	} {
		var stdout bytes.Buffer
		tt.g.stdout = &output{w: &stdout}
		summaryOfRun(done).print(&tt.g)
		if !strings.Contains(stdout.String(), tt.want) {
			t.Errorf("the summary says\n%s, want %s", &stdout, tt.want)
		}
	}
}
