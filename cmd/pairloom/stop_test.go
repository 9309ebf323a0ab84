package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// TestTerminatedWhileFetching sends SIGTERM to the real program while it waits for
// pictures: it says what is kept, has it on the disk, and the next run asks only for
// the rest and ends with the bytes of an unbroken one.
func TestTerminatedWhileFetching(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program")
	}
	want := hashes(t, unbroken(t), "images")
	settings := testSettings(newSite(t))
	settings["fetch.workers"] = "1"
	dir := newFolder(t, settings)
	must(t, "run", "-C", dir, "--to", "match")
	c := program(t, "fetch", "-C", dir)
	errs := &heard{word: "finishing what is in hand", said: make(chan struct{})}
	c.Stderr = errs
	started := make(chan struct{})
	var asked atomic.Int64
	whenAsked(t, func(r *http.Request) {
		<-started
		if isPicture(r.URL.Path) && asked.Add(1) == 26 { // six of the third part of ten
			c.Process.Signal(syscall.SIGTERM)
			c.Process.Signal(syscall.SIGTERM) // as timeout(1) does: to the program and to its group
			<-errs.said
		}
	})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 143 || !strings.Contains(errs.String(), "terminated; 26 of ") || !strings.Contains(errs.String(), "pictures are kept; run again to go on") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "images", "hand-00000.arrow")); err != nil {
		t.Error(err)
	}
	before := asked.Load()
	must(t, "fetch", "-C", dir)
	got := hashes(t, dir, "images")
	sameFiles(t, "terminated and run again", got, want)
	if again, pictures := asked.Load()-before, int64(manifestOf(t, dir, "images").Rows()); again > pictures-26 {
		t.Errorf("the second run asked for %d pictures of %d, though 26 were kept", again, pictures)
	}
}

// heard is a log that tells when a word is in it.
type heard struct {
	strings.Builder
	word string
	said chan struct{}
	once sync.Once
}

func (h *heard) Write(p []byte) (int, error) {
	h.Builder.Write(p)
	if strings.Contains(h.String(), h.word) {
		h.once.Do(func() { close(h.said) })
	}
	return len(p), nil
}
