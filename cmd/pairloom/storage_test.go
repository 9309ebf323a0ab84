package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pairloom/pairloom/pipeline"
)

func TestDiskFullLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	site := newSite(t)
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("mounting a small tmpfs needs root")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(mount, syscall.MNT_DETACH) })
	writeFolder(t, mount, testSettings(site))
	code, _, stderr := pairloom(t, "run", "-C", mount, "--to", "shard")
	if code != exitStorage || !strings.Contains(stderr, "no space left on device") {
		t.Fatalf("exit %d, want %d and the cause:\n%s", code, exitStorage, stderr)
	}
	if err := syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	must(t, "run", "-C", mount)
	sameFiles(t, "after a full disk", trainedHashes(t, mount), trainedHashes(t, unbroken(t)))
}

func TestFolderNotWritable(t *testing.T) {
	dir := newFolder(t, testSettings("http://127.0.0.1:1/"))
	if err := syscall.Mount(dir, dir, "", syscall.MS_BIND, ""); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("mounting a folder read-only needs root")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := pairloom(t, "run", "-C", dir)
	if code != exitStorage || !strings.Contains(stderr, "the folder must be writable") {
		t.Errorf("exit %d, want %d and the cure:\n%s", code, exitStorage, stderr)
	}
}

// slowSite answers the first page and lets every picture hang, until the test
// ends; began is closed by the first request for a picture.
func slowSite(t *testing.T) (site string, began chan struct{}) {
	began = make(chan struct{})
	var once atomic.Bool
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/index.html":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<img src="fox.png" alt="a red fox in the snow">`)
		case "/fox.png":
			if once.CompareAndSwap(false, true) {
				close(began)
			}
			<-end
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(func() { close(end); s.Close() })
	return s.URL + "/", began
}

func TestLockHeldByAnotherRun(t *testing.T) {
	site, began := slowSite(t)
	dir := newFolder(t, testSettings(site))
	first := program(t, "run", "-C", dir)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	<-began
	code, _, stderr := pairloom(t, "match", "-C", dir)
	if want := fmt.Sprintf("in use by process %d (pairloom run", first.Process.Pid); code != exitLocked || !strings.Contains(stderr, want) {
		t.Errorf("exit %d, want %d and the words %q:\n%s", code, exitLocked, want, stderr)
	}
	first.Process.Kill()
	first.Wait()
	if code, _, stderr := pairloom(t, "match", "-C", dir); code != 0 {
		t.Errorf("the lock outlives its holder: exit %d\n%s", code, stderr)
	}
}

// signalled sends a signal and waits until the program has said that it finishes
// what is in hand.
func signalled(t *testing.T, c *exec.Cmd, stderr *bufio.Scanner, s os.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	for stderr.Scan() {
		if strings.Contains(stderr.Text(), "once more to stop now") {
			return
		}
	}
	t.Fatalf("the program did not answer %v", s)
}

// started starts a program, which is killed after five minutes, and reads its stderr.
func started(t *testing.T, c *exec.Cmd) *bufio.Scanner {
	t.Helper()
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(5*time.Minute, func() { c.Process.Kill() })
	t.Cleanup(func() { limit.Stop(); c.Process.Kill(); c.Wait() })
	return bufio.NewScanner(stderr)
}

// ended reads the rest of stderr and returns the exit code.
func ended(c *exec.Cmd, stderr *bufio.Scanner) int {
	for stderr.Scan() {
	}
	c.Wait()
	return c.ProcessState.ExitCode()
}

// TestSignalOnce interrupts a run whose pictures hang: it saves and ends.
func TestSignalOnce(t *testing.T) {
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupt, syscall.SIGTERM: exitTerminate} {
		t.Run(s.String(), func(t *testing.T) {
			site, began := slowSite(t)
			dir := newFolder(t, testSettings(site))
			c := program(t, "run", "-C", dir)
			stderr := started(t, c)
			<-began
			signalled(t, c, stderr, s)
			if code := ended(c, stderr); code != want {
				t.Errorf("exit %d, want %d", code, want)
			}
			// The crawl was finished and saved before the signal came.
			if _, stdout, _ := pairloom(t, "status", "-C", dir); !strings.Contains(stdout, "crawl   finished") {
				t.Errorf("status after the signal:\n%s", stdout)
			}
		})
	}
}

// signalAgain signals a program until it has ended, or the caller says stop: what
// comes right after a first signal counts as that one.
func signalAgain(c *exec.Cmd, s os.Signal) (stop func()) {
	ticks, done := time.NewTicker(oneSignal), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-ticks.C:
				c.Process.Signal(s) // an error where it has ended
			}
		}
	}()
	return func() { ticks.Stop(); close(done) }
}

