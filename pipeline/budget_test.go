package pipeline

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// A run that has used up its budget is unfinished, which is no fault; runs go on until
// the folder is that of a run without one.
func TestFetchKeepsToItsBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	unbroken := newPictureSite(t, sevenPaths...)
	unbroken.run()
	want := unbroken.disk()
	size := int64(len(unbroken.png(0)))
	for _, tt := range []struct {
		name     string
		set      func(*FetchOptions)
		runs     int // at least, until it is done; each gets something done but where time is up at once
		endless  bool
		stopText string
	}{
		{"bytes of two pictures", func(o *FetchOptions) { o.MaxBytes = size + 1 }, 2, false, `^fetch\.max_bytes of [0-9,]+ reached; \d of 7 pictures are kept; run again to go on$`},
		{"bytes of all", func(o *FetchOptions) { o.MaxBytes = 100 * size }, 1, false, ""},
		{"no time", func(o *FetchOptions) { o.MaxDuration = time.Nanosecond }, 2, true, `^stopped after 1ns; .*run again to go on$`},
		{"time enough", func(o *FetchOptions) { o.MaxDuration = time.Hour }, 1, false, ""},
	} {
		s := unbroken // one server: pictures are known by their addresses
		s.dir = t.TempDir()
		s.pairs(dayZero, sevenPaths...)
		options := s.options
		tt.set(&s.options)
		runs := 0
		for {
			runs++
			_, err := s.try()
			if err == nil {
				break
			}
			var stopped *StoppedError
			if !errors.As(err, &stopped) || !errors.Is(err, ErrTimeUp) || !regexp.MustCompile(tt.stopText).MatchString(err.Error()) {
				t.Fatalf("%s: %v, want %s", tt.name, err, tt.stopText)
			}
			if tt.endless {
				s.options = options
			} else if runs > 7 {
				t.Fatalf("%s: it does not come to its end", tt.name)
			}
		}
		s.options = options
		if runs < tt.runs || tt.runs == 1 && runs > 1 {
			t.Errorf("%s: it took %d runs", tt.name, runs)
		}
		if got := s.disk(); !maps.Equal(got, want) {
			t.Errorf("%s: files %v differ from %v", tt.name, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	}
}

// A host that asks to be left alone for longer than anyone waits is left alone by the
// runs that come until then.
func TestAShutHostIsLeftAlone(t *testing.T) {
	s := newPictureSite(t, "/a", "/b")
	s.options.Workers = 1
	s.set("/a", file{status: 503, later: "90000"})
	s.set("/b", file{status: 503, later: "90000"})
	if asked := s.run(); len(asked) != 1 {
		t.Errorf("it was asked for %v after it had asked to be left alone", asked)
	}
	s.set("/a", file{colour: 1})
	s.set("/b", file{colour: 2})
	s.now = s.now.Add(2 * time.Hour) // the pictures are due
	if asked := s.run(); len(asked) != 0 {
		t.Errorf("the next run asked for %v", asked)
	}
	for path, row := range s.rows() {
		if row.Status != gate.HostBusy || !strings.Contains(row.Detail, "Retry-After: 90000") {
			t.Errorf("%s: %q (%s)", path, row.Status, row.Detail)
		}
	}
	// By the machine's clock that time is over.
	path := filepath.Join(s.dir, shard.ImagesFolder, shutName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	past := regexp.MustCompile(`"until": "[^"]*"`).ReplaceAll(text, []byte(`"until": "2001-01-01T00:00:00Z"`))
	if err := atomicfile.WriteFile(path, past); err != nil {
		t.Fatal(err)
	}
	s.now = s.now.Add(4 * time.Hour)
	if asked := s.run(); len(asked) != 2 || s.statuses()["/a"] != "" {
		t.Errorf("when the time is over it asked for %v: %v", asked, s.statuses())
	}
	if exists(path) {
		t.Error("the host is still noted")
	}
}
