package frontier

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// contents is all that a folder holds: names, times and bytes.
func contents(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %v %v %x\n", e.Name(), info.ModTime(), info.Mode(), bytes)
	}
	return b.String()
}

// copyOf copies files that another process may have open, as a kill or a backup
// leaves them.
func copyOf(t *testing.T, path string, ends ...string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "crawl.db")
	for _, end := range ends {
		b, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// Whoever looks changes nothing, whatever state the files are in, and sees all
// that was committed.
func TestLookOnlyReads(t *testing.T) {
	crawled := func(t *testing.T) (*Frontier, string) {
		path := filepath.Join(t.TempDir(), "crawl.db")
		f := open(t, path)
		seed(t, f, page(1), page(2), page(3))
		l := lease(t, f, 0, 1, 0)
		commit(t, f, Result{Lease: l[0], Reason: "http_404", Status: 404, Fetched: 7})
		if err := f.SetSetting("scope", "here"); err != nil {
			t.Fatal(err)
		}
		return f, path
	}
	for _, tt := range []struct {
		name string
		path func(t *testing.T) string
	}{
		{"closed", func(t *testing.T) string { f, path := crawled(t); f.Close(); return path }},
		{"closed, with an empty log", func(t *testing.T) string {
			f, path := crawled(t)
			f.Close()
			if err := os.WriteFile(path+"-wal", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}},
		{"killed", func(t *testing.T) string { _, path := crawled(t); return copyOf(t, path, "", "-wal", "-shm") }},
		{"killed, copied without the log's index", func(t *testing.T) string { _, path := crawled(t); return copyOf(t, path, "", "-wal") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path(t)
			before := contents(t, filepath.Dir(path))
			checkLook(t, path)
			if contents(t, filepath.Dir(path)) != before {
				t.Error("the folder has changed")
			}
		})
	}
	t.Run("crawling", func(t *testing.T) {
		// Reading the files of a database that this process has open would end
		// its locks, so that the bytes are not compared here.
		_, path := crawled(t)
		checkLook(t, path)
	})
}

func checkLook(t *testing.T, path string) {
	t.Helper()
	c, err := ReadCounts(path)
	if err != nil || c.Pages != 3 || c.Dropped != 1 || c.Pending != 2 || !c.Running {
		t.Errorf("counts %+v, %v", c, err)
	}
	if scope, err := ReadSetting(path, "scope"); scope != "here" || err != nil {
		t.Errorf("setting %q, %v", scope, err)
	}
	if none, err := ReadSetting(path, "none"); none != "" || err != nil {
		t.Errorf("a setting that is not there: %q, %v", none, err)
	}
}

// While a crawl writes, each look gives some state that there was.
func TestLookWhileCrawling(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl.db")
	const batches, batch = 200, 50
	done := make(chan error)
	go func() {
		done <- func() error {
			f, _, err := Open(path, 1)
			if err != nil {
				return err
			}
			defer f.Close()
			for b := range batches {
				var links []Link
				for n := range batch {
					links = append(links, Link{URL: page(b*batch+n) + strings.Repeat("x", 200)})
				}
				if err := f.Seed(links); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	var last int64
	look := func() {
		t.Helper()
		c, err := ReadCounts(path)
		if err != nil && last > 0 {
			t.Fatal(err)
		}
		if c.Pages < last || c.Pages%batch != 0 {
			t.Fatalf("%d pages, after %d", c.Pages, last)
		}
		last = c.Pages
	}
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			if look(); last != batches*batch {
				t.Errorf("%d pages at the end, want %d", last, batches*batch)
			}
			return
		default:
			look()
		}
	}
}
