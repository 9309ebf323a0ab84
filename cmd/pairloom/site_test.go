package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pairloom/pairloom/query"
)

// shared is what tests use together: it is made when the first asks for it.
var shared struct {
	site  sync.Once
	url   string
	asked atomic.Pointer[func(*http.Request)]

	road sync.Once
	dir  string
	done bool
}

// newSite serves testdata/site on loopback until the last test has ended, and
// returns its address. All tests share it: pairs are known by their addresses,
// so that their bytes can be compared.
func newSite(t *testing.T) string {
	t.Helper()
	shared.site.Do(func() {
		files := http.FileServer(http.Dir("../../testdata/site"))
		shared.url = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked := shared.asked.Load(); asked != nil {
				(*asked)(r)
			}
			files.ServeHTTP(w, r)
		})).URL + "/"
	})
	return shared.url
}

// whenAsked calls f before the shared site answers a request, until the test
// ends.
func whenAsked(t *testing.T, f func(*http.Request)) {
	shared.asked.Store(&f)
	t.Cleanup(func() { shared.asked.Store(nil) })
}

// testSettings make a quick road of the small site: with few queries, few pairs,
// and yet several parts of each kind.
func testSettings(site string) map[string]string {
	values := demoValues(strings.TrimSuffix(strings.TrimPrefix(site, "http://"), "/"), "/index.html")
	values["crawl.part_candidates"] = "100"
	values["match.queries"] = listName
	values["match.part_pairs"] = "15"
	values["fetch.part_pictures"] = "10"
	values["shard.pairs"] = "20"
	values["filter.picture.max_aspect_ratio"] = "1.5" // some pictures are dropped
	values["train.model"] = "vit-nano"
	values["train.epochs"] = "4"
	values["train.batch"] = "16"
	values["train.vocabulary"] = "600"
	values["train.checkpoint_every"] = "5"
	values["train.validate_every"] = "4"
	return values
}

// newFolder makes a dataset's folder with a configuration, and a small query list
// in it.
func newFolder(t *testing.T, values map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeFolder(t, dir, values)
	return dir
}

func writeFolder(t *testing.T, dir string, values map[string]string) {
	t.Helper()
	if _, err := writeConfiguration(dir, values); err != nil {
		t.Fatal(err)
	}
	if err := writeSmallList(dir); err != nil {
		t.Fatal(err)
	}
}

// listName is the small query list in a dataset's folder.
const listName = "small.zst"

// writeSmallList writes a list of frequent words into dir: with the list that
// ships, nearly every text of a small site has a rare word that keeps it, and
// each process takes half a second to read it. testdata/script/road.txtar has
// that one.
func writeSmallList(dir string) error {
	var entries []query.Entry
	for _, word := range []string{"image", "images", "of", "the", "with", "and", "detection", "segmentation", "clustering", "comparison", "plot", "fox"} {
		entries = append(entries, query.Entry{Text: word, Source: "test", Count: 1})
	}
	return query.WriteFile(filepath.Join(dir, listName), nil, entries)
}

// unbroken is a folder in which the real program did the whole road without a
// break, with testSettings. It is for reading; finished makes a copy.
func unbroken(t *testing.T) string {
	t.Helper()
	site := newSite(t)
	shared.road.Do(func() {
		var err error
		if shared.dir, err = os.MkdirTemp("", "pairloom-unbroken-"); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(shared.dir, "road")
		writeFolder(t, dir, testSettings(site))
		c := program(t, "run", "-C", dir)
		c.Env = append(c.Env, momentsFile+"="+filepath.Join(shared.dir, "moments"))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("unbroken run: %v\n%s", err, out)
		}
		shared.done = true
	})
	if !shared.done {
		t.Fatal("another test shows why there is no unbroken run")
	}
	return filepath.Join(shared.dir, "road")
}

// finished is a folder of its own with the whole road done.
func finished(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "finished")
	if err := os.CopyFS(dir, os.DirFS(unbroken(t))); err != nil {
		t.Fatal(err)
	}
	return dir
}
