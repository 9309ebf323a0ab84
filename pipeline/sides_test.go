package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/shard"
)

// aWorld is pairs of pictures of which many look alike, some are equal, and some stand
// under several addresses and texts.
func aWorld(r *rand.Rand, pairs int) (matched []shard.Matched, images []shard.Image) {
	var hashes []uint64 // each has half of its bits set
	for i := range pairs * 2 / 3 {
		h := uint64(0)
		if i > 0 && r.IntN(4) > 0 {
			h = hashes[r.IntN(len(hashes))]
		} else {
			for _, bit := range r.Perm(64)[:32] {
				h |= 1 << bit
			}
		}
		for range r.IntN(3) {
			set, clear := r.IntN(64), r.IntN(64)
			if h>>set&1 == 1 && h>>clear&1 == 0 {
				h ^= 1<<set | 1<<clear
			}
		}
		hashes = append(hashes, h)
	}
	for i := range pairs {
		picture := r.IntN(len(hashes))
		m := shard.Matched{Candidate: shard.Candidate{
			PageURL: "https://page.example/", ImageURL: fmt.Sprintf("https://pictures.example/%d/%d", picture, r.IntN(2)), Text: fmt.Sprintf("a cat %d", i%40), TextSource: "alt", Source: "live",
		}, QueryIDs: []uint32{0}}
		m.PairID, m.ImageID = shard.PairID(m.ImageURL, m.Text), shard.ImageID(m.ImageURL)
		size := int32(200 + picture*7919%13)
		matched = append(matched, m)
		images = append(images, shard.Image{
			ImageID: m.ImageID, ImageURL: m.ImageURL, HTTPStatus: 200, Bytes: []byte("jpeg"), Format: "jpeg", Width: 20, Height: 20, Frames: 1, Spread: 3000,
			PictureHash: uint64(1000 + picture), PHash: hashes[picture], OriginalFormat: "png", OriginalWidth: size, OriginalHeight: size, OriginalBytes: 1000,
		})
	}
	return matched, images
}

// writeWorld writes the pairs of these numbers as match and fetch would.
func writeWorld(t *testing.T, dir string, matched []shard.Matched, images []shard.Image, numbers []int) {
	t.Helper()
	rows, pictures := map[uint64]shard.Matched{}, map[uint64]shard.Image{}
	for _, i := range numbers {
		rows[matched[i].PairID], pictures[images[i].ImageID] = matched[i], images[i]
	}
	writeFolder(t, dir, shard.MatchedFolder, slices.SortedFunc(maps.Values(rows), func(a, b shard.Matched) int {
		return cmp.Or(cmp.Compare(a.ImageID, b.ImageID), cmp.Compare(a.PairID, b.PairID))
	}), 20)
	writeFolder(t, dir, shard.ImagesFolder, slices.SortedFunc(maps.Values(pictures), func(a, b shard.Image) int { return cmp.Compare(a.ImageID, b.ImageID) }), 30)
}

// sided is a pair of the dataset.
type sided struct {
	heldOut        bool
	picture, phash uint64
}

// sidesOf are the pairs of the dataset, by where they lie.
func sidesOf(t *testing.T, dir string) map[uint64]sided {
	t.Helper()
	dataset, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder))
	if err != nil {
		t.Fatal(err)
	}
	pairs := map[uint64]sided{}
	for _, side := range []string{shard.Training, shard.HeldOut} {
		for row, err := range dataset.Rows(side, "pair_id", "picture_hash", "phash") {
			if err != nil {
				t.Fatal(err)
			}
			if _, twice := pairs[row.PairID]; twice {
				t.Fatalf("pair %016x is there twice", row.PairID)
			}
			pairs[row.PairID] = sided{side == shard.HeldOut, row.PictureHash, row.PHash}
		}
	}
	return pairs
}

