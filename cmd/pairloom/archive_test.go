package main

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/archive"
)

// writeArchives makes a folder of that many archives of some pages each, and one of
// a robots.txt that closes a part of them; it returns their paths.
func writeArchives(t *testing.T, files int) (paths []string) {
	t.Helper()
	folder := t.TempDir()
	write := func(name string, pages ...string) {
		w, err := archive.NewWriter(filepath.Join(folder, name), "test", func() time.Time { return time.Unix(1_700_000_000, 0) })
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			u, err := url.Parse("http://site.example" + p)
			if err != nil {
				t.Fatal(err)
			}
			body := fmt.Sprintf("<html lang=en><img src=\"%s.jpg\" alt=\"A picture of a dog at %s\"></html>", p, p)
			kind := "text/html"
			if p == "/robots.txt" {
				body, kind = "User-agent: *\nDisallow: /closed\n", "text/plain"
			}
			if err := w.Write(archive.Exchange{URL: u, Time: time.Unix(1_700_000_000, 0), Status: 200, Header: http.Header{"Content-Type": {kind}}, Body: []byte(body)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(filepath.Join(folder, name, "*.warc.gz"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%q, %v", found, err)
		}
		path := filepath.Join(folder, name+".warc.gz")
		if err := os.Rename(found[0], path); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for i := range files {
		write(fmt.Sprintf("pages-%02d", i), fmt.Sprintf("/open/%d", i), fmt.Sprintf("/open/%d-b", i), fmt.Sprintf("/closed/%d", i))
	}
	write("robots", "/robots.txt")
	return paths
}

const archiveFolder = "candidates/archive-test"

// TestArchives: archives give the same bytes whatever the number of workers and
// wherever they lie, obey the robots.txt among them, and the road goes on from there.
func TestArchives(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	paths := writeArchives(t, 4)
	dir := newFolder(t, nil)
	args := append([]string{"crawl", "-C", dir, "--name", "test", "--archive"}, paths...)
	out := must(t, args...)
	if !strings.Contains(out, "robots_disallowed 4") {
		t.Errorf("the summary is\n%s", out)
	}
	want := hashes(t, dir, archiveFolder)
	if n := parts(want); n != 4 || len(want) != 15 { // for each archive with pages, the manifest, and two notes an archive
		t.Errorf("%d parts, files %v", n, want)
	}

	second := newFolder(t, nil)
	must(t, append([]string{"crawl", "-C", second, "--name", "test", "--archive-workers", "1", "--archive"}, paths...)...)
	sameFiles(t, "one worker", hashes(t, second, archiveFolder), want)
	must(t, append([]string{"crawl", "-C", second, "--name", "test", "--archive"}, paths...)...)
	sameFiles(t, "once more", hashes(t, second, archiveFolder), want)

	// No seeds and no contact are needed for files; a whole run says how to go on.
	code, _, stderr := pairloom(t, "run", "-C", dir)
	if code != exitConfiguration || !strings.Contains(stderr, "--from match") || !strings.Contains(stderr, "archive-test") {
		t.Errorf("run without seeds: exit %d, %s", code, stderr)
	}
	if out := must(t, "match", "-C", dir); !strings.Contains(out, "8 candidates") {
		t.Errorf("match says\n%s", out)
	}
	must(t, "verify", "-C", dir)
}

// parts counts those among the files of a folder.
func parts(files map[string]string) (n int) {
	for name := range files {
		if strings.HasSuffix(name, ".arrow") {
			n++
		}
	}
	return n
}

// TestArchivesAgain: of a list that has changed under the same name only what is new
// in it, or has other rules now, is read. The result is that of a run over the whole list.
func TestArchivesAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of its rooms run their goroutines")
	}
	paths := writeArchives(t, 4)
	pages, robots := paths[:4], paths[4]
	again := newFolder(t, nil)
	crawl := func(dir string, list ...string) map[string]string {
		must(t, append([]string{"crawl", "-C", dir, "--name", "test", "--archive"}, list...)...)
		return hashes(t, dir, archiveFolder)
	}
	written := func() map[string]os.FileInfo { // a part that is written again is another file
		files := map[string]os.FileInfo{}
		found, err := filepath.Glob(filepath.Join(again, archiveFolder, "*.arrow"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if files[path], err = os.Stat(path); err != nil {
				t.Fatal(err)
			}
		}
		return files
	}
	last := map[string]os.FileInfo{}
	for _, tt := range []struct {
		name string
		list []string
		same int // parts that stay
	}{
		{"at first", []string{robots, pages[0], pages[1]}, 0},
		{"two more", []string{robots, pages[0], pages[1], pages[2], pages[3]}, 2},
		{"in another order, without one", []string{pages[3], pages[1], pages[0], robots}, 3},
		{"without the rules", []string{pages[3], pages[1], pages[0]}, 0},
		{"with them again", []string{pages[3], pages[1], pages[0], robots}, 0},
		{"unchanged", []string{pages[3], pages[1], pages[0], robots}, 3},
	} {
		got := crawl(again, tt.list...)
		sameFiles(t, tt.name, got, crawl(newFolder(t, nil), tt.list...))
		now, same := written(), 0
		for path, info := range now {
			if before := last[path]; before != nil && os.SameFile(before, info) && before.ModTime().Equal(info.ModTime()) {
				same++
			}
		}
		if same != tt.same {
			t.Errorf("%s: %d parts stay, want %d", tt.name, same, tt.same)
		}
		last = now
	}
}

// TestArchivesOverHTTP: a list of Common Crawl's form and a base address.
func TestArchivesOverHTTP(t *testing.T) {
	paths := writeArchives(t, 3)
	files := http.FileServer(http.Dir(filepath.Dir(paths[0])))
	server := httptest.NewServer(http.StripPrefix("/cc/crawl-data", files))
	defer server.Close()
	list := filepath.Join(t.TempDir(), "warc.paths.gz")
	f, err := os.Create(list)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	for _, p := range paths {
		fmt.Fprintln(z, "crawl-data/"+filepath.Base(p))
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	dir := newFolder(t, testSettings(server.URL))
	// Of archives that are not on disk only robotstxt folders are looked through.
	out := must(t, "crawl", "-C", dir, "--archive", list, "--base-url", server.URL+"/cc/")
	if !strings.Contains(out, "robots_txt 1") {
		t.Errorf("the summary is\n%s", out)
	}
	if got := hashes(t, dir, "candidates/archive-warc"); parts(got) != 3 {
		t.Errorf("files %v", got)
	}
	code, _, stderr := pairloom(t, "crawl", "-C", dir, "--archive", server.URL+"/cc/crawl-data/none.warc.gz", "--name", "none")
	if code == 0 || !strings.Contains(stderr, "none.warc.gz") || !strings.Contains(stderr, "404") {
		t.Errorf("a file that is not there: exit %d, %s", code, stderr)
	}
}

// TestArchivesKilledAtAnyMoment kills the real program with -9 at each moment at
// which a kill leaves the folder in another state. It is started again; the result
// must be that of a run that was never stopped.
func TestArchivesKilledAtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	paths := writeArchives(t, 16)
	run := func(dir string) []string {
		return append([]string{"crawl", "-C", dir, "--name", "test", "--archive"}, paths...)
	}
	dir := newFolder(t, nil)
	moments := filepath.Join(t.TempDir(), "moments")
	c := program(t, run(dir)...)
	c.Env = append(c.Env, momentsFile+"="+moments)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := hashes(t, dir, archiveFolder)
	text, err := os.ReadFile(moments)
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for path := range strings.Lines(string(text)) {
		if within(strings.TrimSpace(path), filepath.Join(dir, "candidates")) {
			all++
		}
	}
	if all < 100 {
		t.Fatalf("%d moments", all)
	}
	// In an ordinary run not all, but each kind; PAIRLOOM_KILLS asks for more.
	step := max(1, all/killsWanted(t))
	killed := 0
	for n := 1; n <= all; n += step {
		dir := newFolder(t, nil)
		at := fmt.Sprintf("%d %s", n, filepath.Join(dir, "candidates"))
		c := program(t, run(dir)...)
		c.Env = append(c.Env, killAt+"="+at)
		var errs strings.Builder
		c.Stderr = &errs
		wantKilled(t, c.Run(), "moment "+at, &errs)
		killed++
		must(t, run(dir)...)
		sameFiles(t, fmt.Sprintf("killed at moment %d", n), hashes(t, dir, archiveFolder), want)
	}
	t.Logf("killed %d times at %d moments", killed, all)
}
