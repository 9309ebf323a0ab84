package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

const listFixtures = "../../crawl/lists/testdata"

// servedLists are copies of the lists of crawl/lists whose addresses are those of a
// server that has their pictures; requests counts those for pictures.
func servedLists(t *testing.T) (folder string, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	files := http.FileServer(http.Dir(filepath.Join(listFixtures, "pictures")))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".png") {
			requests.Add(1)
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	if len(port) != len(":10000") { // it is put in at the same length
		t.Fatalf("the port %s has not five digits", port)
	}
	folder = t.TempDir()
	err := filepath.WalkDir(listFixtures, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(listFixtures, path)
		if err != nil || e.IsDir() {
			return os.MkdirAll(filepath.Join(folder, name), 0o777)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(folder, name), bytes.ReplaceAll(data, []byte(":10000"), []byte(port)), 0o666)
	})
	if err != nil {
		t.Fatal(err)
	}
	return folder, requests
}

// listSettings keep every pair that a list has.
var listSettings = map[string]string{"match.keep_without_query": "true", "match.queries": listName, "dedup.exact": "none"}

// TestListsToShards imports a list of each format and goes on to the shards, in a
// folder without seeds.
func TestListsToShards(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	folder, requests := servedLists(t)
	for _, tt := range []struct {
		list    string
		rows    int64
		pairs   int64 // in the shards
		fetched int64 // requests to the server, for which somebody must answer
	}{
		{"urls.txt", 6, 6, 6},
		{"laion.csv", 6, 6, 6},
		{"cc12m.tsv", 6, 6, 6},
		{"list.json", 6, 6, 6},
		{"list.jsonl", 6, 6, 6},
		{"laion.parquet", 6, 6, 6},
		{"laion.arrow", 6, 6, 6},
		{"web.tar", 9, 4, 0},
		{"i2d", 6, 6, 1},
		{"i2d-files", 6, 6, 1},
		{"i2d-parquet", 6, 6, 1},
		{"hf-embedded.parquet", 6, 5, 0},
		{"hf-paths.parquet", 5, 2, 0},
		{"imagefolder", 6, 4, 0},
		{"beside", 3, 2, 0},
	} {
		t.Run(tt.list, func(t *testing.T) {
			settings := map[string]string{"gate.allow_addresses": `["127.0.0.1"]`, "gate.delay": "0s"}
			for key, value := range listSettings {
				settings[key] = value
			}
			if tt.fetched > 0 {
				settings["gate.contact"] = "mailto:test@example.org"
			}
			dir := newFolder(t, settings)
			requests.Store(0)
			imported := summaryOf(t, must(t, "import", "-C", dir, filepath.Join(folder, tt.list), "--json"))["import"]
			if imported.In != tt.rows || imported.Kept != tt.pairs || imported.In != imported.Kept+imported.DroppedTotal() {
				t.Errorf("imported %+v, want %d of %d rows", imported.Tally, tt.pairs, tt.rows)
			}
			road := summaryOf(t, must(t, "run", "-C", dir, "--from", "match", "--to", "shard", "--json"))
			if kept := road["shard"].Kept; kept != tt.pairs {
				t.Errorf("%d pairs in the shards, want %d: %+v", kept, tt.pairs, road)
			}
			if n := requests.Load(); n != tt.fetched {
				t.Errorf("%d requests for pictures, want %d", n, tt.fetched)
			}
			must(t, "verify", "-C", dir)
		})
	}
}

