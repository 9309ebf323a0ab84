package browse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/pipeline"
	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
)

// testPair is a pair of a dataset that a test writes.
type testPair struct {
	image, page, text string
	queries           []uint32
	held              bool
	reason, detail    string // of one that was dropped
	noPicture         bool   // none is stored
	waiting           bool   // decided on, and in no shard
}

func (p testPair) id() string { return shard.FormatPairID(shard.PairID(p.image, p.text)) }

// testQueries are the names of the queries, by number.
var testQueries = []string{"fox", "red fox", "snow", "C++", "boat"}

// pngOf is a picture of one colour.
func pngOf(t testing.TB, n int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 24, 16))
	for i := range 24 * 16 {
		m.Set(i%24, i/24, color.RGBA{byte(37 * n), byte(101*n + i), byte(200 - 13*n), 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeRows writes a finished folder with one part for each run of perPart rows.
func writeRows[T shard.Record](t testing.TB, dir, folder, name string, rows []T, perPart int, tally *shard.Tally) {
	t.Helper()
	path := filepath.Join(dir, folder)
	m, err := shard.ReadManifestAlone(path)
	if err != nil {
		m = &shard.Manifest{Stage: folder, Tally: tally}
	}
	for n := 0; n == 0 || n*perPart < len(rows); n++ {
		w, err := shard.CreatePart[T](path, fmt.Sprintf("%s%05d.arrow", name, n), shard.Origin{Stage: folder})
		if err != nil {
			t.Fatal(err)
		}
		for i := n * perPart; i < min((n+1)*perPart, len(rows)); i++ {
			if err := w.Write(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		part, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		m.Parts = append(m.Parts, part)
	}
	m.Tally = tally
	if err := shard.WriteManifest(path, m); err != nil {
		t.Fatal(err)
	}
}

// writeDataset writes what the stages would have left of these pairs.
func writeDataset(t testing.TB, dir string, pairs []testPair) {
	t.Helper()
	var training, held []shard.Pair
	var matched []shard.Matched
	var selected []shard.Selection
	var images []shard.Image
	var candidates []shard.Candidate
	curated, kept := shard.NewTally("curate", "pairs", "pairs"), shard.NewTally("shard", "pairs", "pairs")
	for i, p := range pairs {
		c := shard.Candidate{PageURL: p.page, ImageURL: p.image, Text: p.text, TextSource: "alt", Source: "live", CrawlTime: 1_700_000_000, License: "https://licenses.example/by"}
		candidates = append(candidates, c)
		id, imageID := shard.PairID(p.image, p.text), shard.ImageID(p.image)
		matched = append(matched, shard.Matched{Candidate: c, PairID: id, ImageID: imageID, QueryIDs: p.queries, TextLanguage: "en"})
		selected = append(selected, shard.Selection{PairID: id, Reason: p.reason, Detail: p.detail, QueryIDs: p.queries})
		img := shard.Image{ImageID: imageID, ImageURL: p.image, FetchTime: 1_700_000_000, Status: "http_404", Detail: "gone"}
		if !p.noPicture {
			img = shard.Image{ImageID: imageID, ImageURL: p.image, FetchTime: 1_700_000_000, Bytes: pngOf(t, i), Format: "png", Width: 24, Height: 16,
				PictureHash: uint64(i), OriginalFormat: "png", OriginalWidth: 48, OriginalHeight: 32, OriginalBytes: 999}
		}
		images = append(images, img)
		if p.reason != "" {
			curated.Drop(p.reason)
			continue
		}
		curated.Keep()
		if p.waiting {
			continue
		}
		kept.Keep()
		row := shard.Pair{PairID: id, PageURL: p.page, ImageURL: p.image, Text: p.text, TextSource: "alt", Source: "live", CrawlTime: 1_700_000_000, QueryIDs: p.queries,
			Image: img.Bytes, Format: img.Format, Width: img.Width, Height: img.Height, OriginalFormat: "png", OriginalWidth: 48, OriginalHeight: 32, PictureHash: img.PictureHash}
		if p.held {
			held = append(held, row)
		} else {
			training = append(training, row)
		}
	}
	passed := shard.NewTally("match", "candidates", "pairs")
	for range matched {
		passed.Keep()
	}
	for _, text := range []string{"Nothing to be seen", strings.TrimSuffix(hostile, " fox")} {
		passed.Drop(pipeline.ReasonNoQuery)
		candidates = append(candidates, shard.Candidate{PageURL: "https://page.example/none", ImageURL: pairs[0].image, Text: text, TextSource: "title"})
	}
	found := shard.NewTally("crawl", "pages", "candidates")
	found.Keep()
	found.Drop("http_404")
	writeRows(t, dir, shard.ProducerFolder(shard.ProducerCrawl), "part-", candidates, 100, found)
	fetched := shard.NewTally("fetch", "pictures", "pictures")
	for _, i := range images {
		if i.Status == "" {
			fetched.Keep()
		} else {
			fetched.Drop(i.Status)
		}
	}
	writeRows(t, dir, shard.MatchedFolder, "part-", matched, 5, passed)
	decide(t, dir)
	writeRows(t, dir, shard.ImagesFolder, "part-", images, 4, fetched)
	writeRows(t, dir, shard.SelectionFolder, "part-", selected, 5, curated)
	writeRows(t, dir, shard.ShardsFolder, shard.HeldOut, held, 100, shard.NewTally("shard", "pairs", "pairs"))
	writeRows(t, dir, shard.ShardsFolder, shard.Training, training, 3, kept)
}

// decide writes the query list, and into the matched folder that it was matched with it.
func decide(t testing.TB, dir string) {
	t.Helper()
	var entries []query.Entry
	for _, name := range testQueries {
		entries = append(entries, query.Entry{Text: name, Source: "test", Count: 1})
	}
	path := filepath.Join(dir, "list.zst")
	if err := query.WriteFile(path, nil, entries); err != nil {
		t.Fatal(err)
	}
	list, err := query.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, shard.MatchedFolder)
	m, err := shard.ReadManifest(folder)
	if err != nil {
		t.Fatal(err)
	}
	m.Options = map[string]json.RawMessage{"match.queries": []byte(`"list.zst"`), "match.mode": []byte(`"clean"`), "filter.text.sources": []byte(`["alt","title"]`), "query_list": []byte(`"` + list.Hash + `"`)}
	if err := shard.WriteManifest(folder, m); err != nil {
		t.Fatal(err)
	}
}

// hostile is a text of a page that wants to be more than a text.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)> {{.Token}} fox`

// foxes are the pairs of most tests.
func foxes() []testPair {
	pair := func(name, host, text string, queries ...uint32) testPair {
		return testPair{image: "https://pictures.example/" + name + ".png", page: "https://" + host + "/" + name, text: text, queries: queries}
	}
	a := pair("a", "page.example", "A red fox in the Snow", 0, 1, 2)
	b := pair("b", "page.example", "The foxes' den, red bricks", 0)
	b.held = true
	c := pair("c", "www.other.example:8080", "Fox and boat on C++", 0, 3, 4)
	d := pair("d", "sub.page.example", "Snowboarding café", 2)
	e := pair("e", "evil.example", hostile, 0)
	e.page = "javascript:alert(3)//evil.example/"
	f := pair("f", "page.example", "A red fox in the snow, smaller", 0, 1, 2)
	f.reason, f.detail = "near_duplicate_picture", "the picture looks like that of pair "+a.id()+", which stays: their hashes differ in 2 of 64 bits, picture_distance is 4"
	g := pair("g", "page.example", "A red fox in the snow, the same", 0, 1, 2)
	g.reason, g.detail = "duplicate_picture", "the picture is that of pair "+f.id()+", which stays"
	h := pair("h", "page.example", "Gone fox", 0)
	h.reason, h.detail, h.noPicture = pipeline.ReasonNotFetched, "http_404: gone", true
	i := pair("i", "page.example", "Tiny boat", 4)
	i.reason, i.detail = "short_side", "the short side has 16 pixels, at least 64 expected"
	j := pair("j", "page.example", "A boat that waits", 4)
	j.waiting = true
	return []testPair{a, b, c, d, e, f, g, h, i, j}
}

const address = "127.0.0.1:8770"

// newServer browses the pairs.
func newServer(t testing.TB, pairs []testPair, change func(*Options)) *Server {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "foxes")
	writeDataset(t, dir, pairs)
	return serverOf(t, dir, change)
}

func serverOf(t testing.TB, dir string, change func(*Options)) *Server {
	t.Helper()
	o := Options{Dir: dir, Address: address, Settings: &pipeline.Options{Workers: 1, MemoryMiB: 64}}
	o.Settings.Match = pipeline.MatchOptions{Queries: "list.zst", Mode: "clean"}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// get asks for a path as a browser with the page open would.
func get(s http.Handler, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://"+address+path, nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// letters names the pairs of a list by the letter of their picture.
func (s *Server) letters(entries []entry) string {
	var b strings.Builder
	for _, e := range entries {
		r, err := s.index.row(e, false)
		if err != nil {
			return err.Error()
		}
		b.WriteString(strings.TrimSuffix(filepath.Base(r.ImageURL), ".png"))
	}
	return b.String()
}
