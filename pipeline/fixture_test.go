package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/query"
	"github.com/pairloom/pairloom/shard"
)

// testOptions are the settings of a small folder: a list of few queries, small
// parts, no rule that its texts would meet.
func testOptions() *Options {
	o := &Options{Seed: 1, Workers: 2, MemoryMiB: 64}
	o.Match = MatchOptions{Queries: "list.zst", Mode: "clean", PartPairs: 2}
	o.Filter.Text.Sources = []string{"alt", "figcaption", "title"}
	o.Filter.Text.MinWords = 1
	o.Dedup.Exact = "none"
	o.Balance = BalanceOptions{Mode: "cap", MaxPairsPerQuery: 100, Margin: 1.5}
	o.Shard = ShardOptions{Pairs: 2}
	return o
}

// candidatesOf reads lines of page, picture, text source and text; a page or
// picture is a path on its host.
func candidatesOf(text string) (list []shard.Candidate) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		list = append(list, shard.Candidate{
			PageURL: "https://page.example/" + f[0], ImageURL: "https://pictures.example/" + f[1], TextSource: f[2],
			Text: strings.Join(f[3:], " "), Source: "live", CrawlTime: 1_700_000_000,
		})
	}
	return list
}

// writeFolder writes rows as one finished folder, part after part of at most
// partRows rows.
func writeFolder[T shard.Record](t testing.TB, dir, folder string, rows []T, partRows int) {
	t.Helper()
	path := filepath.Join(dir, folder)
	if err := shard.Clear(path, func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	m := &shard.Manifest{Stage: shard.Maker(path), Settings: "by hand", Input: "by hand", Tally: shard.NewTally("test", "rows", "rows")}
	for part := range slices.Chunk(rows, partRows) {
		w, err := shard.CreatePart[T](path, partName(len(m.Parts)), shard.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range part {
			m.Tally.Keep()
			if err := w.Write(&part[i]); err != nil {
				t.Fatal(err)
			}
		}
		p, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		m.Parts = append(m.Parts, p)
	}
	if err := shard.WriteManifest(path, m); err != nil {
		t.Fatal(err)
	}
}

// writeCandidates writes the candidates of producers, named before a colon.
func writeCandidates(t testing.TB, dir string, producers map[string]string) {
	t.Helper()
	for producer, text := range producers {
		writeFolder(t, dir, shard.ProducerFolder(producer), candidatesOf(text), 3)
	}
}

func writeList(t testing.TB, path string, texts ...string) {
	t.Helper()
	var entries []query.Entry
	for _, text := range texts {
		entries = append(entries, query.Entry{Text: text, Source: "test"})
	}
	if err := query.WriteFile(path, nil, entries); err != nil {
		t.Fatal(err)
	}
}

// writePictures says of each matched picture, by hand, that it was fetched;
// those whose address ends in gone were not.
func writePictures(t testing.TB, dir string) {
	t.Helper()
	var images []shard.Image
	seen := map[uint64]bool{}
	for _, m := range rowsOf[shard.Matched](t, dir, shard.MatchedFolder) {
		if seen[m.ImageID] {
			continue
		}
		seen[m.ImageID] = true
		i := shard.Image{
			ImageID: m.ImageID, ImageURL: m.ImageURL, HTTPStatus: 200, Bytes: []byte("jpeg of " + m.ImageURL), Width: 300, Height: 300,
			PictureHash: m.ImageID ^ 1, OriginalFormat: "png", OriginalWidth: 300, OriginalHeight: 300, OriginalBytes: 1000,
		}
		if strings.HasSuffix(m.ImageURL, "gone") {
			i = shard.Image{ImageID: m.ImageID, ImageURL: m.ImageURL, Status: "http_404", Detail: "404 Not Found", HTTPStatus: 404}
		}
		images = append(images, i)
	}
	writeFolder(t, dir, shard.ImagesFolder, images, 2)
}

// rowsOf reads the rows of a finished folder, of shards those that were not deleted, into
// memory of their own.
func rowsOf[T shard.Record](t testing.TB, dir, folder string) (rows []T) {
	t.Helper()
	own := func(row *T) (own T) {
		if _, err := shard.ReadRow(shard.AppendRow(nil, row), &own); err != nil {
			t.Fatal(err)
		}
		return own
	}
	if folder == shard.ShardsFolder {
		d, err := shard.OpenDataset(filepath.Join(dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range d.Rows("") {
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, own(any(&row.Pair).(*T)))
		}
		return rows
	}
	m, err := shard.ReadManifest(filepath.Join(dir, folder))
	if err != nil {
		t.Fatal(err)
	}
	for row, err := range shard.Rows[T](filepath.Join(dir, folder), m.Parts) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, own(row))
	}
	return rows
}

// runStages does stages of the road, fetching by hand.
func runStages(t testing.TB, dir string, o *Options, names ...string) {
	t.Helper()
	for _, name := range names {
		if name == FetchName {
			writePictures(t, dir)
			continue
		}
		road := Road(Work{Dir: dir, Options: *o})
		i := slices.IndexFunc(road, func(s Stage) bool { return s.Name == name })
		out, err := road[i].Run(context.Background(), func(int64, int64) {})
		if err == nil {
			err = out.Tally.Check()
		}
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", name, err))
		}
	}
}
