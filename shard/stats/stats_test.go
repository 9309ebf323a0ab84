package stats

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/shard"
)

var update = flag.Bool("update", false, "write the golden files anew")

func jpegOf(t testing.TB, w, h int, c color.NRGBA) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{c.R, uint8(255 * x / w), uint8(255 * y / h), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// somePairs are n pairs from few hosts, with a tail of queries and sizes, and
// some texts that mean harm.
func somePairs(t testing.TB, n int) []shard.Pair {
	rng := rand.New(rand.NewPCG(7, 11))
	zipf := rand.NewZipf(rng, 1.3, 4, 400)
	hostile := []string{
		`<script>alert("x")</script> a fox`, `"><img src=http://evil.example/x onerror=alert(1)>`,
		"</figcaption></main> & fox", "javascript:alert(1) {{.Pairs}}", "шалаш \u202e right to left",
	}
	words := strings.Fields("a red fox in deep snow above the old harbour at dusk with two boats and one tired sailor")
	pictures := [][]byte{jpegOf(t, 341, 256, color.NRGBA{R: 200}), jpegOf(t, 256, 300, color.NRGBA{R: 20}), []byte("damaged")}
	var out []shard.Pair
	for i := range n {
		w := 200 + int32(rng.ExpFloat64()*500)
		p := shard.Pair{
			PageURL:  fmt.Sprintf("https://site%d.example/page/%d", rng.IntN(9), rng.IntN(n/3+1)),
			ImageURL: fmt.Sprintf("https://pictures.example/%d.jpg", i*4/5),
			Text:     strings.Join(words[rng.IntN(5):5+rng.IntN(len(words)-5)], " "),
			Language: []string{"en", "en", "en-gb", "de", ""}[rng.IntN(5)], TextLanguage: []string{"en", "en", "de", ""}[i%4], TextSource: []string{"alt", "alt", "title", "figcaption"}[rng.IntN(4)],
			OriginalWidth: w, OriginalHeight: w * 3 / 4, Width: 341, Height: 256,
			OriginalFormat: []string{"jpeg", "jpeg", "png", "webp"}[rng.IntN(4)],
			PictureHash:    uint64(i * 4 / 5), Image: pictures[i%len(pictures)],
		}
		if i < len(hostile) {
			p.Text = hostile[i]
		}
		if i%50 == 0 {
			p.License, p.OptOut = "https://creativecommons.org/licenses/by/4.0/", "noai"
		}
		p.PairID = shard.PairID(p.ImageURL, p.Text) + uint64(i)
		for range 1 + rng.IntN(3) {
			p.QueryIDs = append(p.QueryIDs, uint32(zipf.Uint64()))
		}
		slices.Sort(p.QueryIDs)
		p.QueryIDs = slices.Compact(p.QueryIDs)
		out = append(out, p)
	}
	return out
}

func someTallies(pairs int64) []shard.Tally {
	return []shard.Tally{
		{Stage: "crawl", Unit: "pages", In: 700, Kept: 612, Dropped: map[string]int64{"http_404": 51, "robots_disallowed": 30, "timeout": 7}, Out: 4210, OutUnit: "candidates"},
		{Stage: "match", Unit: "candidates", In: 4210, Kept: 1480, Dropped: map[string]int64{"no_query": 1700, "too_few_words": 1000, "<script>": 30}, Out: 1480, OutUnit: "pairs"},
		{Stage: "fetch", Unit: "pictures", In: 1200, Kept: 1000, Dropped: map[string]int64{"http_404": 90, "http_503": 10, "picture_format_refused": 60, "robots_disallowed": 20, "timeout": 15, "redirect_loop": 1, "too_large": 4}, Out: 1000, OutUnit: "pictures"},
		{Stage: "shard", Unit: "pairs", In: pairs, Kept: pairs, Out: pairs, OutUnit: "pairs"},
	}
}

// input is pairs in parts of 50.
func input(pairs []shard.Pair) Input {
	parts := slices.Collect(slices.Chunk(pairs, 50))
	return Input{
		Parts: len(parts),
		Rows: func(part int) iter.Seq2[*shard.Pair, error] {
			return func(yield func(*shard.Pair, error) bool) {
				for i := range parts[part] {
					p := parts[part][i] // which Collect may not keep
					if !yield(&p, nil) {
						return
					}
					p = shard.Pair{}
				}
			}
		},
		Tallies: someTallies(int64(len(pairs))), Query: queryName,
	}
}

func queryName(id uint32) string { return fmt.Sprintf("query <%d>", id) }

func collect(t *testing.T, pairs []shard.Pair, o Options) *Stats {
	t.Helper()
	s, err := Collect(t.Context(), input(pairs), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// written is what Write leaves in a folder.
func written(t *testing.T, s *Stats) (figures, page []byte) {
	t.Helper()
	dir := t.TempDir()
	if err := Write(dir, s); err != nil {
		t.Fatal(err)
	}
	var out [2][]byte
	for i, name := range []string{"stats.json", "index.html"} {
		b, err := os.ReadFile(filepath.Join(dir, Folder, name))
		if err != nil {
			t.Fatal(err)
		}
		out[i] = b
	}
	return out[0], out[1]
}

// pixels are left out of the golden page: JPEG encoders change.
var pixels = regexp.MustCompile(`data:image/jpeg;base64,[^"]+`)

func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		name    string
		pairs   int
		trained bool
	}{{"some", 300, false}, {"none", 0, false}, {"trained", 0, true}} {
		t.Run(tt.name, func(t *testing.T) {
			s := collect(t, somePairs(t, tt.pairs), Options{Samples: 8})
			s.Balance = BalanceOf(someCounts(tt.pairs), 1000, "cap", 25)
			if tt.pairs > 0 {
				s.Duplicates = someDuplicates(t)
				s.Dataset = someDataset(s.Pairs)
				older := collect(t, somePairs(t, tt.pairs-20), Options{})
				older.Dataset = someDataset(older.Pairs)
				s.Change = ChangeOf(older, s)
			}
			if tt.trained {
				s.Training, s.Evaluation = someTraining(t, 400), someEvaluation()
			}
			figures, page := written(t, s)
			golden := map[string][]byte{tt.name + ".json": figures, tt.name + ".html": pixels.ReplaceAll(page, []byte("data:image/jpeg;base64,"))}
			if s.Dataset != nil {
				golden[tt.name+".tex"], golden[tt.name+".bib"] = Appendix(s), []byte(BibTeX(s))
			}
			for name, got := range golden {
				file := filepath.Join("testdata", name)
				if *update {
					if err := os.WriteFile(file, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s differs; look at it with go test -update and git diff", file)
				}
			}
		})
	}
}

// someDataset has names that mean harm.
func someDataset(pairs int64) *Dataset {
	return &Dataset{
		Name: `cats & <dogs>_100%`, Version: VersionOf(2), Hash: "0123456789abcdef", License: "cc-by-4.0", URL: "https://example.org/cats",
		Contact: "mailto:you@example.org", Software: "pairloom 0.2.0", Seed: 7, Training: pairs - 4, HeldOut: 4,
		Queries:       List{"english-500k", 500_000, "fedcba9876543210"},
		Settings:      map[string]json.RawMessage{"seed": json.RawMessage("7"), "crawl.seeds": json.RawMessage(`["https://example.org/<b>"]`)},
		OtherSettings: []string{"curate"},
		Generations: []shard.Generation{
			{Number: 1, Added: pairs - 10, Input: "00"}, {Number: 2, Added: 20, Deleted: 10, Input: "01", Reasons: map[string]int64{"removed": 7, "changed": 3}},
		},
	}
}

func TestSameBytesInAnyOrder(t *testing.T) {
	pairs := somePairs(t, 500)
	for _, o := range []Options{{}, {MaxDistinct: 32, Samples: 5}} {
		f1, p1 := written(t, collect(t, pairs, o))
		shuffled := slices.Clone(pairs)
		rng := rand.New(rand.NewPCG(1, 1))
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		f2, p2 := written(t, collect(t, shuffled, o))
		if !bytes.Equal(f1, f2) || !bytes.Equal(p1, p2) {
			t.Errorf("%+v: another order gives other bytes", o)
		}
	}
}

// TestNoPageIsNoPage holds that pairs without a page, as imported ones are, count for
// none.
func TestNoPageIsNoPage(t *testing.T) {
	for _, tt := range []struct {
		addresses []string
		want      int64
	}{
		{[]string{"", "", ""}, 0},
		{[]string{"", "https://a.example/", "https://a.example/"}, 1},
	} {
		pairs := somePairs(t, len(tt.addresses))
		for i := range pairs {
			pairs[i].PageURL = tt.addresses[i]
		}
		s := collect(t, pairs, Options{})
		if s.Distinct.Pages.Count != tt.want {
			t.Errorf("%q are %d pages, want %d", tt.addresses, s.Distinct.Pages.Count, tt.want)
		}
		for _, d := range s.Distributions {
			if d.Of == "pages" && d.Count != tt.want {
				t.Errorf("%s: %s of %d pages, want %d", tt.addresses, d.Name, d.Count, tt.want)
			}
		}
	}
}

func TestCountsAreRight(t *testing.T) {
	pairs := somePairs(t, 400)
	s := collect(t, pairs, Options{})
	urls, texts, pages := map[string]int{}, map[string]int{}, map[string]int{}
	var both512, words, matches int64
	for _, p := range pairs {
		urls[p.ImageURL]++
		texts[p.Text]++
		pages[p.PageURL]++
		if p.OriginalWidth >= 512 && p.OriginalHeight >= 512 {
			both512++
		}
		words += int64(len(fold.Words(nil, fold.AppendText(nil, p.Text))))
		matches += int64(len(p.QueryIDs))
	}
	for _, tt := range []struct {
		name      string
		got, want int64
	}{
		{"pairs", s.Pairs, 400},
		{"image URLs", s.Distinct.ImageURLs.Count, int64(len(urls))},
		{"texts", s.Distinct.Texts.Count, int64(len(texts))},
		{"pages", s.Distinct.Pages.Count, int64(len(pages))},
		{"both sides >= 512", s.Sides[1].Both, both512},
		{"matches", s.Queries.Matches, matches},
		{"last point of the curve", s.Queries.Curve[len(s.Queries.Curve)-1].Matches, matches},
		{"formats", sum(s.Formats), 400},
		{"languages of texts", sum(s.TextLanguages), 400},
		{"hosts", sum(s.Hosts.Top), 400},
		{"domains", sum(s.Domains.Top), 400},
		{"fetch errors", sum(s.FetchErrors), 200},
		{"samples", int64(len(s.Samples)), 48},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, tt.got, tt.want)
		}
	}
	for _, d := range s.Distributions {
		var n int64
		for _, b := range d.Histogram {
			n += b.Count
		}
		if n != d.Count {
			t.Errorf("%s: the histogram holds %d of %d", d.Name, n, d.Count)
		}
		if d.Name == "words in a text" && d.Mean != float64(words)/400 {
			t.Errorf("mean of words %v, want %v", d.Mean, float64(words)/400)
		}
		if d.Name == "pairs a page" && (d.Count != int64(len(pages)) || d.Mean != 400/float64(len(pages))) {
			t.Errorf("pairs a page: %d pages, mean %v", d.Count, d.Mean)
		}
	}
}

