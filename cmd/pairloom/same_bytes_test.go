package main

import (
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSameBytesForAnyNumberOfWorkers(t *testing.T) {
	site := newSite(t)
	var want map[string]string
	for _, workers := range []string{"1", "2", "8"} {
		values := testSettings(site)
		values["workers"] = workers
		values["crawl.workers"] = workers
		values["fetch.workers"] = workers
		values["fetch.decode_children"] = workers
		values["gate.connections_per_host"] = workers
		values["memory_mib"] = map[string]string{"1": "16", "2": "64", "8": "512"}[workers]
		dir := newFolder(t, values)
		must(t, "run", "-C", dir, "--to", "report")
		got := hashes(t, dir, dataFolders...)
		if want == nil {
			want = got
		}
		sameFiles(t, workers+" workers", got, want)
	}
}

// killsWanted is how many kills the test below deals: few in an ordinary run,
// as many as PAIRLOOM_KILLS says in a long one.
func killsWanted(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("PAIRLOOM_KILLS")); err == nil {
		return n
	}
	if testing.Short() {
		return 6
	}
	return 30
}

// TestKilledAtAnyMoment kills the real program with -9 at random moments of the
// whole road, or one of the children that decode pictures, and starts it again
// until it ends. The result must be that of a run that was never stopped.
func TestKilledAtAnyMoment(t *testing.T) {
	site := newSite(t)
	binary := build(t)
	start := func(dir string, stderr io.Writer) *exec.Cmd {
		c := exec.Command(binary, "run", "-C", dir)
		c.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
		c.Stderr = stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	whole := newFolder(t, testSettings(site))
	began := time.Now()
	var errs strings.Builder
	if err := start(whole, &errs).Wait(); err != nil {
		t.Fatalf("unbroken run: %v\n%s", err, errs.String())
	}
	duration := time.Since(began)
	want := trainedHashes(t, whole)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, an unbroken run takes %v", seed, duration.Round(time.Millisecond))
	r := rand.New(rand.NewPCG(seed, 0))
	killed, children, roads := 0, 0, 0
	for killed+children < killsWanted(t) {
		dir := newFolder(t, testSettings(site))
		roads++
		for {
			var errs strings.Builder
			c := start(dir, &errs)
			done := make(chan error, 1)
			go func() { done <- c.Wait() }()
			// One road in four loses a decoding child before the program.
			if roads%4 == 1 && children <= roads/4 && killChild(c.Process.Pid, done) {
				children++
			}
			// Most kills fall within the road; it gets shorter with each.
			timer := time.NewTimer(time.Duration(r.Float64() * 0.6 * float64(duration)))
			finished := false
			select {
			case err := <-done:
				if err != nil {
					t.Fatalf("seed %d: run failed after %d kills: %v\n%s", seed, killed, err, errs.String())
				}
				finished = true
			case <-timer.C:
				c.Process.Kill()
				<-done
				killed++
			}
			timer.Stop()
			if finished {
				break
			}
		}
		sameFiles(t, "road "+strconv.Itoa(roads), trainedHashes(t, dir), want)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if killed == 0 || children == 0 {
		t.Fatalf("seed %d: killed the program %d times and a child %d times; want both", seed, killed, children)
	}
	t.Logf("killed the program %d times and a decoding child %d times over %d roads", killed, children, roads)
}

// build makes the program as users have it, without the race detector, which
// would make each of many roads several times longer.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "pairloom")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
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
	sums := hashes(t, dir, append([]string{last, "checkpoints", "evaluation"}, dataFolders...)...)
	for name := range sums {
		// These hold times.
		base := filepath.Base(name)
		if base == "metrics.jsonl" || base == "metrics.prom" || base == "state.json" || strings.Contains(base, ".tfevents.") {
			delete(sums, name)
		}
	}
	return sums
}

// killChild waits for the process to start a decoding child and kills that; false
// when the process ended first, whose end is then put back into done.
func killChild(pid int, done chan error) bool {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			done <- err
			return false
		case <-tick.C:
			if child := childOf(pid); child > 0 {
				return syscall.Kill(child, syscall.SIGKILL) == nil
			}
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