// TestImportedPictures: what explain says of a picture of a list, and what becomes of
// one whose file is gone.
func TestImportedPictures(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	folder, _ := servedLists(t)
	dir := newFolder(t, listSettings)
	must(t, "import", "-C", dir, filepath.Join(folder, "web.tar"), "--name", "web")
	must(t, "run", "-C", dir, "--from", "match", "--to", "shard")
	out := must(t, "explain", "-C", dir, "list:web/web/train/s0")
	for _, want := range []string{"picture: fetched; png, 96 x 80 pixels", `"a red square on grey" (list)`, "from web.tar/train/s0", "kept: shards/"} {
		if !strings.Contains(out, want) {
			t.Errorf("explain lacks %q:\n%s", want, out)
		}
	}

	gone := newFolder(t, listSettings)
	tar := filepath.Join(folder, "web.tar")
	must(t, "import", "-C", gone, tar)
	if err := os.Rename(tar, tar+".away"); err != nil {
		t.Fatal(err)
	}
	must(t, "match", "-C", gone)
	code, out, _ := pairloom(t, "fetch", "-C", gone, "--json")
	if code != exitPartial || summaryOf(t, out)["fetch"].Dropped["picture_gone"] != 4 {
		t.Errorf("exit %d, %s", code, out)
	}
	if out := must(t, "explain", "-C", gone, "list:web/web/train/s0"); !strings.Contains(out, "put it back and run pairloom fetch --retry") {
		t.Errorf("explain says\n%s", out)
	}
	moved := filepath.Join(t.TempDir(), "web.tar")
	if err := os.Rename(tar+".away", moved); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "-C", gone, moved)
	must(t, "match", "-C", gone)
	if kept := summaryOf(t, must(t, "fetch", "-C", gone, "--retry", "--json"))["fetch"].Kept; kept != 4 {
		t.Errorf("%d pictures once the list was imported from where it is, want 4", kept)
	}
	code, _, stderr := pairloom(t, "run", "-C", gone)
	if code != exitConfiguration || !strings.Contains(stderr, "--from match") || !strings.Contains(stderr, "list-web") {
		t.Errorf("run without seeds: exit %d, %s", code, stderr)
	}
}

// TestImportAgain: the same bytes for any number of workers, again, and after a kill at
// moments at which the folder changes. One bad file is named, and the others are done.
func TestImportAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	folder, _ := servedLists(t)
	args := []string{"import", "--name", "x"}
	for _, list := range []string{"laion.csv", "i2d", "hf-embedded.parquet"} {
		args = append(args, filepath.Join(folder, list))
	}
	in := func(dir string, more ...string) []string {
		return append(append([]string{args[0], "-C", dir}, args[1:]...), more...)
	}
	dir := newFolder(t, listSettings)
	must(t, in(dir)...)
	const produced = "candidates/list-x"
	want := hashes(t, dir, produced)
	if n := parts(want); n != 3 {
		t.Errorf("%d parts in %v", n, want)
	}
	must(t, in(dir)...)
	sameFiles(t, "once more", hashes(t, dir, produced), want)
	one := newFolder(t, listSettings)
	must(t, in(one, "--workers", "1")...)
	sameFiles(t, "one worker", hashes(t, one, produced), want)

	kills := 0
	for n := 1; ; n += 3 {
		dir := newFolder(t, listSettings)
		c := program(t, in(dir, "--workers", "1")...)
		c.Env = append(c.Env, fmt.Sprintf("%s=%d %s", killAt, n, filepath.Join(dir, produced)))
		err := c.Run()
		if err == nil {
			break
		}
		if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
			t.Fatalf("moment %d: %v", n, err)
		}
		kills++
		must(t, in(dir)...)
		sameFiles(t, fmt.Sprintf("killed at moment %d", n), hashes(t, dir, produced), want)
	}
	if kills < 3 {
		t.Errorf("only %d kills", kills)
	}

	bad := filepath.Join(folder, "bad.parquet")
	if err := os.WriteFile(bad, []byte("PAR1 and no more"), 0o666); err != nil {
		t.Fatal(err)
	}
	broken := newFolder(t, listSettings)
	code, out, stderr := pairloom(t, in(broken, bad, "--json")...)
	if code != exitError_ || !strings.Contains(out, bad) || !strings.Contains(out, "1 of 4 files cannot be read") {
		t.Errorf("exit %d, %s%s", code, out, stderr)
	}
	must(t, in(broken)...)
	sameFiles(t, "without the bad file", hashes(t, broken, produced), want)
}
