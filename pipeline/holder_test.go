package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// look tells what the folder says of its holder.
func look(t *testing.T, dir string) string {
	t.Helper()
	h, known, err := LookAtHolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !known {
		return "unknown"
	}
	return h.State + ": " + h.String()
}

// TestHolder follows a command through its stages, by what others read of it.
func TestHolder(t *testing.T) {
	pid := os.Getpid()
	for _, tt := range []struct {
		name string
		do   func(*Lock) // what the command does before somebody looks
		want string      // SINCE, PID and NOW stand for what changes
	}{
		{"it has begun", func(*Lock) {}, "running: process PID (pairloom run, since SINCE)"},
		{"at a stage", func(l *Lock) { l.Begin("fetch", "fetching pictures", "pictures", 3, 9) }, "running: process PID (pairloom run, since SINCE) is at fetch (stage 3 of 9)"},
		{"the end of it is not known", func(l *Lock) { l.Begin("crawl", "reading pages", "pages", 1, 1); told(l, 1200, 0) }, "running: process PID (pairloom run, since SINCE) is at crawl, 1,200 pages"},
		{"at a pace", func(l *Lock) {
			l.Begin("fetch", "fetching pictures", "pictures", 1, 1)
			told(l, 1000, 5000) // there before
			l.now.Began = l.now.Began.Add(-time.Hour)
			told(l, 3000, 5000)
		}, "running: process PID (pairloom run, since SINCE) is at fetch, 3,000 of 5,000 pictures, about 1h left"},
		{"killed", func(l *Lock) { l.Begin("fetch", "", "pictures", 1, 1); told(l, 1234, 5000); l.Release() },
			"killed: pairloom run of SINCE was killed in fetch, 1,234 of 5,000 pictures; run again to go on"},
		{"killed between stages", func(l *Lock) { l.Release() }, "killed: pairloom run of SINCE was killed; run again to go on"},
		{"ended", func(l *Lock) { l.Begin("fetch", "", "pictures", 1, 1); l.End("", 0); l.Release() }, "ended: pairloom run of SINCE ended at NOW with exit code 0"},
		{"stopped", func(l *Lock) { l.End("fetch: terminated; run again to go on", 143); l.Release() },
			"ended: pairloom run of SINCE ended at NOW with exit code 143: fetch: terminated; run again to go on"},
		{"a long outcome", func(l *Lock) { l.End(strings.Repeat("é", 600), 1); l.Release() },
			"ended: pairloom run of SINCE ended at NOW with exit code 1: " + strings.Repeat("é", 512) + "..."},
		{"an outcome of control bytes", func(l *Lock) { l.End(strings.Repeat("\x01", 900), 1); l.Release() },
			"ended: pairloom run of SINCE ended at NOW with exit code 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := Acquire(dir, "run")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release()
			l.now.Since = time.Unix(1e9, 0)
			if err := l.write(); err != nil {
				t.Fatal(err)
			}
			tt.do(l)
			want := strings.NewReplacer("PID", strconv.Itoa(pid), "SINCE", "2001-09-09T01:46:40Z", "NOW", l.now.Ended.Format(time.RFC3339)).Replace(tt.want)
			if got := look(t, dir); got != want {
				t.Errorf("it says\n%s, want\n%s", got, want)
			}
		})
	}
}

// told tells at once, whenever it was told before.
func told(l *Lock, done, total int64) {
	l.wrote = time.Time{}
	l.Tell(done, total)
}

// TestHolderOfOtherVersions reads files that this version did not write.
func TestHolderOfOtherVersions(t *testing.T) {
	for name, tt := range map[string]struct {
		text   *string // of the file; nil for none
		locked bool
		want   string
	}{
		"no lock":              {nil, false, "unknown"},
		"empty":                {new(""), false, "unknown"},
		"0.1":                  {new("process 7 (pairloom run, since 2026-01-01T00:00:00Z)\n"), false, "unknown"},
		"0.1, at work":         {new("process 7 (pairloom run, since 2026-01-01T00:00:00Z)\n"), true, "running: a command of another version of pairloom"},
		"half a record":        {new(`{"command":"run","pi`), false, "unknown"},
		"zeros, after a crash": {new(strings.Repeat("\x00", 2048)), false, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, lockName)
			if tt.text != nil {
				if err := os.WriteFile(path, []byte(*tt.text), 0o444); err != nil {
					t.Fatal(err)
				}
			}
			if tt.locked {
				f, err := os.Open(path)
				if err == nil {
					err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
				}
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				var locked *LockedError
				if _, err := Acquire(dir, "match"); !errors.As(err, &locked) || !strings.Contains(err.Error(), "is in use by a command of another version of pairloom; wait") {
					t.Errorf("a second lock: %v", err)
				}
			}
			if got := look(t, dir); got != tt.want {
				t.Errorf("it says %q, want %q", got, tt.want)
			}
		})
	}
}

// TestLookingKeepsNobodyOut acquires a lock while somebody looks at the holder.
func TestLookingKeepsNobodyOut(t *testing.T) {
	dir := t.TempDir()
	acquired(t, dir)
	f, err := os.Open(filepath.Join(dir, lockName))
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_SH)
	}
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { // in whose time the waits of Acquire pass
		go func() {
			<-time.After(50 * time.Millisecond)
			f.Close()
		}()
		acquired(t, dir)
	})
}