// TestSidesOfAGrowingDataset grows datasets in random order, by four runs. Whatever may
// repeat in them: no pair changes sides; no held-out picture looks like one that is
// trained on, nor like one that ever was; and what is there at the end is what one run
// over all pairs makes.
func TestSidesOfAGrowingDataset(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of runs, and no goroutine among them")
	}
	const worlds = 3
	for _, tt := range []struct {
		name     string
		exact    string
		distance int
		share    float64
		reasons  []string // for which pairs are dropped
	}{
		{"one pair a picture, none alike", "picture", 4, 0.2, []string{dedup.ReasonHeldOutCopy, dedup.ReasonNearPicture, dedup.ReasonDuplicate}},
		{"one pair a picture, alike by less", "picture", 2, 0.5, []string{dedup.ReasonHeldOutCopy, dedup.ReasonNearPicture, dedup.ReasonDuplicate}},
		{"all texts of a picture, none alike", "none", 4, 0.2, []string{dedup.ReasonHeldOutCopy, dedup.ReasonNearPicture}},
		{"all texts of a picture, those alike too", "none", 0, 0.2, []string{dedup.ReasonHeldOutCopy}},
		{"one pair a picture, those alike too", "picture", 0, 0.5, []string{dedup.ReasonHeldOutCopy, dedup.ReasonDuplicate}},
		{"nothing held out", "picture", 4, 0, []string{dedup.ReasonNearPicture, dedup.ReasonDuplicate}},
		{"nothing held out, those alike too", "none", 0, 0, []string{}},
		{"all held out", "picture", 4, 1, []string{dedup.ReasonNearPicture, dedup.ReasonDuplicate}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reasons := map[string]bool{}
			for world := range worlds {
				r := rand.New(rand.NewPCG(uint64(world), 15))
				matched, images := aWorld(r, 120)
				var last map[uint64]sided
				for range 2 { // orders of growth
					last = growWorld(t, r, tt.exact, tt.distance, tt.share, matched, images, last, reasons)
				}
			}
			if got, want := slices.Sorted(maps.Keys(reasons)), slices.Sorted(slices.Values(tt.reasons)); !slices.Equal(got, want) {
				t.Errorf("pairs are dropped for %v, want %v", got, want)
			}
		})
	}
}

func growWorld(t *testing.T, r *rand.Rand, exact string, distance int, share float64, matched []shard.Matched, images []shard.Image, want map[uint64]sided, reasons map[string]bool) map[uint64]sided {
	t.Helper()
	dir, o := t.TempDir(), testOptions()
	o.Dedup.Exact, o.Dedup.PictureDistance, o.Shard.HeldoutShare, o.Balance.MaxPairsPerQuery = exact, distance, share, 0
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	near := distance
	if near == 0 {
		near = dedup.SidesDistance
	}
	order, ever := r.Perm(len(matched)), map[uint64]sided{}
	var now map[uint64]sided
	for generation := range 4 {
		writeWorld(t, dir, matched, images, order[:len(order)*(generation+1)/4])
		runStages(t, dir, o, CurateName, ShardName)
		for _, s := range rowsOf[shard.Selection](t, dir, shard.SelectionFolder) {
			if s.Reason != "" {
				reasons[s.Reason] = true
			}
		}
		now = sidesOf(t, dir)
		for id, p := range now {
			if before, ok := ever[id]; ok && before != p {
				t.Fatalf("generation %d: pair %016x was %+v and is %+v", generation, id, before, p)
			}
			if ever[id] = p; p.heldOut != shard.HeldOutPicture(o.Seed, share, p.picture) {
				t.Fatalf("generation %d: pair %016x lies on the other side than its picture's hash says", generation, id)
			}
		}
		for id, p := range now {
			for other, q := range ever {
				if p.heldOut && !q.heldOut && bits.OnesCount64(p.phash^q.phash) <= near {
					t.Fatalf("generation %d: held-out pair %016x looks like %016x, which is or was trained on", generation, id, other)
				}
			}
		}
	}
	if want != nil && !maps.Equal(now, want) {
		t.Fatalf("grown in another order the dataset is another: %d pairs, %d", len(now), len(want))
	}
	return now
}
