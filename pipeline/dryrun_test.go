package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/filter"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// triedFolder is a folder with candidates, matched pairs and pictures of which every
// rule that the options set drops some.
func triedFolder(t *testing.T) (dir string, o *Options) {
	t.Helper()
	dir, o = t.TempDir(), testOptions()
	o.Filter.Text.MinWords, o.Filter.Text.MaxWords, o.Filter.Text.MinCharacters, o.Filter.Text.DropFileNames = 2, 6, 7, true
	o.Filter.Text.MaxWordRepetition = 0.5
	o.Filter.Picture.MinShortSide, o.Filter.Picture.MaxAspectRatio, o.Filter.Picture.ObeyOptOut = 64, 2, true
	o.Dedup = dedup.Options{Exact: "picture", MaxURLsPerPicture: 3, MaxPicturesPerText: 4, PictureDistance: 4}
	o.Balance.MaxPairsPerQuery, o.Balance.Margin = 5, 0
	o.Match.PartPairs = 50
	writeList(t, filepath.Join(dir, "list.zst"), "cat", "dog", "fox", "red fox")
	const seed = 9
	r := rand.New(rand.NewPCG(seed, 0))
	words := strings.Fields("a red fox cat dog the the snow old old old tree on Friday")
	for _, producer := range []string{"crawl", "list-more"} {
		var lines strings.Builder
		for i := range 300 {
			var text []string
			for range 1 + r.IntN(8) {
				text = append(text, words[r.IntN(len(words))])
			}
			switch {
			case i%40 == 0:
				text = []string{"IMG_0001.jpg"}
			case i%7 == 0:
				text = []string{"the red fox"} // under many pictures
			}
			fmt.Fprintf(&lines, "page%d picture%d %s %s\n", r.IntN(50), r.IntN(220), []string{"alt", "title", "aria-label"}[r.IntN(3)], strings.Join(text, " "))
		}
		writeFolder(t, dir, shard.ProducerFolder(producer), candidatesOf(lines.String()), 100)
	}
	runStages(t, dir, o, MatchName)
	writeTriedPictures(t, dir)
	return dir, o
}

