package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pairloom/pairloom/pipeline"
)

// TestStoppedCommands ends each command that takes long by each cause: it says
// so in words for people, with the code of the cause. One that had nothing left to
// wait for may end well all the same.
func TestStoppedCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("it does the whole road")
	}
	t.Setenv(asProgram, "1") // for the children that decode pictures
	whole := finished(t)
	must(t, "embed", "pictures", "-C", whole)
	folder := t.TempDir()
	for path, text := range map[string]string{
		"labels.txt": "a fox\na bear\n", "lines.txt": "red fox\n", "dump.xml": "<mediawiki><page><title>Fox</title><ns>0</ns><revision><text>a red fox</text></revision></page></mediawiki>\n",
		"compare.yaml": "dataset: " + whole + "\nout: out\nobjectives: [contrastive]\nseeds: 1\npairs: 64\npoints: 1\nsets: [\"folder:set\"]\ntemplates: [\"A photo of a {label}.\"]\ntrain:\n  model: vit-nano\n  batch: 16\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, class := range []string{"fox", "bear"} {
		data, err := os.ReadFile("testdata/fox.png")
		if err == nil {
			err = os.MkdirAll(filepath.Join(folder, "set", class), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "set", class, "0.png"), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{
		"run -C WHOLE --force", "crawl -C WHOLE", "match -C WHOLE", "fetch -C WHOLE", "curate -C WHOLE", "shard -C WHOLE", "report -C WHOLE",
		"train -C WHOLE --replace", "eval -C WHOLE", "verify -C WHOLE --pictures", "embed texts -C WHOLE", "embed pictures -C WHOLE --out FOLDER/vectors",
		"embed texts FOLDER/lines.txt -C WHOLE --out FOLDER/lines.arrow", "search fox -C WHOLE", "classify testdata/fox.png -C WHOLE --labels FOLDER/labels.txt",
		"compare FOLDER/compare.yaml", "queries build --dump FOLDER/dump.xml --temp FOLDER/temp --out FOLDER/list.zst", "serve FOLDER --listen 127.0.0.1:0",
	} {
		args := strings.Fields(strings.NewReplacer("WHOLE", whole, "FOLDER", folder).Replace(command))
		t.Run(command, func(t *testing.T) {
			for cause, want := range map[error]int{pipeline.ErrInterrupted: exitInterrupt, pipeline.ErrTerminated: exitTerminate} {
				ctx, cancel := context.WithCancelCause(t.Context())
				cancel(cause)
				var stdout, stderr bytes.Buffer
				g := &global{stdout: &output{w: &stdout}, stderr: &stderr}
				code := g.execute(ctx, args)
				text := stdout.String() + stderr.String()
				if strings.Contains(text, "context ") || strings.Contains(text, "deadline") {
					t.Errorf("it says\n%s", text)
				}
				if code == exitDone {
					t.Logf("%v: it ended well", cause)
				} else if line := fmt.Sprintf("%v; run again to go on\n", cause); code != want || !strings.HasSuffix(text, line) {
					t.Errorf("exit %d, want %d and %q\n%s", code, want, line, text)
				}
			}
		})
	}
}

// TestStagesThatAreStopped ends the context of each stage before it looks at it:
// what the stage returns says no more than that.
func TestStagesThatAreStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("it does the whole road")
	}
	t.Setenv(asProgram, "1")
	w, err := openWorkspace(finished(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Train.Replace = true
	road, err := w.road()
	if err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{pipeline.ErrInterrupted, pipeline.ErrTerminated, pipeline.ErrTimeUp} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		for _, s := range road {
			out, err := s.Run(ctx, func(int64, int64) {})
			err = pipeline.Stopped(ctx, err)
			var stopped *pipeline.StoppedError
			switch {
			case err != nil && (!errors.As(err, &stopped) || !errors.Is(stopped, cause)):
				t.Errorf("%s: %v: %v", s.Name, cause, err)
			case err == nil && out == nil:
				t.Errorf("%s: %v: neither outcome nor error", s.Name, cause)
			}
		}
	}
}

