package fetch

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"testing"

	"github.com/pairloom/pairloom/crawl/gate"
)

// Every picture of the small real site becomes a JPEG, and the rows are the
// same for any number of workers.
func TestRealSite(t *testing.T) {
	if testing.Short() {
		t.Skip("TestPartIsTheSameForAnyWorkers has the same goroutines")
	}
	site := os.DirFS("../../testdata/site")
	s := httptest.NewServer(http.FileServerFS(site))
	defer s.Close()
	var urls []string
	err := fs.WalkDir(site, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && len(name) > 4 && name[len(name)-4:] == ".png" {
			urls = append(urls, s.URL+"/"+name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(urls) < 150 {
		t.Fatalf("%d pictures under testdata/site, want at least 150", len(urls))
	}
	larger := func(o *gate.Options) {
		o.MaxPictureBytes = 1 << 20
	}
	want := fetchAll(t, newFetcher(t, 1, larger), urls...)
	for _, r := range want {
		if r.Status != "" || min(r.Width, r.Height) != min(64, r.OriginalWidth, r.OriginalHeight) {
			t.Errorf("%s: %q (%s), %dx%d", r.ImageURL, r.Status, r.Detail, r.Width, r.Height)
		}
	}
	if got := fetchAll(t, newFetcher(t, 8, larger), urls...); !reflect.DeepEqual(got, want) {
		t.Error("8 workers give other rows than 1")
	}
}
