package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/frontier"
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

// TestPicturesOfRefusedPages holds that a removal by page, host or pair takes pictures off
// the disk that nothing else names, wherever they are, and that they are found before.
func TestPicturesOfRefusedPages(t *testing.T) {
	const site = "https://a.example"
	text := func(page, picture string) shard.Candidate {
		return shard.Candidate{PageURL: site + page, ImageURL: "https://cdn.example" + picture, Text: "a cat", TextSource: "alt", Source: "live"}
	}
	texts := []shard.Candidate{text("/1", "/one"), text("/1", "/both"), text("/2", "/both"), text("/2", "/two")}
	var matched []shard.Matched
	for _, c := range texts {
		matched = append(matched, shard.Matched{Candidate: c, PairID: shard.PairID(c.ImageURL, c.Text), ImageID: shard.ImageID(c.ImageURL), QueryIDs: []uint32{0}})
	}
	image := func(path string) *shard.Image {
		url := "https://cdn.example" + path
		return &shard.Image{ImageURL: url, ImageID: shard.ImageID(url), Bytes: []byte(path), Width: 1, Height: 1, FetchTime: 1}
	}
	for _, tt := range []struct {
		name  string
		entry refusal.Entry
		left  []string
		found int64
	}{
		{"a page", refusal.Entry{Kind: refusal.Address, Text: site + "/1"}, []string{"/both", "/two"}, 2},
		{"the host of pages", refusal.Entry{Kind: refusal.Host, Text: "a.example"}, nil, 6},
		{"a pair", refusal.Entry{Kind: refusal.Pair, Number: matched[0].PairID}, []string{"/both", "/two"}, 2},
		{"another page", refusal.Entry{Kind: refusal.Address, Text: site + "/3"}, []string{"/both", "/one", "/two"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFolder(t, dir, shard.CandidatesFolder+"/list-a", texts, 2)
			writeFolder(t, dir, shard.MatchedFolder, matched, 4)
			writeFolder(t, dir, shard.ImagesFolder, []shard.Image{*image("/one"), *image("/both"), *image("/two")}, 2)
			images := filepath.Join(dir, shard.ImagesFolder)
			if _, err := writeImages(images, handName(0), shard.Origin{}, []*shard.Image{image("/one"), image("/both"), image("/two")}); err != nil {
				t.Fatal(err)
			}
			asked := &shard.Image{ImageID: shard.ImageID("https://cdn.example/one"), Status: "gone", FetchTime: 2, Tries: 1}
			if _, err := writeImages(images, visitsName(0), shard.Origin{}, []*shard.Image{asked}); err != nil {
				t.Fatal(err)
			}
			look := func() Place {
				t.Helper()
				places, err := Absence{Dir: dir, Options: *testOptions(), List: refusal.New([]refusal.Entry{tt.entry})}.Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return places[slices.IndexFunc(places, func(p Place) bool { return p.Place == shard.ImagesFolder })]
			}
			if p := look(); p.Found != tt.found || (p.State == PlaceFound) != (tt.found > 0) {
				t.Errorf("before: %+v, want %d", p, tt.found)
			}
			r := Removal{Work: Work{Dir: dir, Options: *testOptions()}, Request: refusal.New([]refusal.Entry{tt.entry})}
			if _, err := Refuse(dir, tt.entry); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, shard.MatchedFolder)); err != nil { // its stage is not under test
				t.Fatal(err)
			}
			// Once and again, as after a kill.
			for range 2 {
				if err := r.compact(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if p := look(); p.State != PlaceAbsent {
				t.Errorf("after: %+v", p)
			}
			paths, err := arrowFilesBelow(images)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Concat(tt.left, tt.left)
			slices.Sort(want)
			var left []string
			for _, path := range paths {
				gone := !slices.Contains(tt.left, "/one")
				err := eachRow(t.Context(), path, func(_ int, i *shard.Image) error {
					if len(i.Bytes) > 0 {
						left = append(left, string(i.Bytes))
					}
					if gone && i.ImageID == asked.ImageID {
						t.Errorf("%s has a row of it", filepath.Base(path))
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if slices.Sort(left); !slices.Equal(left, want) {
				t.Errorf("left are %q, want %q", left, want)
			}
		})
	}
}

// TestPicturesThatNothingNames holds that pictures of which nobody can tell any more what
// page they are of are no proof of absence.
func TestPicturesThatNothingNames(t *testing.T) {
	dir := t.TempDir()
	image := shard.Image{ImageURL: "https://a.example/p", ImageID: shard.ImageID("https://a.example/p"), Bytes: []byte{1}}
	writeFolder(t, dir, shard.ImagesFolder, []shard.Image{image}, 1)
	for _, tt := range []struct {
		name  string
		entry refusal.Entry
		want  string
	}{
		{"a page", refusal.Entry{Kind: refusal.Address, Text: "https://a.example/1"}, PlaceUnknown},
		{"bytes", refusal.Entry{Kind: refusal.Picture, Number: 7}, PlaceAbsent},
		{"itself", refusal.Entry{Kind: refusal.Address, Text: image.ImageURL}, PlaceFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			places, err := Absence{Dir: dir, Options: *testOptions(), List: refusal.New([]refusal.Entry{tt.entry})}.Run(t.Context())
			if err != nil || places[0].State != tt.want {
				t.Errorf("%+v, want %s (%v)", places[0], tt.want, err)
			}
		})
	}
}

// TestRedirectedAndUnknown holds that a page goes under all addresses that the crawl was
// led through, and that an address which nothing in the folder ever had is told.
func TestRedirectedAndUnknown(t *testing.T) {
	const site = "http://a.example"
	for _, tt := range []struct {
		name, asked string
		redirected  []string
		unmatched   []string
	}{
		{"where it leads from", "/old", []string{"url " + site + "/middle", "url " + site + "/new"}, nil},
		{"where it leads to", "/new", []string{"url " + site + "/middle", "url " + site + "/old"}, nil},
		{"a page that is read where it is", "/other", nil, nil},
		{"a picture of a page", "/p.jpg", nil, nil},
		{"what nobody knows", "/real.jpg", nil, []string{"url " + site + "/real.jpg"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			f, _, err := frontier.Open(crawl.File(dir), 1)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var links []frontier.Link
			for _, path := range []string{"/old", "/middle", "/new", "/other"} {
				links = append(links, frontier.Link{URL: site + path})
			}
			if err := f.Seed(links); err != nil {
				t.Fatal(err)
			}
			leases, err := f.Lease(frontier.Level{}, 9, frontier.Rules{})
			if err != nil {
				t.Fatal(err)
			}
			to := map[string]string{"/old": site + "/middle", "/middle": site + "/new"}
			var results []frontier.Result
			for _, l := range leases {
				r := frontier.Result{Lease: l, Fetched: 1, Target: to[l.URL[len(site):]]}
				if r.Target == "" {
					r.Candidates = []shard.Candidate{{ImageURL: site + "/p.jpg", Text: "a cat", TextSource: "alt"}}
				} else {
					r.Reason = crawl.Redirected
				}
				results = append(results, r)
			}
			if _, _, err := f.Commit(results, 0); err != nil || len(results) != 4 {
				t.Fatal(len(results), err)
			}
			entry := refusal.Entry{Kind: refusal.Address, Text: site + tt.asked}
			r := Removal{Work: Work{Dir: dir, Options: *testOptions()}, Request: refusal.New([]refusal.Entry{entry})}
			done, err := r.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(done.Redirected)
			if !slices.Equal(done.Redirected, tt.redirected) || !slices.Equal(done.Unmatched, tt.unmatched) {
				t.Errorf("redirected %q, want %q; matched nothing %q, want %q", done.Redirected, tt.redirected, done.Unmatched, tt.unmatched)
			}
			list, err := Refusals(dir)
			if err != nil || list.Len() != 1+len(tt.redirected) || done.Asked != 1 {
				t.Errorf("%d entries are refused, %d asked (%v)", list.Len(), done.Asked, err)
			}
			with, _, err := WithRedirects(dir, refusal.New([]refusal.Entry{entry}))
			if err != nil || with.Len() != 1+len(tt.redirected) {
				t.Errorf("the proof looks for %d entries (%v)", with.Len(), err)
			}
		})
	}
}