// TestTimeIsUp ends runs at a limit that no stage keeps: they end well, and the
// next goes on to the bytes of a run that was never stopped.
func TestTimeIsUp(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir := newFolder(t, testSettings(newSite(t)))
	for _, form := range []struct{ flag, want string }{
		{"--quiet", `^pairloom: .*crawl( \d+ of \d+ pages)? \(stopped after 1ns; (.*; )?run again to go on\)\n$`},
		{"--quiet=false", `(?m)^crawl: stopped after 1ns; (.*; )?run again to go on$`},
		{"--json", `"unfinished": "stopped after 1ns; (.*; )?run again to go on"`},
	} {
		code, stdout, stderr := pairloom(t, "run", "-C", dir, "--max-duration", "1ns", form.flag)
		if code != exitDone || !regexp.MustCompile(form.want).MatchString(stdout) || strings.Contains(stdout+stderr, "context") {
			t.Errorf("%s: exit %d, want %s\n%s%s", form.flag, code, form.want, stdout, stderr)
		}
	}
	if out := must(t, "status", "-C", dir); !regexp.MustCompile(`(?m)^last: .* exit code 0: crawl: stopped after 1ns; .*run again to go on$`).MatchString(out) {
		t.Errorf("status says\n%s", out)
	}
	must(t, "run", "-C", dir)
	sameFiles(t, "after time was up", trainedHashes(t, dir), trainedHashes(t, unbroken(t)))
}

// TestSignalledTwice: a second signal ends the program with its object, if it asked
// for one and has printed none, whoever reads it or not.
func TestSignalledTwice(t *testing.T) {
	for _, tt := range []struct {
		signal  os.Signal
		json    bool
		printed string
		want    string
		code    int
	}{
		{os.Interrupt, true, "", `{"error":"interrupted twice","exit":130}` + "\n", exitInterrupt},
		{syscall.SIGTERM, true, "", `{"error":"terminated while finishing what was in hand","exit":143}` + "\n", exitTerminate},
		{os.Interrupt, true, "{}\n", "{}\n", exitInterrupt},
		{os.Interrupt, false, "", "", exitInterrupt},
	} {
		var stdout bytes.Buffer
		g := &global{json: tt.json, quiet: true, stdout: &output{w: &stdout}}
		fmt.Fprint(g.stdout, tt.printed)
		if code := g.endAtOnce(tt.signal); code != tt.code || stdout.String() != tt.want {
			t.Errorf("%v: exit %d, %q; want %d, %q", tt.signal, code, &stdout, tt.code, tt.want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe() // that nobody reads
		g := &global{json: true, stdout: &output{w: out}}
		if code := g.endAtOnce(os.Interrupt); code != exitInterrupt {
			t.Errorf("exit %d", code)
		}
		in.Close()
	})
}

// TestShareOfTheCrawl: of a run's limit the crawl has half, when stages come behind
// it, or its own limit when that is shorter.
func TestShareOfTheCrawl(t *testing.T) {
	for _, tt := range []struct {
		from, to        string
		limit, own, max time.Duration
	}{
		{"", "", 6 * time.Hour, 0, 3 * time.Hour},
		{"crawl", "report", 6 * time.Hour, 0, 3 * time.Hour},
		{"", "", 6 * time.Hour, time.Hour, time.Hour},
		{"", "", 6 * time.Hour, 5 * time.Hour, 3 * time.Hour},
		{"", "", 1, 0, 1},
		{"", "", 0, 0, 0},
		{"", "", 0, time.Hour, time.Hour},
		{"", "crawl", 6 * time.Hour, 0, 0}, // nothing waits behind it
	} {
		if got := crawlShare(runOptions{from: tt.from, to: tt.to, limit: tt.limit}, tt.own); got != tt.max {
			t.Errorf("%+v: the crawl has %v", tt, got)
		}
	}
}

// TestWorkIsGivenUp holds what becomes of work that does not end at its limit.
func TestWorkIsGivenUp(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{time.Second: 30 * time.Second, 5 * time.Minute: 30 * time.Second, 10 * time.Minute: time.Minute, 10 * time.Hour: time.Hour} {
		if got := graceOf(limit); got != want {
			t.Errorf("after %v it has %v, want %v", limit, got, want)
		}
	}
	for _, printed := range []string{"", "{}\n"} {
		var stdout, stderr bytes.Buffer
		g := &global{json: true, quiet: true, stdout: &output{w: &stdout}, stderr: &stderr}
		fmt.Fprint(g.stdout, printed)
		code := 0
		g.giveUp(time.Hour, func(c int) { code = c })
		oneObject(t, stdout.String(), true)
		if want := "pairloom: what was in hand did not end within 6m0s after --max-duration 1h0m0s; it is given up; run again to go on\n"; stderr.String() != want || code != exitPartial {
			t.Errorf("exit %d: %s", code, &stderr)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g := &global{}
		began := time.Now()
		for _, alone := range []bool{false, true} {
			err := g.within(t.Context(), time.Hour, alone, func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-time.After(61 * time.Minute):
					return nil
				}
			})
			if alone && err != nil || !alone && !errors.Is(err, pipeline.ErrTimeUp) {
				t.Errorf("alone %v: %v after %v", alone, err, time.Since(began))
			}
		}
	})
}
