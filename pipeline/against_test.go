package pipeline

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/internal/picture"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

var testPictureChild = []string{"env", asChild + "=1", os.Args[0]}

// scene is a picture of soft spots, another for each number.
func scene(number uint64) *image.NRGBA {
	r := rand.New(rand.NewPCG(number, 77))
	type spot struct{ x, y, size, r, g, b float64 }
	var spots []spot
	for range 14 {
		spots = append(spots, spot{r.Float64(), r.Float64(), 0.05 + 0.2*r.Float64(), 255 * r.Float64(), 255 * r.Float64(), 255 * r.Float64()})
	}
	const w, h = 240, 200
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			red, green, blue, sum := 12.0, 12.0, 12.0, 0.1
			for _, s := range spots {
				dx, dy := float64(x)/w-s.x, float64(y)/h-s.y
				v := math.Exp(-(dx*dx + dy*dy) / (s.size * s.size))
				red, green, blue, sum = red+v*s.r, green+v*s.g, blue+v*s.b, sum+v
			}
			img.SetNRGBA(x, y, color.NRGBA{uint8(red / sum), uint8(green / sum), uint8(blue / sum), 255})
		}
	}
	return img
}

func pngOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// againstSite is a dataset up to its pictures, whose addresses end in what they show,
// and an evaluation set of the scenes 1 to 3.
func againstSite(t *testing.T) (dir string, o *Options) {
	dir, o = t.TempDir(), testOptions()
	o.Dedup.AgainstOptions = dedup.AgainstOptions{Against: []string{"exam", "other"}, AgainstDistance: 10, AgainstCorrelation: 0.9, AgainstTextSimilarity: 0.8, AgainstTextWords: 5}
	o.Dedup.TextMinCharacters = 20
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	for i := range uint64(3) {
		write(t, filepath.Join(dir, fmt.Sprintf("exam/%d.png", i+1)), pngOf(t, scene(i+1)))
	}
	write(t, filepath.Join(dir, "exam/1.txt"), []byte("A black cat that sleeps on the warm kitchen stove\na cat outside\n"))
	write(t, filepath.Join(dir, "exam/2.txt"), []byte("A cat and two kittens in a basket by the window"))
	write(t, filepath.Join(dir, "exam/broken.png"), []byte("no picture"))
	write(t, filepath.Join(dir, "other/1.png"), pngOf(t, scene(50)))
	write(t, filepath.Join(dir, "other/1.txt"), []byte("nothing of the kind is in this dataset"))
	write(t, filepath.Join(dir, "exam/.hidden"), []byte("what a file manager left"))
	writeCandidates(t, dir, map[string]string{"crawl": strings.Join([]string{
		"a as-it-is alt one cat",
		"a smaller alt two cat",
		"a cropped alt three cat",
		"a another alt four cat",
		"a third alt A black cat that sleeps on the warm kitchen stove",
		"a fourth alt a cat and two kittens in a basket by the window!",
		"a fifth alt a cat outside",
		"a sixth alt the cat of the neighbours, from behind",
		"a seventh alt the cat of the neighbours, from behind!",
	}, "\n")})
	runStages(t, dir, o, MatchName)
	bounds, second := scene(1).Bounds(), scene(2)
	var small bytes.Buffer
	half := image.NewNRGBA(image.Rect(0, 0, bounds.Dx()/2, bounds.Dy()/2))
	for y := range half.Rect.Dy() {
		for x := range half.Rect.Dx() {
			half.SetNRGBA(x, y, second.NRGBAAt(2*x, 2*y))
		}
	}
	if err := jpeg.Encode(&small, half, &jpeg.Options{Quality: 40}); err != nil {
		t.Fatal(err)
	}
	pictures := map[string][]byte{
		"as-it-is": pngOf(t, scene(1)), "smaller": small.Bytes(),
		"cropped": pngOf(t, scene(3).SubImage(image.Rect(12, 10, bounds.Dx()-12, bounds.Dy()-10))),
	}
	for i, name := range []string{"another", "third", "fourth", "fifth", "sixth", "seventh"} {
		pictures[name] = pngOf(t, scene(uint64(100+i)))
	}
	pool, err := picture.NewPool(testPictureChild, 1, picture.PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var images []shard.Image
	seen := map[uint64]bool{}
	for _, m := range rowsOf[shard.Matched](t, dir, shard.MatchedFolder) {
		data := pictures[filepath.Base(m.ImageURL)]
		r, err := pool.Process(context.Background(), data)
		if err != nil || r.Reason != "" {
			t.Fatal(err, r.Reason)
		}
		if seen[m.ImageID] {
			continue
		}
		seen[m.ImageID] = true
		images = append(images, shard.Image{
			ImageID: m.ImageID, ImageURL: m.ImageURL, HTTPStatus: 200, Bytes: r.Bytes, Width: int32(r.Width), Height: int32(r.Height), Format: "jpeg",
			PictureHash: xxhash.Sum64(data), PHash: r.PHash, OriginalFormat: r.OriginalFormat, OriginalWidth: 300, OriginalHeight: 300, OriginalBytes: 1000,
		})
	}
	writeFolder(t, dir, shard.ImagesFolder, images, 2)
	return dir, o
}

func curateStage(dir string, o *Options) Curate {
	return Curate{dir, o.Filter, o.Dedup, o.Balance, o.Seed, o.Shard.HeldoutShare, o.memory(), NewQueryList(dir, o.Match.Queries), testPictureChild, o.workers()}
}

func TestEvaluationSets(t *testing.T) {
	dir, o := againstSite(t)
	var first map[string]string
	for _, workers := range []int{1, 4} {
		o.Workers, o.MemoryMiB = workers, 16*workers
		if _, err := curateStage(dir, o).Run(t.Context(), func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
		var files = map[string]string{}
		for _, name := range []string{"part-00000.arrow", "part-00001.arrow", OverlapName, stats.DuplicatesName, shard.ManifestName} {
			data, err := os.ReadFile(filepath.Join(dir, shard.SelectionFolder, name))
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(data)
		}
		if first == nil {
			first = files
		}
		for name, data := range files {
			if first[name] != data {
				t.Errorf("%s is another with %d workers", name, workers)
			}
		}
	}
	matched := rowsOf[shard.Matched](t, dir, shard.MatchedFolder)
	got, ids := map[string]shard.Selection{}, map[string]string{}
	for i, s := range rowsOf[shard.Selection](t, dir, shard.SelectionFolder) {
		name := filepath.Base(matched[i].ImageURL)
		got[name], ids[shard.FormatPairID(s.PairID)] = s, name
	}
	for _, tt := range []struct{ picture, reason, detail string }{
		{"as-it-is", dedup.ReasonEvaluationPicture, "exam/1.png: 0 bits of the hashes differ, correlation 1.00"},
		{"smaller", dedup.ReasonEvaluationPicture, "exam/2.png"},
		{"cropped", dedup.ReasonEvaluationPicture, "exam/3.png"},
		{"another", "", ""},
		{"third", dedup.ReasonEvaluationText, "exam/1.png: similarity 1.00 of against_text_similarity 0.8"},
		{"fourth", dedup.ReasonEvaluationText, "exam/2.png"},
		{"fifth", "", ""}, // the evaluation text has three words
		{"sixth", "", ""},
		{"seventh", "", ""}, // near texts are off
	} {
		if s := got[tt.picture]; s.Reason != tt.reason || !strings.Contains(s.Detail, tt.detail) {
			t.Errorf("%s: %q, %q; want %q, %q", tt.picture, s.Reason, s.Detail, tt.reason, tt.detail)
		}
	}

	data, err := os.ReadFile(filepath.Join(dir, shard.SelectionFolder, OverlapName))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, row := range rows[1:] {
		list = append(list, ids[row[0]]+" "+row[1]+" "+filepath.Base(row[2]))
	}
	slices.Sort(list)
	want := []string{
		"as-it-is evaluation_picture 1.png", "cropped evaluation_picture 3.png", "fourth evaluation_text 2.png",
		"smaller evaluation_picture 2.png", "third evaluation_text 1.png",
	}
	if !slices.Equal(rows[0], overlapHeader) || !slices.Equal(list, want) {
		t.Errorf("%s lists %v, want %v", OverlapName, list, want)
	}
	found, err := stats.ReadDuplicates(filepath.Join(dir, shard.SelectionFolder))
	if err != nil {
		t.Fatal(err)
	}
	wantSets := []stats.OverlapSet{
		{Set: "exam", Pictures: 3, Texts: 2, PicturePairs: 3, TextPairs: 2},
		{Set: "other", Pictures: 1, Texts: 1},
	}
	if got := found.Overlap; !slices.Equal(got.Sets, wantSets) || !slices.Equal(got.LeftOut, stats.Names{{Name: picture.ReasonFormatUnknown, Count: 1}}) {
		t.Errorf("the sets are %+v without %v, want %+v without one that is no picture", got.Sets, got.LeftOut, wantSets)
	}
	var shown []string
	last := 0.0
	for _, p := range found.Overlap.Shown {
		shown = append(shown, ids[p.PairID]+" "+filepath.Base(p.Like))
		if p.Correlation < last || p.Correlation > 1 || len(p.Ours.Bytes) == 0 || len(p.Theirs.Bytes) == 0 {
			t.Errorf("%s: correlation %v after %v, %d and %d bytes of pictures", p.Like, p.Correlation, last, len(p.Ours.Bytes), len(p.Theirs.Bytes))
		}
		last = p.Correlation
	}
	slices.Sort(shown)
	if want := []string{"as-it-is 1.png", "cropped 3.png", "smaller 2.png"}; !slices.Equal(shown, want) {
		t.Errorf("%v are shown, want %v", shown, want)
	}
}

// TestReportShowsEvaluationSets makes the page of a whole run: the section is there when
// sets are named, with both pictures of each, and not when none is.
func TestReportShowsEvaluationSets(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir, o := againstSite(t)
	o.Dedup.PictureDistance = 4
	page := func() string {
		t.Helper()
		if _, err := curateStage(dir, o).Run(t.Context(), func(int64, int64) {}); err != nil {
			t.Fatal(err)
		}
		runStages(t, dir, o, ShardName, ReportName)
		data, err := os.ReadFile(filepath.Join(dir, shard.ReportFolder, stats.PageName))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const section, clusters = "Evaluation sets in the dataset", "Pictures that look alike"
	with := page()
	for _, part := range []string{
		section, clusters, "3 pairs were dropped as their picture is an evaluation picture, and 2 for their text", "1 <code>picture_format_unknown</code>",
		"All of them, the least alike first", `alt="the pair's picture"`, `src="data:image/jpeg;base64,`, `class="square" src="data:image/png;base64,`,
	} {
		if !strings.Contains(with, part) {
			t.Errorf("the report lacks %q", part)
		}
	}
	o.Dedup.Against, o.Dedup.PictureDistance = nil, 0
	without := page()
	for _, part := range []string{section, clusters} {
		if strings.Contains(without, part) {
			t.Errorf("the report has %q, where none is asked for", part)
		}
	}
	// A selection of before these were written is reported, with a note.
	selection := filepath.Join(dir, shard.SelectionFolder)
	m, err := shard.ReadManifest(selection)
	if err != nil {
		t.Fatal(err)
	}
	m.Files = slices.DeleteFunc(m.Files, func(f shard.File) bool { return f.Name == stats.DuplicatesName })
	if err := errors.Join(shard.WriteManifest(selection, m), os.Remove(filepath.Join(selection, stats.DuplicatesName))); err != nil {
		t.Fatal(err)
	}
	road := Road(Work{Dir: dir, Options: *o})
	outcome, err := road[slices.IndexFunc(road, func(s Stage) bool { return s.Name == ReportName })].Run(t.Context(), func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if notes := outcome.Result.(Reported).Notes; len(notes) != 1 || !strings.Contains(notes[0], "run pairloom curate") {
		t.Errorf("the notes are %q", notes)
	}
}

// TestDryRunIsWhatLaterStepsDo holds what the dry run says of evaluation sets and near
// texts to what curate drops by the same settings.
func TestDryRunIsWhatLaterStepsDo(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir, o := againstSite(t)
	o.Dedup.PictureDistance, o.Dedup.TextSimilarity = 4, 0.8
	d, err := DryRun{Dir: dir, Options: o, PictureChild: testPictureChild}.Run(t.Context(), func(int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := curateStage(dir, o).Run(t.Context(), func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	curate := tallyOf(t, dir, shard.SelectionFolder)
	page, err := os.ReadFile(filepath.Join(dir, shard.DryRunFolder, stats.DryRunPage))
	if err != nil {
		t.Fatal(err)
	}
	step := d.Steps[slices.IndexFunc(d.Steps, func(s stats.DryStep) bool { return s.Name == "near_duplicates" })]
	for _, reason := range []string{dedup.ReasonEvaluationPicture, dedup.ReasonEvaluationText, dedup.ReasonNearText} {
		n := inOrderOf(step, reason)
		if n == 0 || n != curate.Dropped[reason] {
			t.Errorf("%s drops %d, in curate %d; want as many, and some", reason, n, curate.Dropped[reason])
		}
		if said := fmt.Sprintf("Drops %d of %d pairs", n, step.In); !bytes.Contains(page, []byte(said)) {
			t.Errorf("the page does not say %q of %s", said, reason)
		}
		i := slices.IndexFunc(step.Rules, func(r stats.DropRule) bool { return r.Rule == reason })
		if r := step.Rules[i]; r.Alone != nil || r.Only != nil || int64(len(r.Samples)) != n {
			t.Errorf("%s: %v alone, %v only, %d samples; want neither, and all %d", reason, r.Alone, r.Only, len(r.Samples), n)
		}
	}
	if said := "What it would drop alone was not tried"; bytes.Count(page, []byte(said)) != 3 {
		t.Errorf("the page says %q %d times, want it of the three rules that drop", said, bytes.Count(page, []byte(said)))
	}
	if d.Kept != curate.Kept {
		t.Errorf("%d are kept, in curate %d", d.Kept, curate.Kept)
	}
}

// TestOverlapShowsTheLeastAlike takes more verdicts than the report has room for.
func TestOverlapShowsTheLeastAlike(t *testing.T) {
	o := newOverlap(&evaluationSets{each: make([]stats.OverlapSet, 3), ends: []int{1, 1, 9}}, t.TempDir())
	defer o.Close()
	const pairs = 300
	for i := range uint64(pairs) {
		v := &dedup.Verdict{Pair: dedup.Pair{Place: i, PairID: i}, Reason: dedup.ReasonEvaluationPicture, Like: i % 9, Likeness: 0.9 + float64(i*77%pairs)/1e4}
		if err := o.add(v); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.shown) != stats.OverlapShown {
		t.Errorf("%d are shown, want %d", len(o.shown), stats.OverlapShown)
	}
	for i, v := range o.shown {
		if want := 0.9 + float64(i)/1e4; v.Likeness != want { // i*77 mod 300 has each value once
			t.Errorf("number %d has correlation %v, want %v", i, v.Likeness, want)
		}
	}
	if got, want := []int64{o.sets.each[0].PicturePairs, o.sets.each[1].PicturePairs, o.sets.each[2].PicturePairs}, []int64{34, 0, 266}; !slices.Equal(got, want) {
		t.Errorf("pairs of the sets %v, want %v: one without an entry has none", got, want)
	}
}

// TestEvaluationPicturesAreDecodedOnce opens the sets again with children that do not
// start, which works as long as nothing is decoded.
func TestEvaluationPicturesAreDecodedOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("TestEvaluationSets starts what it does; children that the race detector watches take seconds to start")
	}
	dir, o := againstSite(t)
	if err := os.Remove(filepath.Join(dir, "exam/broken.png")); err != nil {
		t.Fatal(err)
	}
	images, err := manifest(dir, shard.ImagesFolder)
	if err != nil {
		t.Fatal(err)
	}
	open := func(child []string) (*evaluationSets, error) {
		c := curateStage(dir, o)
		c.PictureChild = child
		return c.openEvaluationSets(t.Context(), images)
	}
	nothing := []string{"/nonexistent/child"}
	if _, err := open(nothing); err == nil {
		t.Fatal("pictures were decoded by a child that does not start")
	}
	first, err := open(testPictureChild)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	again, err := open(nothing)
	if err != nil {
		t.Fatalf("the second run decodes: %v", err)
	}
	defer again.Close()
	for i := range first.thumbs.len() {
		a, _ := first.thumbs.read(i)
		b, _ := again.thumbs.read(i)
		if a != b || a.content == 0 {
			t.Errorf("picture %d looks otherwise the second time", i)
		}
	}
	path := filepath.Join(dir, thumbsName)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"cut off": whole[:len(whole)-5], "a bit flipped": append(append(bytes.Clone(whole[:3000]), whole[3000]^1), whole[3001:]...),
		"empty": nil, "of another program": bytes.Repeat([]byte("x"), len(whole)),
	} {
		write(t, path, damaged)
		if _, err := open(nothing); err == nil {
			t.Errorf("%s: what is damaged was taken for what pictures look like", name)
		}
		e, err := open(testPictureChild)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e.Close()
		if again, _ := os.ReadFile(path); !bytes.Equal(again, whole) {
			t.Errorf("%s: the file is not made again", name)
		}
	}
}

func TestEvaluationEntries(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	writeCandidates(t, dir, map[string]string{"crawl": "a one alt a cat\n a two alt the cat\n a three alt cat"})
	runStages(t, dir, o, MatchName, FetchName, CurateName, ShardName)
	write(t, filepath.Join(dir, "set/b.jpg"), []byte("picture b"))
	write(t, filepath.Join(dir, "set/a.png"), []byte("picture a"))
	write(t, filepath.Join(dir, "set/a.txt"), []byte("caption one\ncaption two"))
	write(t, filepath.Join(dir, "notes.doc"), []byte("x"))
	write(t, filepath.Join(dir, "bad.parquet"), []byte("PAR1"))
	for _, tt := range []struct {
		path string
		want int
		err  string
	}{
		{filepath.Join(dir, "set"), 2, ""},
		{dir, 3, ""},
		{filepath.Join(dir, shard.ShardsFolder), 3, ""},
		{"../trainer/evaluate/testdata/parquet/set.parquet", 8, ""},
		{filepath.Join(dir, "notes.doc"), 0, "neither a folder nor a file whose name ends in .parquet"},
		{filepath.Join(dir, "bad.parquet"), 0, "no whole Parquet file"},
		{filepath.Join(dir, "missing"), 0, "no such file"},
	} {
		var entries []evaluationEntry
		err := eachEvaluationEntry(tt.path, func(e evaluationEntry) error {
			if e.name == "" || len(e.picture) == 0 && !strings.HasSuffix(e.name, "set.parquet row 4") { // it has none
				t.Errorf("%s: entry %d is %+v", tt.path, len(entries), e)
			}
			entries = append(entries, e)
			return nil
		})
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) || len(entries) != tt.want {
			t.Errorf("%s: %d entries, %v; want %d, %q", tt.path, len(entries), err, tt.want, tt.err)
		}
		if tt.want == 2 && (!slices.Equal(entries[0].texts, []string{"caption one", "caption two"}) || filepath.Base(entries[1].name) != "b.jpg") {
			t.Errorf("a folder of pictures has %+v", entries)
		}
	}
}

func TestNearTextsInCurate(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	o.Dedup.TextSimilarity, o.Dedup.TextMinCharacters = 0.8, 20
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	writeCandidates(t, dir, map[string]string{"crawl": "a one alt a black cat that sleeps on the warm kitchen stove\n a two alt A black cat that sleeps on the warm kitchen stove.\n a three alt a cat"})
	runStages(t, dir, o, MatchName, FetchName, CurateName)
	reasons := map[string]int{}
	for _, s := range rowsOf[shard.Selection](t, dir, shard.SelectionFolder) {
		if reasons[s.Reason]++; s.Reason != "" && !strings.Contains(s.Detail, "which stays: similarity 0.9") {
			t.Errorf("detail %q", s.Detail)
		}
	}
	if reasons[""] != 2 || reasons[dedup.ReasonNearText] != 1 {
		t.Errorf("the verdicts are %v, want one near duplicate of three", reasons)
	}
	if exists(filepath.Join(dir, shard.SelectionFolder, OverlapName)) {
		t.Errorf("%s is there without evaluation sets", OverlapName)
	}
}

func TestVerifyHoldsOverlapFilesAgainstTheirSums(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir, o := againstSite(t)
	if _, err := curateStage(dir, o).Run(t.Context(), func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	faults := func() (list []string) {
		v, err := Verify{Dir: dir, Options: *o}.Run(t.Context(), func(int64, int64) {})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range v.Faults {
			if strings.HasPrefix(f.Path, shard.SelectionFolder) {
				list = append(list, f.Path+" "+f.What)
			}
		}
		return list
	}
	if list := faults(); list != nil {
		t.Errorf("a sound selection has faults: %v", list)
	}
	path := filepath.Join(dir, shard.SelectionFolder, OverlapName)
	write(t, path, []byte("pair_id\n"))
	if list := faults(); len(list) != 1 || !strings.Contains(list[0], OverlapName) || !strings.Contains(list[0], "checksum") {
		t.Errorf("faults %v, want the checksum of %s", list, OverlapName)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if list := faults(); len(list) != 1 || !strings.Contains(list[0], "missing") {
		t.Errorf("faults %v, want that %s is missing", list, OverlapName)
	}
}

// TestEvaluationSetsThatHoldNothing holds that a set of which nothing is held against
// the pairs ends the run, by an error that names the set, where it lies and what is
// wrong with it.
func TestEvaluationSetsThatHoldNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("TestEvaluationSets starts what it does; children that the race detector watches take seconds to start")
	}
	dir, o := againstSite(t)
	other := t.TempDir()
	write(t, filepath.Join(other, "new/pairloom.yaml"), []byte("seed: 1\n"))
	write(t, filepath.Join(other, "stopped/shards/part.parquet.tmp"), []byte("x"))
	write(t, filepath.Join(other, "own-shards/pairloom.yaml"), []byte("seed: 1\n"))
	write(t, filepath.Join(other, "own-shards/shards/part.parquet.tmp"), []byte("x"))
	write(t, filepath.Join(other, "papers/a.doc"), []byte("x"))
	write(t, filepath.Join(other, "papers/b.doc"), []byte("x"))
	write(t, filepath.Join(other, "short/a.doc"), []byte("x"))
	write(t, filepath.Join(other, "short/a.txt"), []byte("a cat\n"))
	write(t, filepath.Join(dir, "shards/left"), nil)
	if err := os.Mkdir(filepath.Join(other, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(other, name) }
	for _, tt := range []struct {
		set  string
		want []string
	}{
		{at("new"), []string{at("new"), "no finished shards yet", "run pairloom there first"}},
		{at("stopped"), []string{at("stopped"), "no finished shards yet"}},
		{at("own-shards/shards"), []string{"no finished shards yet"}},
		{at("papers"), []string{at("papers"), "2 files or rows that have no picture"}},
		{at("short"), []string{at("short"), "1 files or rows that have no picture", "1 texts", "against_text_words 5"}},
		{at("empty"), []string{at("empty"), "0 files or rows"}},
		{"../nosuch", []string{"../nosuch", filepath.Join(filepath.Dir(dir), "nosuch"), "relative to the dataset's folder"}},
		{".", []string{dir, "this dataset itself"}},
		{"shards", []string{filepath.Join(dir, "shards"), "this dataset itself"}},
	} {
		with := *o
		with.Dedup.Against = []string{"exam", tt.set} // the other set does not make up for it
		_, err := curateStage(dir, &with).Run(t.Context(), func(int64, int64) {})
		var configuration *ConfigurationError
		if !errors.As(err, &configuration) {
			t.Errorf("%s: %v, want a wrong setting", tt.set, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", tt.set, err, want)
			}
		}
	}
}