// TestWordsAreThoseThatRulesCount holds that a text of three words for min_words
// is one of three words in the report.
func TestWordsAreThoseThatRulesCount(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
	}{
		{"nca_illustration_2", 3}, {"a red fox", 3}, {"  a  fox\t", 2}, {"well-known", 2}, {"don't", 1}, {"C++ & C#", 2},
		{"— !", 0}, {"", 0}, {"赤い狐", 3}, {"RED\u00a0FOX", 2},
	} {
		s := collect(t, []shard.Pair{{Text: tt.text}}, Options{})
		i := slices.IndexFunc(s.Distributions, func(d Distribution) bool { return d.Name == "words in a text" })
		if d := s.Distributions[i]; d.Min != tt.want || d.Max != tt.want {
			t.Errorf("%q has %d to %d words, want %d", tt.text, d.Min, d.Max, tt.want)
		}
	}
}

// TestPairIDsAreTexts holds that a program which reads numbers as floating point,
// as JSON's readers do, gets the id whole, and people the spelling that explain
// takes.
func TestPairIDsAreTexts(t *testing.T) {
	s := collect(t, []shard.Pair{{PairID: 0xfedcba9876543210}, {PairID: 7}}, Options{})
	figures, page := written(t, s)
	for _, id := range []string{"fedcba9876543210", "0000000000000007"} {
		if !strings.Contains(string(figures), `"pair_id": "`+id+`"`) {
			t.Errorf("stats.json has no sample with the pair_id %q", id)
		}
		if !strings.Contains(string(page), id) {
			t.Errorf("the page has no sample with the id %s", id)
		}
	}
}