// TestSignalWithWorkInHand signals a program that reads from a pipe and cannot
// end while the test holds the pipe open. After one signal it goes on; only a
// second one ends it before its work.
func TestSignalWithWorkInHand(t *testing.T) {
	for _, tt := range []struct {
		name    string
		signals []syscall.Signal
		want    int
		made    bool
	}{
		{"once", []syscall.Signal{syscall.SIGINT}, exitDone, true},
		{"terminated once", []syscall.Signal{syscall.SIGTERM}, exitDone, true},
		{"twice", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, exitInterrupt, false},
		{"terminated twice", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, exitTerminate, false},
		{"interrupted, then terminated", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, exitTerminate, false},
		{"terminated, then interrupted", []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, exitInterrupt, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pipe, list := filepath.Join(t.TempDir(), "pipe"), filepath.Join(t.TempDir(), "list.zst")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			c := program(t, "queries", "from-lines", pipe, "--out", list)
			stderr := started(t, c)
			w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits until the program reads
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			signalled(t, c, stderr, tt.signals[0])
			if len(tt.signals) == 1 {
				if _, err := w.WriteString("red fox\n"); err != nil {
					t.Fatal(err)
				}
				w.Close()
			} else {
				defer signalAgain(c, tt.signals[1])()
			}
			if code := ended(c, stderr); code != tt.want {
				t.Errorf("exit %d, want %d", code, tt.want)
			}
			if _, err := os.Stat(list); tt.made != (err == nil) {
				t.Errorf("the list was made: %v, want %v", err == nil, tt.made)
			}
		})
	}
}

// TestInterruptedRunGoesOn interrupts a run that waits for a picture of its third
// part.
func TestInterruptedRunGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir := newFolder(t, testSettings(newSite(t)))
	waits, answer := make(chan struct{}), make(chan struct{})
	var asked atomic.Int64
	whenAsked(t, func(r *http.Request) {
		if isPicture(r.URL.Path) && asked.Add(1) == 25 {
			close(waits)
			<-answer
		}
	})
	c := program(t, "run", "-C", dir)
	stderr := started(t, c)
	<-waits
	signalled(t, c, stderr, os.Interrupt)
	close(answer)
	if code := ended(c, stderr); code != exitInterrupt {
		t.Errorf("exit %d, want %d", code, exitInterrupt)
	}
	must(t, "run", "-C", dir)
	sameFiles(t, "after Ctrl-C", trainedHashes(t, dir), trainedHashes(t, unbroken(t)))
}

func TestTruncatedPartIsNamedAndRebuilt(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	dir := finished(t)
	want := hashes(t, dir, dataFolders...)
	for folder, next := range map[string]string{"candidates/crawl": "match", "matched": "fetch", "images": "curate", "selection": "shard", "shards": "report"} {
		parts, err := filepath.Glob(filepath.Join(dir, folder, "[a-z]*.arrow")) // not the indexes of shards, which the next growth makes again
		if err != nil || len(parts) == 0 {
			t.Fatalf("no parts in %s", folder)
		}
		if err := os.Truncate(parts[0], 300); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := pairloom(t, next, "-C", dir)
		if code != exitStorage || !strings.Contains(stderr, parts[0]) || !strings.Contains(stderr, "delete it and run pairloom ") {
			t.Errorf("%s: exit %d, want %d, path and cure:\n%s", folder, code, exitStorage, stderr)
		}
		must(t, "run", "-C", dir, "--to", "report")
		sameFiles(t, folder+" rebuilt", hashes(t, dir, dataFolders...), want)
	}
}

