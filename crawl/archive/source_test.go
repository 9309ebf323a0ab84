package archive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSources: what arguments name, in order, each once.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.warc.gz": gz(page(one)), "b.warc.gz": "broken from its first byte", "c.wat": "", "d": page(two), "e.arc": "",
		"list": "a.warc.gz\n# a comment\n\n  ../" + filepath.Base(dir) + "/d\n*.wat\n", "warc.paths.gz": gz("crawl-data/x/1.warc.gz\ncrawl-data/x/2.warc.gz\n"), "empty.txt": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
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