func sum(n Names) int64 {
	var s int64
	for _, x := range n {
		s += x.Count
	}
	return s
}

// The page must not reach for anything outside itself, and no text of the
// dataset may become markup.
func TestPageIsSelfContainedAndEscaped(t *testing.T) {
	s := collect(t, somePairs(t, 60), Options{Samples: 60})
	s.Duplicates, s.Dataset = someDuplicates(t), someDataset(60)
	_, page := written(t, s)
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	scripts, pictures := 0, 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script":
			scripts++
		case "img":
			pictures++
		case "iframe", "object", "embed", "base", "form":
			t.Errorf("the page has a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has %s", n.Data, a.Key)
			}
			if (a.Key == "src" || a.Key == "href") && !strings.HasPrefix(a.Val, "data:") {
				t.Errorf("<%s> loads %s", n.Data, a.Val)
			}
		}
	}
	if scripts != 1 {
		t.Errorf("%d scripts, want the page's own", scripts)
	}
	if want := 40 + 2*3 + 1; pictures != want {
		t.Errorf("%d pictures, want %d: a third of 60 do not decode, and one of four that were dropped for evaluation pictures", pictures, want)
	}
	if bytes.Contains(page, []byte("ZgotmplZ")) {
		t.Error("the template refused a value")
	}
}

