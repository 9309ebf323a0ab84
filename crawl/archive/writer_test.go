package archive

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func exchange(t *testing.T, n int) Exchange {
	t.Helper()
	u, err := url.Parse(fmt.Sprintf("http://example.org/%d?a=b", n))
	if err != nil {
		t.Fatal(err)
	}
	return Exchange{
		URL: u, Time: time.Unix(1714979289, 0), Status: 200,
		Header: http.Header{"Content-Type": {"text/html"}, "Content-Encoding": {"gzip"}, "Content-Length": {"3"}, "Pairloom-Wish": {"x"}},
		Body:   []byte(fmt.Sprintf(`<img src="/%d.jpg" alt="Picture %d">`, n, n)),
	}
}

// written are the texts and sources of candidates in the files of a folder, by name.
func written(t *testing.T, folder string) (texts []string, files int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, ".open") {
			t.Errorf("%s is left", path)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := NewReader(f, func(reason string, at int64) { t.Errorf("%s: %s at %d", path, reason, at) })
		defer r.Close()
		x := NewExtractor(testOptions(), nil)
		for {
			record, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			candidates, _ := x.Record(record, filepath.Base(path))
			for _, c := range candidates {
				if c.CrawlTime != 1714979289 {
					t.Errorf("time %d", c.CrawlTime)
				}
				texts = append(texts, c.Text)
			}
		}
	}
	return texts, len(paths)
}

// TestWriter: what is written is read again, over several files, and what a killed
// writer left is kept as far as it is whole.
func TestWriter(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "warc")
	now := func() time.Time { return time.Unix(1714979289, 0) }
	w, err := NewWriter(folder, "pairloom/1 (+mailto:a@example.org)", now)
	if err != nil {
		t.Fatal(err)
	}
	w.most = 2000 // a few records
	var want []string
	for i := range 10 {
		if err := w.Write(exchange(t, i)); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("Picture %d", i))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	texts, files := written(t, folder)
	wantList(t, "texts", texts, want...)
	if files < 2 {
		t.Errorf("%d files, want several", files)
	}

	// A writer is killed in the middle of a record.
	last := filepath.Join(folder, "pairloom-20240506070809-99999.warc.gz.open")
	whole := gzAll(warc("warcinfo", "x", "application/warc-fields", ""), page("http://example.org/10"))
	if err := os.WriteFile(last, []byte(whole+gz(page(one))[:50]), 0o666); err != nil {
		t.Fatal(err)
	}
	if w, err = NewWriter(folder, "x", now); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	texts, _ = written(t, folder)
	wantList(t, "texts", texts, append(want, "A fox at 10")...)
	if info, err := os.Stat(strings.TrimSuffix(last, ".open")); err != nil || info.Size() != int64(len(whole)) {
		t.Errorf("the finished file: %v, %v; want %d bytes", info, err, len(whole))
	}
}
