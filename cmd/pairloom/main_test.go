package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/shard/stats"
	"github.com/rogpeppe/go-internal/testscript"
)

// asProgram makes the test binary the real program: tests that kill it, and its
// own children, start it by this variable.
const asProgram = "PAIRLOOM_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		dieWhereTold()
		main()
	}
	testscript.Main(suite{m}, map[string]func(){"pairloom": main})
}

// suite is all tests, and what is cleared away after them.
type suite struct{ *testing.M }

func (s suite) Run() int {
	defer os.RemoveAll(shared.dir)
	return s.M.Run()
}

// TestScripts runs the command scripts in testdata/script; pages come from the
// small real site.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("scripts run some eighty programs")
	}
	site := newSite(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("PAIRLOOM_UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			pages, err := filepath.Abs("../../testdata/site")
			if err != nil {
				return err
			}
			env.Setenv("LIST", filepath.Join(env.WorkDir, listName))
			if err := writeSmallList(env.WorkDir); err != nil {
				return err
			}
			env.Setenv("SITE", site)
			env.Setenv("HOST", strings.TrimSuffix(strings.TrimPrefix(site, "http://"), "/"))
			env.Setenv("PAGES", pages)
			env.Setenv("LISTEN", freeAddress(t))
			env.Setenv("SOURCE_DATE_EPOCH", "1700000000")
			return nil
		},
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// program prepares the real program as a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asProgram+"=1", "SOURCE_DATE_EPOCH=1700000000")
	return c
}

// pairloom runs the real program and returns its exit code and output.
func pairloom(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := program(t, args...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.Process.Kill() })
	defer stop()
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), out.String(), errs.String()
}

// must runs the real program and fails the test when it does not end well.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := pairloom(t, args...)
	if code != 0 {
		t.Fatalf("pairloom %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// summaryOf decodes what --json printed.
func summaryOf(t *testing.T, stdout string) map[string]stageSummary {
	t.Helper()
	var s summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("summary is not one JSON object: %v\n%s", err, stdout)
	}
	stages := map[string]stageSummary{}
	for _, st := range s.Stages {
		stages[st.Stage] = st
	}
	return stages
}

// hashes maps the files below the folders to their hashes.
func hashes(t *testing.T, dir string, folders ...string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(dir, folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			if info.IsDir() || filepath.Base(f) == stats.TimesPageName { // it tells how long they took
				continue
			}
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(dir, f)
			sums[rel] = fmt.Sprintf("%016x", xxhash.Sum64(data))
		}
		if len(files) == 0 {
			t.Fatalf("no files in %s", folder)
		}
	}
	return sums
}

// dataFolders hold bytes that depend on the input, the settings and the seed.
var dataFolders = []string{"candidates/crawl", "matched", "images", "selection", "shards", "report"}

// sameFiles fails when two sets of files differ, naming those that do.
func sameFiles(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	var names []string
	for name := range want {
		if got[name] != want[name] {
			names = append(names, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name+" (only there)")
		}
	}
	slices.Sort(names)
	if len(names) > 0 {
		t.Errorf("%s: these files differ: %s", what, strings.Join(names, ", "))
	}
}
