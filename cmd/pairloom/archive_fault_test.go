package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestArchivesThatCannotBeRead: each is named and left to be read again, the others
// are read, and the folder counts as finished when all are.
func TestArchivesThatCannotBeRead(t *testing.T) {
	good := writeArchives(t, 2)
	page := "<html><body>Log in</body></html>"
	for _, tt := range []struct {
		name string
		make func(path string) error
		code int
		says string
	}{
		{"a folder", func(path string) error { return os.Mkdir(path, 0o777) }, exitConfiguration, "is no file"},
		{"an error page", func(path string) error { return os.WriteFile(path, []byte(page), 0o666) }, exitError_, "not one record"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "bad.warc.gz")
			if err := tt.make(bad); err != nil {
				t.Fatal(err)
			}
			dir := newFolder(t, nil)
			args := append([]string{"crawl", "-C", dir, "--name", "test", "--archive", bad}, good...)
			code, _, stderr := pairloom(t, args...)
			if code != tt.code || !strings.Contains(stderr, "bad.warc.gz") || !strings.Contains(stderr, tt.says) || !strings.Contains(stderr, "1 of 4") {
				t.Errorf("exit %d, %s", code, stderr)
			}
			files := hashes(t, dir, archiveFolder)
			if parts(files) != 2 {
				t.Errorf("the others gave %v", files)
			}
			if _, err := os.Stat(filepath.Join(dir, archiveFolder, "_MANIFEST.json")); err == nil {
				t.Error("the folder counts as finished")
			}
			code, _, stderr = pairloom(t, "crawl", "-C", dir, "--archive", bad)
			if code != tt.code || strings.Contains(stderr, "the others") {
				t.Errorf("alone: exit %d, %s", code, stderr)
			}
		})
	}
}

// TestArchiveArguments: a pattern has a name, and what cannot be is said at once.
func TestArchiveArguments(t *testing.T) {
	good := writeArchives(t, 1)
	dir := newFolder(t, nil)
	must(t, "crawl", "-C", dir, "--archive", filepath.Join(filepath.Dir(good[0]), "*.warc.gz"))
	if parts(hashes(t, dir, "candidates/archive-pages-00")) != 1 {
		t.Error("a pattern has not the name of the first file that fits")
	}
	for _, tt := range []struct {
		says string
		args []string
	}{
		{"is empty", []string{"--archive", ""}},
		{"--archive-workers", []string{"--archive", good[0], "--archive-workers", "-1"}},
		{"--name", []string{"--archive", good[0], "--name", strings.Repeat("a", 300)}},
	} {
		if code, _, stderr := pairloom(t, append([]string{"crawl", "-C", dir}, tt.args...)...); code != exitConfiguration || !strings.Contains(stderr, tt.says) {
			t.Errorf("%v: exit %d, %s", tt.args, code, stderr)
		}
	}
}