func TestCollectNamesTheBadPair(t *testing.T) {
	cause := errors.New("checksum mismatch")
	in := input(somePairs(t, 400))
	sound := in.Rows
	in.Rows = func(part int) iter.Seq2[*shard.Pair, error] {
		if part != 3 {
			return sound(part)
		}
		return func(yield func(*shard.Pair, error) bool) {
			if yield(&shard.Pair{}, nil) {
				yield(nil, cause)
			}
		}
	}
	for _, workers := range []int{1, 4} {
		_, err := Collect(t.Context(), in, Options{Workers: workers})
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), "part 3, pair 1") {
			t.Errorf("%d workers: %v", workers, err)
		}
	}
}

// TestSameBytesForAnyNumberOfWorkers has bounds that are reached, so that the order of
// parts would matter if it were not kept.
func TestSameBytesForAnyNumberOfWorkers(t *testing.T) {
	pairs := somePairs(t, 3000)
	for i := range pairs {
		pairs[i].PageURL = fmt.Sprintf("https://h%d.d%d.example:%d/", i%170, i%43, i%3)
	}
	for _, o := range []Options{{}, {MaxDistinct: 32, MaxNames: 20, Samples: 5, TokenTexts: 100}} {
		o.Tokens = func(text string) int { return len(text) }
		var want []byte
		for _, o.Workers = range []int{1, 2, 8} {
			figures, page := written(t, collect(t, pairs, o))
			if got := append(figures, page...); want == nil {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("%d workers give other bytes than 1", o.Workers)
			}
		}
	}
}

func TestWriteErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, collect(t, nil, Options{})); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("writing under a file: %v", err)
	}
}

// go test ./shard/stats -bench Collect -benchtime 100x
func BenchmarkCollect(b *testing.B) {
	pairs := somePairs(b, 10_000)
	for i := range pairs {
		pairs[i].Image = pairs[i].Image[:min(100, len(pairs[i].Image))]
	}
	in := input(pairs)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Collect(b.Context(), in, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(pairs))/b.Elapsed().Seconds(), "pairs/s")
}
