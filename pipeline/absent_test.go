package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/archive"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// TestAbsence hides what is refused in each place that a dataset has, also where no
// manifest names it, and holds that it is found there and nowhere else.
func TestAbsence(t *testing.T) {
	const address, text = "https://site.example/a.jpg?x=1&y=2", "a cat"
	pair := shard.PairID(address, text)
	hidden := shard.Candidate{PageURL: "https://site.example/", ImageURL: address, Text: text, TextSource: "alt", Source: "live"}
	other := shard.Candidate{PageURL: "https://site.example/", ImageURL: "https://site.example/b.jpg", Text: text, TextSource: "alt", Source: "live"}
	matched := func(c shard.Candidate) shard.Matched {
		return shard.Matched{Candidate: c, PairID: shard.PairID(c.ImageURL, c.Text), ImageID: shard.ImageID(c.ImageURL), QueryIDs: []uint32{0}}
	}
	pairs := []shard.Pair{
		{PairID: shard.PairID(other.ImageURL, text), ImageURL: other.ImageURL, Text: text, Image: []byte{1}, PictureHash: 1},
		{PairID: pair, ImageURL: address, Text: text, Image: []byte{2}, PictureHash: 2},
	}
	file := func(place, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, place)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	// stray writes rows that no manifest names.
	image := func(row shard.Image, folder, name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if _, err := writeImages(filepath.Join(dir, folder), name, shard.Origin{}, []*shard.Image{&row}); err != nil {
				t.Fatal(err)
			}
		}
	}
	embeddings := func(id uint64, input string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			writeFolder(t, dir, shard.ShardsFolder, pairs[:1], 1) // which names its parts as others do
			m, err := shard.ReadManifest(filepath.Join(dir, shard.ShardsFolder))
			if err != nil {
				t.Fatal(err)
			}
			if input == "" {
				input = m.Parts[0].XXH64
			}
			w, err := shard.CreateEmbeddings(filepath.Join(dir, shard.EmbeddingsFolder, "pictures", m.Parts[0].Name), 1, shard.EmbeddingOrigin{Of: "pictures", Source: m.Parts[0].Name, Input: input})
			if err == nil {
				err = w.Write(shard.EmbeddingRow{ID: id}, []float32{1})
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	warc := func(page, body string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			w, err := archive.NewWriter(filepath.Join(dir, shard.WARCFolder), "test", func() time.Time { return dayZero })
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(page)
			if err == nil {
				err = w.Write(archive.Exchange{URL: u, Time: dayZero, Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(body)})
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	const list = shard.CandidatesFolder + "/list-cats"
	for _, tt := range []struct {
		name  string
		write func(t *testing.T, dir string)
		place string
		state string
		found int64
	}{
		{"a stored picture", image(shard.Image{ImageURL: address, ImageID: shard.ImageID(address), Bytes: []byte{1}}, shard.ImagesFolder, "part-00000.arrow"), shard.ImagesFolder, PlaceFound, 1},
		{"one in hand", image(shard.Image{ImageURL: address, Bytes: []byte{1}}, shard.ImagesFolder, "hand-00003.arrow"), shard.ImagesFolder, PlaceFound, 1},
		{"one that is prepared", image(shard.Image{ImageURL: address, Bytes: []byte{1}}, shard.ImagesFolder+"/"+eraseFolder, "part-00000.arrow"), shard.ImagesFolder, PlaceFound, 1},
		{"a row without its picture", image(shard.Image{ImageURL: address, Status: ReasonRefused}, shard.ImagesFolder, "part-00000.arrow"), shard.ImagesFolder, PlaceAbsent, 0},
		{"a candidate", func(t *testing.T, dir string) { writeFolder(t, dir, list, []shard.Candidate{other, hidden}, 1) }, list, PlaceFound, 1},
		{"one that no manifest names", func(t *testing.T, dir string) {
			writeFolder(t, dir, list, []shard.Candidate{hidden}, 1)
			if err := os.Remove(filepath.Join(dir, list, shard.ManifestName)); err != nil {
				t.Fatal(err)
			}
		}, list, PlaceFound, 1},
		{"other candidates", func(t *testing.T, dir string) { writeFolder(t, dir, list, []shard.Candidate{other}, 1) }, list, PlaceAbsent, 0},
		{"a matched pair", func(t *testing.T, dir string) {
			writeFolder(t, dir, shard.MatchedFolder, []shard.Matched{matched(hidden), matched(other)}, 2)
		}, shard.MatchedFolder, PlaceFound, 1},
		{"a decision to keep it", func(t *testing.T, dir string) {
			writeFolder(t, dir, shard.SelectionFolder, []shard.Selection{{PairID: pair}}, 1)
			writeFolder(t, dir, shard.ShardsFolder, pairs[:1], 1)
		}, shard.SelectionFolder, PlaceFound, 1},
		{"a decision to drop it", func(t *testing.T, dir string) {
			writeFolder(t, dir, shard.SelectionFolder, []shard.Selection{{PairID: pair, Reason: ReasonRefused}}, 1)
		}, shard.SelectionFolder, PlaceAbsent, 0},
		{"a pair of the shards", func(t *testing.T, dir string) { writeFolder(t, dir, shard.ShardsFolder, pairs, 2) }, shard.ShardsFolder, PlaceFound, 1},
		{"one that was deleted", func(t *testing.T, dir string) {
			writeFolder(t, dir, shard.ShardsFolder, pairs, 2)
			n, err := DeleteRows(dir, func(row *shard.Row) (string, string) {
				if row.PairID == pair {
					return ReasonRemoved, ""
				}
				return "", ""
			})
			if n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}, shard.ShardsFolder, PlaceExcluded, 1},
		{"one that a killed run left", func(t *testing.T, dir string) {
			writeFolder(t, dir, shard.ShardsFolder+"/"+nextFolder, pairs, 2)
		}, shard.ShardsFolder, PlaceExcluded, 1},
		{"a vector", embeddings(pair, ""), shard.EmbeddingsFolder, PlaceFound, 1},
		{"a vector of shards that are no more", embeddings(7, "0"), shard.EmbeddingsFolder, PlaceUnknown, 0},
		{"another vector", embeddings(7, ""), shard.EmbeddingsFolder, PlaceAbsent, 0},
		{"an address in JSON", file("report/stats.json", `{"image_url": "https://site.example/a.jpg?x=1\u0026y=2", "more": "https://site.example/b.jpg"}`), shard.ReportFolder, PlaceFound, 1},
		{"an address on a page", file("report/index.html", `<a href="https://site.example/a.jpg?x=1&amp;y=2">a</a> (https://site.example/a.jpg?x=1&amp;y=2).`), shard.ReportFolder, PlaceFound, 2},
		{"an id on a page", file("evaluation/eval.json", `{"pair": "`+shard.FormatPairID(pair)+`"}`), shard.EvaluationFolder, PlaceFound, 1},
		{"half of an id", file("evaluation/eval.json", `{"sum": "`+shard.FormatPairID(pair)+shard.FormatPairID(pair)+`"}`), shard.EvaluationFolder, PlaceAbsent, 0},
		{"an address in a dry run", file("dry-run/index.html", "see HTTPS://SITE.example/a.jpg?x=1&amp;y=2"), shard.DryRunFolder, PlaceFound, 1},
		{"a table beside the selection", file("selection/overlap.csv", "set,address\ncats,https://site.example/a.jpg?x=1&y=2\n"), shard.SelectionFolder + " (tables)", PlaceFound, 1},
		{"a page that was kept", warc("https://site.example/page", `<img src="/a.jpg?x=1&amp;y=2" alt="a cat">`), shard.WARCFolder, PlaceFound, 1},
		{"a page of others", warc("https://site.example/page", `<img src="/b.jpg" alt="a cat">`), shard.WARCFolder, PlaceAbsent, 0},
		{"a report of which it is not known what it shows", file("report/index.html", "<img src='data:image/jpeg;base64,aGVsbG8='>"), shard.ReportFolder, PlaceUnknown, 0},
		{"an address in a file of others", file("summary.jsonl", `{"first": "https://site.example/a.jpg?x=1&y=2"}`), "other files", PlaceFound, 1},
		{"a request", file("letters/request.txt", "# 3 May\nhttps://site.example/a.jpg?x=1&y=2\nsite.example\n"), "other files", PlaceAbsent, 0},
		{"another file of text", file("notes/list.csv", "https://site.example/b.jpg"), "other files", PlaceAbsent, 0},
		{"a picture beside the dataset", file("images/p4.jpg", "\xff\xd8"), "other files", PlaceUnknown, 0},
		{"one beside the report", file("report/p4.jpg", "\xff\xd8"), "other files", PlaceUnknown, 0},
		{"a copy of a shard", file("shards/shard-00000.arrow.bak", "ARROW1"), "other files", PlaceUnknown, 0},
		{"a hidden copy", file("shards/.shard-00000.arrow.tmp", "ARROW1"), "other files", PlaceUnknown, 0},
		{"a copy of the folder", file("shards.old/shard-00000.arrow", "ARROW1"), "other files", PlaceUnknown, 0},
		{"a copy of the crawl", file("crawl.db.bak", "SQLite"), "other files", PlaceUnknown, 0},
		{"an export beside the folders", file("export/00000.tar", "x"), "other files", PlaceUnknown, 0},
		{"binary that is called text", file("notes.txt", "\xff\xfe\x00"), "other files", PlaceUnknown, 0},
		{"decisions that no manifest names", func(t *testing.T, dir string) {
			writeFolder(t, dir, shard.SelectionFolder, []shard.Selection{{PairID: 7}}, 1)
			data, err := os.ReadFile(filepath.Join(dir, shard.SelectionFolder, "part-00000.arrow"))
			if err != nil {
				t.Fatal(err)
			}
			file("selection/part-00005.arrow", string(data))(t, dir)
		}, "other files", PlaceUnknown, 0},
		{"a damaged part", file("matched/part-00000.arrow", "ARROW1"), shard.MatchedFolder, PlaceUnknown, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.write(t, dir)
			entries := []refusal.Entry{{Kind: refusal.Address, Text: address}, {Kind: refusal.Pair, Number: pair}}
			places, err := Absence{Dir: dir, Options: *testOptions(), List: refusal.New(entries)}.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(places, func(p Place) bool { return p.Place == tt.place })
			if at < 0 {
				t.Fatalf("there is no %s among %+v", tt.place, places)
			}
			if p := places[at]; p.State != tt.state || p.Found != tt.found {
				t.Errorf("%s is %s, %d found; want %s, %d (%s %s)", p.Place, p.State, p.Found, tt.state, tt.found, p.First, p.Note)
			}
			for i, p := range places {
				if i != at && !p.Absent() && !(p.Place == shard.ShardsFolder && strings.HasPrefix(tt.name, "a decision")) {
					t.Errorf("%s is %s: %+v", p.Place, p.State, p)
				}
			}
		})
	}
}

// TestPurgeWARC holds that pages which are refused, or name what is, are taken out of WARC
// files, and that the other records stay byte for byte.
func TestPurgeWARC(t *testing.T) {
	dir := t.TempDir()
	w, err := archive.NewWriter(filepath.Join(dir, shard.WARCFolder), "test", func() time.Time { return dayZero })
	if err != nil {
		t.Fatal(err)
	}
	for i, image := range []string{"/a.jpg", "/b.jpg", "/c.jpg", "/d.jpg"} {
		u, _ := url.Parse(fmt.Sprintf("https://site.example/%d", i))
		body := fmt.Sprintf("<img src=%s alt='a cat'>", image)
		if err := w.Write(archive.Exchange{URL: u, Time: dayZero, Status: 200, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, shard.WARCFolder, "*"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	before, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	list := refusal.New([]refusal.Entry{{Kind: refusal.Address, Text: "https://site.example/1"}, {Kind: refusal.Address, Text: "https://site.example/d.jpg"}})
	pages, err := newWARCPages(list, "pairloom")
	if err != nil {
		t.Fatal(err)
	}
	defer pages.close()
	look := func() (offsets []int64, refused []string) {
		t.Helper()
		broken, err := pages.each(t.Context(), paths[0], func(offset int64, _, what string, _ refusal.Entry) {
			offsets, refused = append(offsets, offset), append(refused, what)
		})
		if broken > 0 || err != nil {
			t.Fatal(broken, err)
		}
		return offsets, refused
	}
	at, refused := look()
	// The first says what the file is; of each page there are request and response.
	if want := []string{"", "", "", "https://site.example/1", "https://site.example/1", "", "", "https://site.example/d.jpg", ""}; !slices.Equal(refused, want) {
		t.Fatalf("refused are %q", refused)
	}
	if err := purgeWARC(t.Context(), dir, "pairloom", list); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(paths[0])
	if want := slices.Concat(before[:at[3]], before[at[5]:at[7]]); err != nil || !slices.Equal(after, want) {
		t.Errorf("%d bytes, want %d (%v)", len(after), len(want), err)
	}
	if _, refused := look(); !slices.Equal(refused, []string{"", "", "", "", ""}) {
		t.Errorf("refused are %q", refused)
	}
}

// TestRequests holds what the files of a removal may say.
func TestRequests(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		among      []refusal.Kind
		entries    []string
		faults     int
	}{
		{"addresses in any spelling", "HTTP://Example.org:80/a/../b?q#f\nhttps://user:pw@BÜCHER.example./x y\nhttps://bücher.example/ü\n//example.org/\n", RequestURLs,
			[]string{"url http://example.org/b?q", "url https://xn--bcher-kva.example/%C3%BC"}, 2},
		{"hosts", "Example.ORG.\n*.example.net\nhttps://example.com/\nexample.com/path\ncom\n[::1]:80\n127.1\n", RequestHosts,
			[]string{"host example.org", "host example.net", "host example.com", "host [::1]:80"}, 3},
		{"hashes", "00000000000000ff\npicture 00000000000000fe\npair 00000000000000fd\nsimilar 00000000000000fc 3\nff\nhttps://example.org/\n", RequestHashes,
			[]string{"hash 00000000000000ff", "picture 00000000000000fe", "pair 00000000000000fd", "similar 00000000000000fc 3"}, 2},
		{"anything, as a refusal list", "# x\nurl http://a.example/\nhost b.example\nb.example\nhttp://a.example/\n00000000000000ff\n", RequestAny,
			[]string{"url http://a.example/", "host b.example", "hash 00000000000000ff"}, 0},
		{"hostile bytes", "http://a.example/\x00\n\xff\xfe\n" + strings.Repeat("a", 1<<20) + "\nhttp://b.example/\x1b[31m\nhttp://c.example/\n", RequestURLs,
			[]string{"url http://c.example/"}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list, err := readRequest(strings.NewReader(tt.text), "request.txt", tt.among)
			if err != nil {
				t.Fatal(err)
			}
			var entries []string
			for _, e := range list.Entries {
				entries = append(entries, e.String())
			}
			if !slices.Equal(entries, tt.entries) || len(list.Faults) != tt.faults {
				t.Errorf("entries %q, want %q; faults %v, want %d", entries, tt.entries, list.Faults, tt.faults)
			}
			for _, line := range FaultLines("request.txt", list.Faults) {
				if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) || len(line) > 400 {
					t.Errorf("the message %q would be hostile too", line)
				}
			}
		})
	}
	if _, err := ReadRequest(filepath.Join(t.TempDir(), "none"), RequestAny); err == nil || !strings.Contains(fmt.Sprint(err), "none") {
		t.Errorf("a file that is not there: %v", err)
	}
}
