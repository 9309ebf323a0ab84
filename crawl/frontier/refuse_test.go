package frontier

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestRefuse holds that what is refused is taken out of the file, byte for byte, and what
// else there is stays; and that ReadCandidates sees what Candidates does.
func TestRefuse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl.db")
	f := open(t, path)
	seed(t, f, page(1), page(2))
	texts := map[string][]shard.Candidate{}
	var results []Result
	for _, l := range lease(t, f, 0, 2, 0) {
		c := shard.Candidate{ImageURL: l.URL + "/a.jpg", Text: strings.Repeat("a long text about "+l.URL+" ", 40), TextSource: "alt"}
		other := c
		other.ImageURL, other.Text = l.URL+"/b.jpg", "another"
		texts[l.URL] = []shard.Candidate{c, other}
		results = append(results, Result{Lease: l, Fetched: 7, ETag: "e", Candidates: texts[l.URL]})
	}
	commit(t, f, results...)
	f.Close()
	onDisk := func(data []byte) bool {
		for _, name := range []string{path, path + "-wal"} {
			file, err := os.ReadFile(name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if bytes.Contains(file, data) {
				return true
			}
		}
		return false
	}
	f = open(t, path)
	packed := map[string][]byte{}
	for url, candidates := range texts {
		data, err := f.encode(candidates)
		if err != nil {
			t.Fatal(err)
		}
		if packed[url] = data[8:]; !onDisk(packed[url]) { // the header has flags of its own
			t.Fatal("texts are not found in the file: the test says nothing")
		}
	}
	err := f.Refuse("refused", func(url string) (string, bool) { return "by hand", url == page(1) }, func(c *shard.Candidate) bool {
		return c.PageURL == page(2) && strings.HasSuffix(c.ImageURL, "/a.jpg")
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	for url, data := range packed {
		if onDisk(data) {
			t.Errorf("what %s said is on the disk still", url)
		}
	}
	n, err := f.Refused()
	if n != 1 || err != nil {
		t.Errorf("%d candidates are refused (%v), want 1", n, err)
	}
	var all []string
	for c, err := range f.Candidates() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.ImageURL)
	}
	if len(all) != 1 || all[0] != page(2)+"/b.jpg" {
		t.Errorf("candidates are %v", all)
	}
	f.Close()
	var read []string
	err = ReadCandidates(path, func() { read = nil }, func(c *shard.Candidate) error {
		read = append(read, c.PageURL+" "+c.ImageURL)
		return nil
	})
	if err != nil || len(read) != 1 || read[0] != page(2)+" "+all[0] {
		t.Errorf("read %v, %v", read, err)
	}
	for url, want := range map[string]string{page(1): "refused; by hand", page(2): "; refused: 1 candidates"} {
		r, ok, err := Lookup(path, url)
		if got := r.Reason + "; " + r.Rule; !ok || err != nil || got != want {
			t.Errorf("%s: %q, want %q (%v)", url, got, want, err)
		}
	}
}

// TestOverwrite holds that of a link to a refused page no text is left in the file, nor of
// texts that were replaced by better ones before.
func TestOverwrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crawl.db")
	f := open(t, path)
	seed(t, f, page(1), page(2), page(3), page(4))
	words := []string{"Annabella", "Bertholdine", "Clothildis", "Dorothinia"}
	for i, l := range lease(t, f, 0, 4, 0) {
		var links []Link
		for n := range 40 { // some pages of the file
			links = append(links, Link{URL: page(100 + n), Text: strings.Repeat(words[i]+" private album ", 8+4*i), Priority: int64(i)})
		}
		commit(t, f, Result{Lease: l, Fetched: 7, Links: links})
	}
	traces := func() (found []string) {
		for _, name := range []string{path, path + "-wal"} {
			file, err := os.ReadFile(name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			for _, word := range words {
				if bytes.Contains(file, []byte(word)) {
					found = append(found, word)
				}
			}
		}
		return found
	}
	if len(traces()) == 0 {
		t.Fatal("no text is found in the file: the test says nothing")
	}
	if err := f.Refuse("refused", func(url string) (string, bool) { return "by hand", true }, nil, false); err != nil {
		t.Fatal(err)
	}
	if err := f.Overwrite("refused"); err != nil {
		t.Fatal(err)
	}
	if found := traces(); len(found) > 0 {
		t.Errorf("%v are in the file still", found)
	}
	f.Close()
	if found := traces(); len(found) > 0 {
		t.Errorf("%v are in the closed file still", found)
	}
}
