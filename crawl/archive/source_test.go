package archive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSources: what arguments name, in order, each once.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.warc.gz": gz(page(one)), "b.warc.gz": "broken from its first byte", "c.wat": "", "d": page(two), "e.arc": "",
		"list": "a.warc.gz\n# a comment\n\n  ../" + filepath.Base(dir) + "/d\n*.wat\n", "warc.paths.gz": gz("crawl-data/x/1.warc.gz\ncrawl-data/x/2.warc.gz\n"), "empty.txt": "",
		"self": "d\nself\n", "there": "back\n", "back": "there\n", "again": "inner\ninner\nd\n", "inner": "a.warc.gz\n",
		"cc": "x/1.warc.gz\n/x/1.warc.gz\n./x/1.warc.gz\nx/y/../1.warc.gz\n../../x/1.warc.gz\nx//1.warc.gz\n", "odd": "folder\nd\n",
		"deep0": "deep1\n", "deep1": "deep2\n", "deep2": "deep3\n", "deep3": "deep4\n", "deep4": "deep5\n", "deep5": "deep6\n", "deep6": "deep7\n", "deep7": "deep8\n", "deep8": "d\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, pipe := range []string{"pipe", "pipe.arc"} {
		if err := syscall.Mkfifo(filepath.Join(dir, pipe), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// Each way through these doubles the work of one that reads a list again.
	for i := range maxListDepth - 1 {
		next := fmt.Sprintf("wide%d\n", i+1)
		if i == maxListDepth-2 {
			next = "d\n"
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("wide%d", i)), []byte(strings.Repeat(next, 100)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, args, stdin, base, want string
	}{
		{"files", "b.warc.gz a.warc.gz d", "", "", "b.warc.gz a.warc.gz d"},
		{"a pattern", "*.warc.gz", "", "", "a.warc.gz b.warc.gz"},
		{"a list, relative to itself", "list", "", "", "a.warc.gz d c.wat"},
		{"each once", "a.warc.gz list a.warc.gz", "", "", "a.warc.gz d c.wat"},
		{"stdin", "-", "DIR/a.warc.gz\nDIR/e.arc\n", "", "a.warc.gz e.arc"},
		{"Common Crawl's list", "warc.paths.gz", "", "http://127.0.0.1:8/cc", "http://127.0.0.1:8/cc/crawl-data/x/1.warc.gz http://127.0.0.1:8/cc/crawl-data/x/2.warc.gz"},
		{"an address", "http://127.0.0.1:8/x.warc.gz", "", "", "http://127.0.0.1:8/x.warc.gz"},
		{"a list without its base", "warc.paths.gz", "", "", "! name the address they lie under"},
		{"no such file", "nothing.warc.gz", "", "", "! nothing.warc.gz"},
		{"no file fits", "*.zip", "", "", "! no file fits the pattern"},
		{"a base that is none", "warc.paths.gz", "", "ftp://x/", "! must be a whole http or https address"},
		{"nothing", "-", "\n", "", "! no archive is named"},
		{"a list that names itself", "self", "", "", "! is named by itself"},
		{"two lists that name each other", "there", "", "", "! is named by itself, or by a list that it names"},
		{"a list named twice", "again inner", "", "", "a.warc.gz d"},
		{"lists that each name the next a hundred times", "wide0", "", "", "d"},
		{"lists within lists", "deep1", "", "", "d"},
		{"too many lists within lists", "deep0", "", "", "! deep8 lies within 8 others"},
		{"one address for a file", "cc", "", "http://127.0.0.1:8/cc", "http://127.0.0.1:8/cc/x/1.warc.gz http://127.0.0.1:8/cc/x//1.warc.gz"},
		{"a folder is told when it is read", "folder d", "", "", "folder d"},
		{"a pipe too", "pipe pipe.arc", "", "", "pipe pipe.arc"},
		{"in a list as well", "odd", "", "", "folder d"},
		{"an archive on stdin", "-", page(one), "", "! stdin is an archive, not a list"},
		{"a packed archive on stdin", "-", gz(page(one)), "", "! stdin is an archive, not a list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var args []string
			for _, a := range strings.Fields(test.args) {
				if a != "-" && !isAddress(a) {
					a = filepath.Join(dir, a)
				}
				args = append(args, a)
			}
			sources, err := Sources(args, strings.NewReader(strings.ReplaceAll(test.stdin, "DIR", dir)), test.base)
			if want, bad := strings.CutPrefix(test.want, "! "); bad {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("got %v, want an error that says %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range sources {
				got = append(got, strings.TrimPrefix(s.String(), dir+"/"))
			}
			wantList(t, "sources", got, strings.Fields(test.want)...)
		})
	}
}

// TestNoFile: what is no file is not opened, for it might never answer.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.warc.gz")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, dir, os.DevNull} {
		s := Source{Path: name}
		if _, err := s.Fingerprint(); !errors.Is(err, ErrNoFile) || !strings.Contains(err.Error(), name) {
			t.Errorf("Fingerprint of %s: %v", name, err)
		}
		if in, _, err := s.Open(t.Context(), nil); !errors.Is(err, ErrNoFile) {
			in.Close()
			t.Errorf("Open %s: %v", name, err)
		}
	}
	if _, err := Sources([]string{""}, nil, ""); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty name: %v", err)
	}
}
