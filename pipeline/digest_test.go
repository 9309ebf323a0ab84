package pipeline

import (
	"cmp"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestSelectionTellsTheRowsOfShards curates pairs of which every fact is known: of each
// one that is kept the selection has the hash of its picture and the digest of the row
// that is in the shards, whatever came from the page and whatever from the picture; of
// the others it has neither.
func TestSelectionTellsTheRowsOfShards(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	var matched []shard.Matched
	for i := range 6 {
		m := shard.Matched{Candidate: shard.Candidate{
			PageURL: "https://page.example/", ImageURL: fmt.Sprint("https://pictures.example/", i), Text: fmt.Sprint("cat ", i), TextSource: "alt",
			Language: "en", License: "https://licence.example/", OptOut: "none", OptOutFrom: "none in a header\n", Source: "live", CrawlTime: int64(1 + i), PictureAt: "a.tar", More: `{"key":1}`,
		}, QueryIDs: []uint32{0}, TextLanguage: "en"}
		if i%2 == 1 {
			m.License, m.OptOut, m.OptOutFrom = "", "", ""
		}
		m.PairID, m.ImageID = shard.PairID(m.ImageURL, m.Text), shard.ImageID(m.ImageURL)
		matched = append(matched, m)
	}
	slices.SortFunc(matched, func(a, b shard.Matched) int { return cmp.Compare(a.ImageID, b.ImageID) })
	var images []shard.Image
	for i, m := range matched {
		n := int32(300 + i)
		images = append(images, shard.Image{
			ImageID: m.ImageID, ImageURL: m.ImageURL, HTTPStatus: 200, OptOut: "noai", OptOutFrom: "noai in a header\n", ETag: "e", FetchTime: 9,
			Bytes: []byte(m.ImageURL), Format: "webp", Width: n, Height: n + 1, PictureHash: uint64(1000 + i), PHash: uint64(n),
			OriginalFormat: "png", OriginalWidth: 2 * n, OriginalHeight: 2*n + 1, OriginalBytes: 5000, SHA256: strings.Repeat("ab", 32),
			Frames: 1, Spread: 900, License: "CC0", Credit: "nobody",
		})
	}
	images[2] = shard.Image{ImageID: images[2].ImageID, ImageURL: images[2].ImageURL, Status: "http_404", HTTPStatus: 404}
	writeFolder(t, dir, shard.MatchedFolder, matched, 2)
	writeFolder(t, dir, shard.ImagesFolder, images, 4)
	runStages(t, dir, o, CurateName, ShardName)
	pairs := map[uint64]shard.Pair{}
	for _, p := range rowsOf[shard.Pair](t, dir, shard.ShardsFolder) {
		pairs[p.PairID] = p
		for facts, i := reflect.ValueOf(p), 0; i < facts.NumField(); i++ {
			if facts.Field(i).IsZero() {
				t.Errorf("%s: field %s of its row in a shard is empty, and tells nothing", p.ImageURL, facts.Type().Field(i).Name)
			}
		}
	}
	digests := map[uint64]bool{}
	for i, s := range rowsOf[shard.Selection](t, dir, shard.SelectionFolder) {
		p, kept := pairs[s.PairID]
		var hash, digest uint64
		if kept {
			hash = p.PictureHash
			digest, _ = p.Digest(nil)
		}
		if kept != (i != 2) || s.PictureHash != hash || s.Digest != digest {
			t.Errorf("pair %d, %q: picture %x, digest %x; its row in the shards has %x, %x", i, s.Reason, s.PictureHash, s.Digest, hash, digest)
		}
		digests[s.Digest] = true
	}
	if len(digests) != len(matched) {
		t.Errorf("%d digests of %d pairs and none", len(digests), len(matched)-1)
	}
}
