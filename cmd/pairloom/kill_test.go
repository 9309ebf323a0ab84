package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/pipeline"
)

// Variables of the test binary as the real program, see dieWhereTold.
const (
	momentsFile = "PAIRLOOM_TEST_MOMENTS"
	killAt      = "PAIRLOOM_TEST_KILL"
)

// dieWhereTold makes this process note the path of each moment at which a kill
// matters in the file that momentsFile names, a line each; or kill itself at the
// n-th such moment of a path, or of what lies below it, that killAt names: "n path".
func dieWhereTold() {
	if name := os.Getenv(momentsFile); name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			panic(err)
		}
		atomicfile.Reached = func(path string) { fmt.Fprintln(f, path) }
	}
	if at := os.Getenv(killAt); at != "" {
		number, place, _ := strings.Cut(at, " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			panic(err)
		}
		var seen atomic.Int64
		atomicfile.Reached = func(path string) {
			if within(path, place) && seen.Add(1) == int64(n) {
				syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
				select {} // the signal is on its way
			}
		}
	}
}

// visit is the work on one folder, or on a file at the top, and how many moments
// it has at which a kill matters.
type visit struct {
	place   string
	moments int
}

// visits lists the work of the unbroken run in order.
func visits(t *testing.T) []visit {
	t.Helper()
	dir := unbroken(t)
	text, err := os.ReadFile(filepath.Join(shared.dir, "moments"))
	if err != nil {
		t.Fatal(err)
	}
	var list []visit
	for path := range strings.Lines(string(text)) {
		rel, err := filepath.Rel(dir, strings.TrimSpace(path))
		if err != nil {
			t.Fatal(err)
		}
		place, _, _ := strings.Cut(rel, "/")
		if place == "." || place == pipeline.MetricsName { // the name of a file at the top becomes durable; what is written by the clock
			continue
		}
		if len(list) == 0 || list[len(list)-1].place != place {
			list = append(list, visit{place: place})
		}
		list[len(list)-1].moments++
	}
	return list
}

// killsWanted is how many kills the test below deals at least: few in an ordinary
// run, as many as PAIRLOOM_KILLS says in a long one.
func killsWanted(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("PAIRLOOM_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("PAIRLOOM_KILLS: %v", err)
		}
		return n
	}
	return 24
}

// TestKilledAtAnyMoment kills the real program with -9 once in each folder that
// the road writes, at a moment drawn from all those at which a kill leaves the
// folder in another state, and at requests for a page and a picture; every other
// road loses a decoding child too. It is started again after each. The result
// must be that of a run that was never stopped.
func TestKilledAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	newSite(t)
	all := visits(t)
	want := trainedHashes(t, unbroken(t))
	killed, children, roads := 0, 0, 0
	for killed < killsWanted(t) {
		r := rand.New(rand.NewPCG(uint64(roads), 0))
		dir := newFolder(t, testSettings(newSite(t)))
		killedAtRequest(t, dir, isPage, 2+r.IntN(40), false)
		killed++
		for _, v := range all {
			if v.place == "images" && roads%2 == 0 {
				killedAtRequest(t, dir, isPicture, 12+r.IntN(40), true)
				children++
			} else {
				killedAtMoment(t, dir, v.place, 1+r.IntN(v.moments))
			}
			killed++
		}
		must(t, "run", "-C", dir)
		roads++
		sameFiles(t, "road "+strconv.Itoa(roads), trainedHashes(t, dir), want)
	}
	t.Logf("killed the program %d times and a decoding child %d times over %d roads", killed, children, roads)
}

// killedAtMoment runs the program until it kills itself.
func killedAtMoment(t *testing.T, dir, place string, n int) {
	t.Helper()
	killedProgram(t, []string{"run"}, dir, place, n)
}

// killedProgram is killedAtMoment of any command.
func killedProgram(t *testing.T, command []string, dir, place string, n int) {
	t.Helper()
	at := fmt.Sprintf("%d %s", n, filepath.Join(dir, place))
	c := program(t, append(command, "-C", dir)...)
	c.Env = append(c.Env, killAt+"="+at)
	var errs strings.Builder
	c.Stderr = &errs
	wantKilled(t, c.Run(), "moment "+at, &errs)
}

func isPicture(path string) bool { return strings.Contains(path, "/_images/") }
func isPage(path string) bool    { return !isPicture(path) && path != "/robots.txt" }

// killedAtRequest runs the program and kills it while it waits for the answer to
// the n-th request of a kind; where child is set, a decoding child halfway there.
func killedAtRequest(t *testing.T, dir string, kind func(path string) bool, n int, child bool) {
	t.Helper()
	c := program(t, "run", "-C", dir)
	var errs strings.Builder
	c.Stderr = &errs
	started := make(chan struct{})
	var asked atomic.Int64
	var lost atomic.Bool
	whenAsked(t, func(r *http.Request) {
		<-started
		if !kind(r.URL.Path) {
			return
		}
		switch asked.Add(1) {
		case int64(n):
			c.Process.Kill()
		case int64(n / 2):
			lost.Store(child && killChild(r.Context(), c.Process.Pid))
		}
	})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	wantKilled(t, c.Wait(), fmt.Sprintf("request %d", n), &errs)
	shared.asked.Store(nil)
	if lost.Load() != child {
		t.Fatal("no decoding child was killed")
	}
}

// wantKilled fails the test when a program did not end by SIGKILL.
func wantKilled(t *testing.T, err error, where string, stderr fmt.Stringer) {
	t.Helper()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the program was to be killed at %s and ended with %v\n%s", where, err, stderr)
	}
}

// trainedHashes hashes the data and what training made of it, but for the files
// that tell how long it took.
func trainedHashes(t *testing.T, dir string) map[string]string {
	t.Helper()
	steps, err := filepath.Glob(filepath.Join(dir, "checkpoints", "step-*"))
	if err != nil || len(steps) == 0 {
		t.Fatalf("no checkpoint in %s: %v", dir, err)
	}
	last, err := filepath.Rel(dir, steps[len(steps)-1])
	if err != nil {
		t.Fatal(err)
	}
	sums := hashes(t, dir, append([]string{last, "checkpoints", "checkpoints/best", "evaluation"}, dataFolders...)...)
	for name := range sums {
		// These hold times.
		base := filepath.Base(name)
		if base == "metrics.jsonl" || base == "metrics.prom" || base == "state.json" || strings.Contains(base, ".tfevents.") {
			delete(sums, name)
		}
	}
	return sums
}

// killChild waits until the process has a decoding child, and kills that.
func killChild(ctx context.Context, pid int) (killed bool) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if child := childOf(pid); child > 0 && syscall.Kill(child, syscall.SIGKILL) == nil {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done(): // the process has ended, which its parent tells of
			return false
		}
	}
}

// childOf finds a process whose parent is pid; 0 when there is none.
func childOf(pid int) int {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	if err != nil {
		return 0
	}
	for _, path := range threads {
		list, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(list)), " ")
		if child, err := strconv.Atoi(first); err == nil {
			return child
		}
	}
	return 0
}