// writeTriedPictures writes the images folder: of each twentieth picture there is
// none, and of each third but so many it says that another has the same bytes.
func writeTriedPictures(t *testing.T, dir string) {
	t.Helper()
	var shown bytes.Buffer
	if err := jpeg.Encode(&shown, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	var images []shard.Image
	seen := map[uint64]bool{}
	for _, m := range rowsOf[shard.Matched](t, dir, shard.MatchedFolder) {
		if seen[m.ImageID] {
			continue
		}
		seen[m.ImageID] = true
		n := int32(len(images))
		i := shard.Image{
			ImageID: m.ImageID, ImageURL: m.ImageURL, HTTPStatus: 200, Bytes: shown.Bytes(), Format: "jpeg", Width: 40, Height: 30, Frames: 1, Spread: 3000,
			PictureHash: m.ImageID ^ 1, PHash: uint64(n/2) * 0x9e3779b97f4a7c15, OriginalFormat: "png", OriginalWidth: 50 + 4*n, OriginalHeight: 110 + n, OriginalBytes: 9000,
		}
		switch {
		case n%20 == 3:
			i = shard.Image{ImageID: m.ImageID, ImageURL: m.ImageURL, Status: "http_404", Detail: "404 Not Found", HTTPStatus: 404}
		case n%20 == 4:
			i.OptOut = "noai"
		case n%9 == 5:
			i.PictureHash = 77 // a placeholder
		case n%3 == 0:
			i.PictureHash = uint64(n / 6)
		}
		images = append(images, i)
	}
	writeFolder(t, dir, shard.ImagesFolder, images[:len(images)-2], 40)
}

func tryDry(t *testing.T, dir string, o *Options) *stats.DryRun {
	t.Helper()
	d, err := DryRun{Dir: dir, Options: o}.Run(t.Context(), func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// tallyOf is that of the folder's manifest.
func tallyOf(t *testing.T, dir, folder string) *shard.Tally {
	t.Helper()
	m, err := shard.ReadManifest(filepath.Join(dir, folder))
	if err != nil {
		t.Fatal(err)
	}
	return m.Tally
}

// TestDryRunIsWhatTheStagesDo holds the counts to those of match and curate, which
// are run afterwards by the same settings.
func TestDryRunIsWhatTheStagesDo(t *testing.T) {
	dir, o := triedFolder(t)
	o.Shard.HeldoutShare = 0.4
	before := digests(t, dir)
	d := tryDry(t, dir, o)
	if after := digests(t, dir); !maps.Equal(before, after) {
		t.Errorf("the dry run changed the folder:\n%v\n%v", before, after)
	}
	inOrder := map[string]map[string]int64{}
	for _, s := range d.Steps {
		inOrder[s.Name] = map[string]int64{}
		left := s.In
		for _, r := range s.Rules {
			inOrder[s.Name][r.Rule] = r.InOrder
			left -= r.InOrder
			if r.Alone == nil {
				if n := int64(len(r.Samples)); n != min(r.InOrder, stats.DropSamples) {
					t.Errorf("%s drops %d and shows %d", r.Rule, r.InOrder, n)
				}
				continue
			}
			if *r.Alone < r.InOrder || *r.Only > r.InOrder {
				t.Errorf("%s: %d alone, %d in order, %d only it", r.Rule, *r.Alone, r.InOrder, *r.Only)
			}
			if n := int64(len(r.Samples)); n > stats.DropSamples || *r.Alone > 0 && n == 0 || n > *r.Alone {
				t.Errorf("%s drops %d and shows %d", r.Rule, *r.Alone, n)
			}
			for _, w := range r.WhatIf {
				i := slices.IndexFunc(w.Rows, func(row stats.WhatIfRow) bool { return row.At == w.Today })
				if i < 0 || w.Rows[i].Others != s.Kept {
					t.Errorf("%s as it is: %+v, but %d pass", w.Key, w.Rows, s.Kept)
				} else if alone := s.In - w.Rows[i].Alone; len(r.WhatIf) == 1 && alone != *r.Alone {
					t.Errorf("%s as it is drops %d alone, the rule %d", w.Key, alone, *r.Alone)
				}
			}
		}
		if left != s.Kept {
			t.Errorf("%s: %d of %d %s are left after all rules, but %d pass", s.Name, left, s.In, s.Unit, s.Kept)
		}
	}
	match := tallyOf(t, dir, shard.MatchedFolder)
	if d.Candidates != match.In {
		t.Errorf("%d candidates, match had %d", d.Candidates, match.In)
	}
	for reason, n := range inOrder["texts"] {
		if match.Dropped[reason] != n {
			t.Errorf("%s drops %d texts, in match %d", reason, n, match.Dropped[reason])
		}
	}
	runStages(t, dir, o, CurateName)
	curate := tallyOf(t, dir, shard.SelectionFolder)
	var missing int64
	for _, n := range d.NotFetched {
		missing += n.Count
	}
	got := map[string]int64{ReasonNotFetched: missing}
	for _, step := range []string{"pictures", "exact_duplicates", "near_duplicates", "balance"} {
		for reason, n := range inOrder[step] {
			if n > 0 {
				got[reason] = n
			}
		}
	}
	for step, reasons := range map[string]string{
		"texts": "text_source characters file_name words word_repetition no_query", "pictures": "picture_opt_out short_side aspect_ratio",
		"exact_duplicates": "placeholder_picture duplicate_picture repeated_text", "near_duplicates": "held_out_copy near_duplicate_picture", "balance": "query_cap",
	} {
		for _, reason := range strings.Fields(reasons) {
			if inOrder[step][reason] == 0 {
				t.Errorf("%s drops nothing: it is not tried", reason)
			}
		}
	}
	if !maps.Equal(got, curate.Dropped) || d.Kept != curate.Kept || d.Matched != curate.In || d.Fetched != curate.In-missing {
		t.Errorf("dry: %v, %d kept of %d; curate: %v, %d kept of %d", got, d.Kept, d.Matched, curate.Dropped, curate.Kept, curate.In)
	}
}

// TestDryRunTriesWhatIsAllowed holds that each threshold that is tried may be set, with
// the other settings as they are.
func TestDryRunTriesWhatIsAllowed(t *testing.T) {
	dir, o := triedFolder(t)
	o.Filter.Text.MaxCharacters, o.Filter.Picture.MaxLongSide = 90, 9000
	tried := 0
	for _, s := range tryDry(t, dir, o).Steps {
		for _, r := range s.Rules {
			for _, w := range r.WhatIf {
				for _, row := range w.Rows {
					with := *o
					settings.Walk(reflect.ValueOf(&with).Elem(), func(path string, f settings.Field) {
						switch {
						case path != w.Key:
						case f.Value.CanInt():
							f.Value.SetInt(int64(row.At))
						default:
							f.Value.SetFloat(row.At)
						}
					})
					if tried++; with.Filter.Validate() != nil {
						t.Errorf("%s %v is tried: %v", w.Key, row.At, with.Filter.Validate())
					}
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("%d thresholds were tried", tried)
	}
}

// inOrderOf is what a rule of the step drops in order.
func inOrderOf(s stats.DryStep, rule string) (n int64) {
	for _, r := range s.Rules {
		if r.Rule == rule {
			n += r.InOrder
		}
	}
	return n
}

// TestEverySettingIsShown holds that each key of the sections filter and dedup stands
// with a rule.
func TestEverySettingIsShown(t *testing.T) {
	dir, o := triedFolder(t)
	o.Filter.Text.Require = filter.Classes
	shown := map[string]bool{}
	for _, s := range tryDry(t, dir, o).Steps {
		for _, r := range s.Rules {
			for _, x := range r.Settings {
				shown[x.Key] = true
				if x.Doc == "" {
					t.Errorf("%s: %s says nothing", r.Rule, x.Key)
				}
			}
		}
	}
	settings.Walk(reflect.ValueOf(*o), func(key string, _ settings.Field) {
		if section, _, _ := strings.Cut(key, "."); (section == "filter" || section == "dedup") && !shown[key] {
			t.Errorf("%s stands with no rule: name its rule in ruleSettings", key)
		}
	})
}

// TestWhatIfIsWhatCurateWouldDo curates by other limits of deduplication and of the
// balance.
func TestWhatIfIsWhatCurateWouldDo(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir, o := triedFolder(t)
	d := tryDry(t, dir, o)
	for _, tt := range []struct {
		key   string
		limit func(o *Options) *int
	}{
		{"dedup.max_urls_per_picture", func(o *Options) *int { return &o.Dedup.MaxURLsPerPicture }},
		{"dedup.max_texts_per_picture", func(o *Options) *int { return &o.Dedup.MaxTextsPerPicture }},
		{"dedup.max_pictures_per_text", func(o *Options) *int { return &o.Dedup.MaxPicturesPerText }},
		{"balance.max_pairs_per_query", func(o *Options) *int { return &o.Balance.MaxPairsPerQuery }},
	} {
		rows := 0
		for _, s := range d.Steps {
			for _, r := range s.Rules {
				for _, w := range r.WhatIf {
					if w.Key != tt.key {
						continue
					}
					for _, row := range w.Rows {
						rows++
						with := *o
						*tt.limit(&with) = int(row.At)
						runStages(t, dir, &with, CurateName)
						curate := tallyOf(t, dir, shard.SelectionFolder)
						kept := curate.Kept
						if s.Name == "exact_duplicates" {
							kept += curate.Dropped[ReasonQueryCap] + curate.Dropped[dedup.ReasonNearPicture]
						}
						if row.Others != kept {
							t.Errorf("%s %v: %d pass, in curate %d", w.Key, row.At, row.Others, kept)
						}
					}
				}
			}
		}
		if rows < 4 {
			t.Errorf("%s was tried at %d limits", tt.key, rows)
		}
	}
}

func TestDryRunIsTheSameForAnyWorkers(t *testing.T) {
	dir, o := triedFolder(t)
	read := func() (files [2]string) {
		for i, name := range []string{stats.DryRunPage, stats.DryRunFigures} {
			b, err := os.ReadFile(filepath.Join(dir, shard.DryRunFolder, name))
			if err != nil {
				t.Fatal(err)
			}
			files[i] = string(b)
		}
		return files
	}
	o.Workers = 1
	tryDry(t, dir, o)
	one := read()
	o.Workers, o.MemoryMiB = 8, 16
	tryDry(t, dir, o)
	if read() != one {
		t.Error("eight workers with less memory make another page than one")
	}
	o.Seed++
	tryDry(t, dir, o)
	if read() == one {
		t.Error("another seed chooses the same samples")
	}
}

// TestDryRunOfAnUnfinishedFolder tries what there is, and says what there is not.
func TestDryRunOfAnUnfinishedFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir, o := triedFolder(t)
	remove := func(folder, name string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	steps := func(d *stats.DryRun) (names []string) {
		for _, s := range d.Steps {
			names = append(names, s.Name)
		}
		return names
	}
	noted := func(d *stats.DryRun, what string) {
		t.Helper()
		if !strings.Contains(strings.Join(d.Notes, "\n"), what) {
			t.Errorf("the notes are %q, want one that says %q", d.Notes, what)
		}
	}
	whole := tryDry(t, dir, o)
	if len(whole.Notes) > 0 || whole.MatchDue {
		t.Errorf("of a folder in which all is done the page notes %q", whole.Notes)
	}

	// The candidates or the text rules changed since the last match.
	o.Filter.Text.MinWords++
	d := tryDry(t, dir, o)
	noted(d, "Match is due, for its settings changed")
	page, err := os.ReadFile(filepath.Join(dir, shard.DryRunFolder, stats.DryRunPage))
	if err != nil {
		t.Fatal(err)
	}
	if due, number := bytes.Index(page, []byte("Match is due")), bytes.Index(page, []byte("matched pairs of the last match")); !d.MatchDue || number < 0 || due > number {
		t.Errorf("match is due: %v; the page says so at %d and counts pairs of the last match at %d, want it before", d.MatchDue, due, number)
	}
	if d.Matched != whole.Matched || d.Steps[0].Kept >= whole.Steps[0].Kept {
		t.Errorf("%d pairs and %d texts, before %d and %d", d.Matched, d.Steps[0].Kept, whole.Matched, whole.Steps[0].Kept)
	}
	o.Filter.Text.MinWords--

	// A fetch was stopped: parts lie there, by its settings, and no manifest.
	images := rowsOf[shard.Image](t, dir, shard.ImagesFolder)
	fetch := Fetch{Dir: dir, Options: o.Fetch, Gate: o.Gate}.Stage()
	origin, err := fetch.origin()
	if err != nil {
		t.Fatal(err)
	}
	if err := shard.Clear(fetch.path(), func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	var rows []*shard.Image
	for i := range images[:50] {
		rows = append(rows, &images[i])
	}
	if _, err := writeImages(fetch.path(), partName(0), origin, rows); err != nil {
		t.Fatal(err)
	}
	d = tryDry(t, dir, o)
	noted(d, "Fetch is not finished: ")
	noted(d, "on the 50 pictures asked for so far")
	if d.Fetched == 0 || d.Fetched >= whole.Fetched || d.Matched != whole.Matched {
		t.Errorf("%d of %d pairs have a picture, with all parts %d of %d", d.Fetched, d.Matched, whole.Fetched, whole.Matched)
	}

	// Nothing was fetched.
	remove(shard.ImagesFolder, partName(0))
	if d = tryDry(t, dir, o); d.Fetched != 0 || d.Kept != 0 || d.NotFetched[0] != (stats.Name{Name: "never asked for", Count: d.Matched}) {
		t.Errorf("without pictures: %+v", d)
	}

	// Another query list: pairs know queries by their numbers.
	writeList(t, filepath.Join(dir, "list.zst"), "fox")
	d = tryDry(t, dir, o)
	noted(d, "The matched pairs are of another query list")
	if got := steps(d); !slices.Equal(got, []string{"texts"}) {
		t.Errorf("the steps are %v", got)
	}

	remove(shard.MatchedFolder, shard.ManifestName)
	d = tryDry(t, dir, o)
	noted(d, "No match has finished")
	if got := steps(d); !slices.Equal(got, []string{"texts"}) || d.Candidates != whole.Candidates {
		t.Errorf("without matched pairs the steps are %v", got)
	}
	for _, producer := range []string{"crawl", "list-more"} {
		remove(shard.ProducerFolder(producer), shard.ManifestName)
	}
	var configuration *ConfigurationError
	if _, err := (DryRun{Dir: dir, Options: o}).Run(t.Context(), func(int64, int64) {}); !errors.As(err, &configuration) || !strings.Contains(err.Error(), "run pairloom crawl first") {
		t.Errorf("without candidates: %v", err)
	}
}

func TestDryRunStops(t *testing.T) {
	dir, o := triedFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	d := DryRun{Dir: dir, Options: o}
	if _, err := d.Run(ctx, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if exists(filepath.Join(dir, shard.DryRunFolder)) {
		t.Error("a page was written")
	}
}

// digests are all files of the folder but the dry run's, with their content.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || strings.HasPrefix(name, shard.DryRunFolder) {
			return err
		}
		text, err := os.ReadFile(path)
		files[name] = shard.FileOf(name, text).XXH64
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
