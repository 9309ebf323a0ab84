package pipeline

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/shard"
)

// refusals writes the refusal list of a folder; "" removes it.
func refusals(t *testing.T, dir, text string) {
	t.Helper()
	path := filepath.Join(dir, RefusedName)
	var err error
	if text == "" {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStoredPicturesAreRefused holds that a picture which the list comes to refuse loses
// its bytes without a request, stays refused, and is asked for again when the line goes.
func TestStoredPicturesAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	for _, tt := range []struct {
		name string
		line func(s *pictureSite, i shard.Image) string
	}{
		{"by its address", func(_ *pictureSite, i shard.Image) string { return "url " + i.ImageURL }},
		{"by its bytes", func(_ *pictureSite, i shard.Image) string { return fmt.Sprintf("picture %016x", i.PictureHash) }},
		{"by its look", func(_ *pictureSite, i shard.Image) string { return fmt.Sprintf("similar %016x 0", i.PHash) }},
		{"by its SHA-256", func(s *pictureSite, i shard.Image) string {
			return fmt.Sprintf("sha256 %x", sha256.Sum256(s.png(s.files["/b"].colour)))
		}},
		{"by its hash", func(_ *pictureSite, i shard.Image) string { return fmt.Sprintf("hash %016x", i.PictureHash) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newPictureSite(t, "/a", "/b", "/c", "/d")
			s.options.SHA256 = true
			for path, colour := range map[string]uint8{"/a": 0, "/b": 90, "/c": 140, "/d": 200} { // hashes of their own
				s.set(path, file{colour: colour, tag: `"` + path + `"`})
			}
			s.run()
			before := s.rows()
			stored := before["/b"].Bytes
			var like []string
			for path, i := range before {
				if i.PHash == before["/b"].PHash {
					like = append(like, path)
				}
			}
			refusals(t, s.dir, tt.line(s, before["/b"])+"\n")
			if why := s.due(); why != RefusedName+" changed" {
				t.Errorf("stale for %q", why)
			}
			if asked := s.run(); len(asked) > 0 {
				t.Errorf("asked for %v", asked)
			}
			after := s.rows()["/b"]
			if after.Status != ReasonRefused || len(after.Bytes) > 0 || !strings.HasPrefix(after.Detail, RefusedName+": ") || after.OriginalBytes != 0 || after.ETag != "" {
				t.Errorf("the row is %+v", after)
			}
			if s.holds(stored) && !strings.HasPrefix(tt.name, "by its look") {
				t.Error("the bytes are on the disk")
			}
			if tt.name != "by its look" {
				like = []string{"/b"}
			}
			for path, status := range s.statuses() {
				if want := slices.Contains(like, path); want != (status == ReasonRefused) {
					t.Errorf("%s is %q", path, status)
				}
			}
			if why := s.due(); why != "" {
				t.Errorf("stale after it for %q", why)
			}
			s.now = s.now.Add(31 * 24 * 3600e9) // all others are due
			if asked := s.run(); slices.ContainsFunc(asked, func(path string) bool { return strings.HasSuffix(path, "/b") }) {
				t.Errorf("asked for %v", asked)
			}
			refusals(t, s.dir, "# nothing\n")
			s.run()
			if got := s.rows()["/b"]; got.Status != "" || !slices.Equal(got.Bytes, stored) {
				t.Errorf("without the line it is %q, %d bytes", got.Status, len(got.Bytes))
			}
		})
	}
}

// TestRefusedIsNotStored holds that what is refused from the beginning is not asked for,
// or where only its bytes tell, not stored, and that nothing of the list is in other rows.
func TestRefusedIsNotStored(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	s := newPictureSite(t, "/a", "/b", "/c", "/d")
	paths := http.NewServeMux()
	paths.Handle("/away.png", http.RedirectHandler(s.server.URL+"/a", http.StatusFound))
	other := httptest.NewServer(paths)
	t.Cleanup(other.Close)
	s.set("/c", file{colour: 140})
	s.pairs(dayZero, "/a", "/b", "/c", "/d", other.URL+"/away.png")
	refusals(t, s.dir, fmt.Sprintf("url %s/a\nurl %[1]s/b\nsha256 %x\nthis is no entry\n", s.server.URL, sha256.Sum256(s.png(140))))
	tally, err := s.try()
	if err != nil {
		t.Fatal(err)
	}
	if tally.Dropped[ReasonRefused] != 4 || tally.Kept != 1 || tally.Check() != nil {
		t.Errorf("the tally is %+v", tally)
	}
	slices.Sort(s.asked)
	if want := []string{"/c", "/d"}; !slices.Equal(s.asked, want) {
		t.Errorf("asked for %v, want %v", s.asked, want)
	}
	if s.holds([]byte("\xff\xd8")) != true || len(s.rows()["/c"].Bytes) > 0 {
		t.Error("the refused picture is stored, or none is")
	}
	if got := s.rows()["/d"].SHA256; got != "" {
		t.Errorf("a SHA-256 that nobody asked for is kept: %s", got)
	}
	s.asked = nil
	if asked := s.run(); len(asked) > 0 {
		t.Errorf("asked again for %v", asked)
	}
	if row := s.rows()[other.URL+"/away.png"]; row.Status != ReasonRefused || !strings.Contains(row.Detail, "/a") {
		t.Errorf("what led to a refused address is %+v", row)
	}
	refusals(t, s.dir, fmt.Sprintf("url %s/b\n", s.server.URL))
	asked := s.run()
	slices.Sort(asked)
	if want := []string{"/a", "/a", "/c"}; !slices.Equal(asked, want) { // one by way of the other server
		t.Errorf("asked for %v, want %v", asked, want)
	}
}

// TestErasedWithoutAsking holds that pictures of any settings lose their bytes offline,
// and that the rest of the folder stays as it is, and finished.
func TestErasedWithoutAsking(t *testing.T) {
	s := newPictureSite(t, "/a", "/b", "/c", "/d", "/e")
	for i, path := range []string{"/a", "/b", "/c", "/d", "/e"} {
		s.set(path, file{colour: uint8(50 * i)})
	}
	s.run()
	before := s.rows()
	list := RefusalParser()
	refused, err := list.Read(strings.NewReader(fmt.Sprintf("picture %016x\nurl %s/d\n", before["/b"].PictureHash, s.server.URL)))
	if err != nil {
		t.Fatal(err)
	}
	s.options.Options = fetch.Options{Workers: 2, ImageSize: 32, Quality: 50, MaxMegapixels: 1, DecodeChildren: 1, PictureTimeout: s.options.PictureTimeout}
	n, err := eraseStored(t.Context(), s.dir, refused, nil)
	if n != 2 || err != nil {
		t.Fatalf("erased %d, %v", n, err)
	}
	if _, err := shard.ReadManifest(filepath.Join(s.dir, shard.ImagesFolder)); err != nil {
		t.Fatal(err)
	}
	for path, i := range s.rows() {
		if path == "/b" || path == "/d" {
			if i.Status != ReasonRefused || s.holds(before[path].Bytes) {
				t.Errorf("%s has its bytes", path)
			}
		} else if fmt.Sprint(i) != fmt.Sprint(before[path]) {
			t.Errorf("%s changed", path)
		}
	}
	if exists(filepath.Join(s.dir, shard.ImagesFolder, eraseFolder)) {
		t.Error("what was prepared is there still")
	}
	if n, err := eraseStored(t.Context(), s.dir, refused, nil); n != 0 || err != nil {
		t.Errorf("again: erased %d, %v", n, err)
	}
}
