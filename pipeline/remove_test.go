package pipeline

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// TestCopies holds which pictures under other addresses count as copies of those that are
// taken out, by their own address or that of their page, and that they go when asked to.
func TestCopies(t *testing.T) {
	image := func(path string, hash, phash uint64) shard.Image {
		return shard.Image{ImageURL: "https://a.example" + path, ImageID: shard.ImageID("https://a.example" + path), Bytes: []byte{1}, PictureHash: hash, PHash: phash}
	}
	images := []shard.Image{
		image("/taken", 1, 0xff00ff00ff00ff00), image("/equal", 1, 0xff00ff00ff00ff00), image("/near", 2, 0xff00ff00ff00ff07), image("/far", 3, 0xff00ff00ff00ffff),
		image("/of-a-page", 4, 0x0f0f0f0f0f0f0f0f), image("/equal-to-it", 4, 0x0f0f0f0f0f0f0f0f), image("/flat", 5, 0), image("/other-flat", 6, 0),
	}
	var pairs []shard.Pair
	for _, i := range images {
		pairs = append(pairs, shard.Pair{PairID: shard.PairID(i.ImageURL, "a"), ImageURL: i.ImageURL, Text: "a", PictureHash: i.PictureHash, PHash: i.PHash})
	}
	pairs[4].PageURL = "https://a.example/page"
	request := func(addresses ...string) *refusal.List {
		var entries []refusal.Entry
		for _, a := range addresses {
			entries = append(entries, refusal.Entry{Kind: refusal.Address, Text: "https://a.example" + a})
		}
		return refusal.New(entries)
	}
	for _, tt := range []struct {
		name        string
		request     *refusal.List
		copies      bool
		distance    int
		equal, near int64
		left        []string
	}{
		{"a picture", request("/taken"), false, 4, 1, 1, []string{"/equal", "/far", "/near", "/of-a-page", "/equal-to-it", "/flat", "/other-flat"}},
		{"with its copies", request("/taken"), true, 4, 1, 1, []string{"/far", "/of-a-page", "/equal-to-it", "/flat", "/other-flat"}},
		{"nearer ones alone", request("/taken"), true, 2, 1, 0, []string{"/far", "/near", "/of-a-page", "/equal-to-it", "/flat", "/other-flat"}},
		{"a page", request("/page"), true, 4, 1, 0, []string{"/equal", "/far", "/near", "/taken", "/flat", "/other-flat"}},
		{"a flat picture is like no other", request("/flat"), true, 4, 0, 0, []string{"/equal", "/far", "/near", "/taken", "/of-a-page", "/equal-to-it", "/other-flat"}},
		{"all of them", request("/taken", "/equal", "/near"), false, 4, 0, 0, []string{"/far", "/of-a-page", "/equal-to-it", "/flat", "/other-flat"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFolder(t, dir, shard.ImagesFolder, images, 3)
			writeFolder(t, dir, shard.ShardsFolder, pairs, 3)
			page := shard.Candidate{PageURL: "https://a.example/page", ImageURL: images[4].ImageURL, Text: "a"}
			writeFolder(t, dir, shard.MatchedFolder, []shard.Matched{{Candidate: page, ImageID: images[4].ImageID, PairID: pairs[4].PairID}}, 1)
			r := Removal{Work: Work{Dir: dir, Options: *testOptions()}, Request: tt.request, Copies: tt.copies, Distance: tt.distance, DryRun: true}
			dry, err := r.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if dry.EqualCopies != tt.equal || dry.NearCopies != tt.near {
				t.Errorf("%d equal and %d near copies, want %d and %d", dry.EqualCopies, dry.NearCopies, tt.equal, tt.near)
			}
			if exists(filepath.Join(dir, RefusedName)) {
				t.Error("a dry run refuses")
			}
			r.DryRun = false
			done, err := r.Run(t.Context())
			if err != nil || done.Pairs != dry.Pairs || done.Pairs != len(pairs)-len(tt.left) {
				t.Errorf("%d pairs, %d in the dry run, want %d (%v)", done.Pairs, dry.Pairs, len(pairs)-len(tt.left), err)
			}
			var left []string
			for _, p := range rowsOf[shard.Pair](t, dir, shard.ShardsFolder) {
				left = append(left, p.ImageURL[len("https://a.example"):])
			}
			slices.Sort(left)
			if want := slices.Sorted(slices.Values(tt.left)); !slices.Equal(left, want) {
				t.Errorf("left are %v, want %v", left, want)
			}
		})
	}
}