// A stage that ends with an error leaves what an earlier run made.
func TestShardsStayWhenNewOnesFail(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	dir := finished(t)
	want := hashes(t, dir, "shards")
	config := filepath.Join(dir, "pairloom.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	images, err := filepath.Glob(filepath.Join(dir, "images", "*.arrow"))
	if err != nil || len(images) == 0 {
		t.Fatal("no pictures")
	}
	image, err := os.ReadFile(images[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		before func()
		code   int
		want   string
	}{
		{"a damaged picture", func() {
			damaged := bytes.Clone(image)
			damaged[len(damaged)/2] ^= 1
			os.WriteFile(images[0], damaged, 0o644)
			os.WriteFile(config, bytes.Replace(text, []byte("  pairs: 20"), []byte("  pairs: 7"), 1), 0o644)
		}, exitStorage, "checksum of batch"},
		{"a selection of other pairs", func() {
			os.WriteFile(images[0], image, 0o644)
			os.WriteFile(config, bytes.Replace(text, []byte("min_words: 2"), []byte("min_words: 3"), 1), 0o644)
			must(t, "match", "-C", dir)
		}, exitConfiguration, "run pairloom curate"},
	} {
		tt.before()
		code, _, stderr := pairloom(t, "shard", "-C", dir)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d, want %d and %q:\n%s", tt.name, code, tt.code, tt.want, stderr)
		}
		sameFiles(t, tt.name, hashes(t, dir, "shards"), want)
	}
	// With the old settings the road ends as it did.
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "run", "-C", dir, "--to", "shard")
	sameFiles(t, "mended", hashes(t, dir, "shards"), want)
	if left, _ := os.ReadDir(filepath.Join(dir, "shards", "next")); len(left) > 0 {
		t.Errorf("left in shards/next: %v", left)
	}
}

// hostileSite serves pictures and pages that misbehave; each path is one way.
func hostileSite(t *testing.T) string {
	png := func() []byte {
		data, err := os.ReadFile("testdata/fox.png")
		if err != nil {
			t.Fatal(err)
		}
		return data
	}()
	lying := append([]byte{}, png...)
	copy(lying[16:24], []byte{0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff}) // IHDR width and height, and its checksum
	binary.BigEndian.PutUint32(lying[29:], crc32.ChecksumIEEE(lying[12:29]))
	pictures := []string{"good.png", "empty.png", "cut.png", "lying.png", "hang.png", "reset.png", "loop.png", "endless.png", "noise.png", "gone.png", "page.png"}
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		switch strings.TrimPrefix(r.URL.Path, "/") {
		case "index.html":
			w.Header().Set("Content-Type", "text/html")
			for i, p := range pictures {
				fmt.Fprintf(w, "<img src=%q alt='a red fox in picture %d'>", p, i)
			}
			fmt.Fprint(w, `<a href="noise.html">noise</a> <a href="hang.html">hang</a> <a href="loop.html">loop</a> <a href="reset.html">reset</a> <a href="endless.html">endless</a>`)
		case "good.png":
			w.Write(png)
		case "cut.png":
			w.Write(png[:len(png)/2])
		case "lying.png":
			w.Write(lying)
		case "empty.png":
		case "noise.png", "noise.html":
			w.Header().Set("Content-Type", "text/html")
			noise := make([]byte, 100_000)
			x := uint32(1)
			for i := range noise {
				x = x*1664525 + 1013904223
				noise[i] = byte(x >> 24)
			}
			w.Write(noise)
		case "hang.png", "hang.html":
			select {
			case <-end:
			case <-r.Context().Done():
			}
		case "reset.png", "reset.html":
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		case "loop.png", "loop.html":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		case "endless.png", "endless.html":
			w.Header().Set("Content-Type", "text/html")
			block := []byte(strings.Repeat("<p>more of the same", 5000))
			for {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		case "page.png":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>not found, but 200</html>")
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(func() { close(end); s.Close() })
	return s.URL + "/"
}

func TestHostileSiteIsCounted(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	values := testSettings(hostileSite(t))
	values["gate.total_timeout"] = "20s" // enough for what does not hang, on any machine
	values["gate.header_timeout"] = "4s"
	values["gate.retries"] = "0"
	values["crawl.attempts"] = "1"
	dir := newFolder(t, values)
	stages := summaryOf(t, must(t, "run", "-C", dir, "--to", "curate", "--json"))
	crawl, fetch := stages[pipeline.CrawlName], stages[pipeline.FetchName]
	for _, reason := range []string{"timeout", "redirect_loop", "connection_reset"} {
		if crawl.Dropped[reason] != 1 {
			t.Errorf("crawl drops %d pages for %s, want 1; all: %v", crawl.Dropped[reason], reason, crawl.Dropped)
		}
	}
	if fetch.In != 11 || fetch.Kept != 1 {
		t.Errorf("fetch: in %d, kept %d; want 11 and 1: %v", fetch.In, fetch.Kept, fetch.Dropped)
	}
	for _, reason := range []string{"timeout", "redirect_loop", "connection_reset", "http_404", "too_large", "picture_empty", "picture_truncated_or_corrupt", "picture_too_many_pixels"} {
		if fetch.Dropped[reason] < 1 {
			t.Errorf("fetch drops nothing for %s; all: %v", reason, fetch.Dropped)
		}
	}
}
