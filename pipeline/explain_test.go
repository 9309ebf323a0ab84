package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// explained says an explanation in lines of page, text source and verdict.
func explained(e *Explanation) string {
	var b strings.Builder
	for _, p := range e.Pairs {
		b.WriteString(strings.TrimPrefix(p.Page, "https://page.example/") + " " + p.Source + ": ")
		switch {
		case p.Shard != "":
			b.WriteString("kept")
		case p.Reason != "":
			b.WriteString(p.Stage + " " + p.Reason)
			if _, from, ok := strings.Cut(p.Detail, "goes on from https://page.example/"); ok {
				b.WriteString(", from " + from)
			}
		default:
			b.WriteString("passed " + p.Stage)
		}
		if p.Note != "" {
			b.WriteString("; " + p.Note)
		}
		b.WriteByte('\n')
	}
	for _, d := range e.Left {
		fmt.Fprintf(&b, "%s left in generation %d: %s\n", strings.TrimPrefix(d.Page, "https://page.example/"), d.Generation, d.Reason)
	}
	return b.String()
}

// whole is the road after the crawl, without a network.
var whole = []string{MatchName, FetchName, CurateName, ShardName}

// TestExplainTellsWhatTheRunDecided has folders of candidates, a run by some
// settings, then a change, and what explain must say of each candidate that is
// asked about.
func TestExplainTellsWhatTheRunDecided(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	const twoPages = `
		a cat.jpg alt a red cat
		b cat.jpg title a red cat`
	for _, tt := range []struct {
		name      string
		producers map[string]string
		before    func(o *Options) // of the run
		stages    []string         // nil: all
		after     func(t *testing.T, dir string, o *Options)
		asked     string // path of a picture; of a page after a slash
		want      string
	}{
		{name: "the preferred source goes on", producers: map[string]string{"crawl": twoPages}, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)`},
		{name: "asked by the page that goes on", producers: map[string]string{"crawl": twoPages}, asked: "/a", want: `
			a alt: kept`},
		{name: "asked by the page that does not", producers: map[string]string{"crawl": twoPages}, asked: "/b", want: `
			b title: match same_url_and_text, from a (alt)`},
		{
			name: "another order of the sources", producers: map[string]string{"crawl": twoPages},
			before: func(o *Options) { o.Filter.Text.Sources = []string{"title", "alt"} }, asked: "cat.jpg", want: `
			a alt: match same_url_and_text, from b (title)
			b title: kept`,
		},
		{
			name: "the order of the sources changed since", producers: map[string]string{"crawl": twoPages},
			after: func(_ *testing.T, _ string, o *Options) { o.Filter.Text.Sources = []string{"title", "alt"} }, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)`,
		},
		{
			name: "the source of the run is no longer listed", producers: map[string]string{"crawl": twoPages},
			after: func(_ *testing.T, _ string, o *Options) { o.Filter.Text.Sources = []string{"title"} }, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)`,
		},
		{
			name: "a source that was not listed in the run", producers: map[string]string{"crawl": twoPages},
			before: func(o *Options) { o.Filter.Text.Sources = []string{"title"} },
			after:  func(_ *testing.T, _ string, o *Options) { o.Filter.Text.Sources = []string{"alt", "title"} }, asked: "cat.jpg", want: `
			a alt: match text_source
			b title: kept`,
		},
		{
			name: "min_words changed since", producers: map[string]string{"crawl": twoPages},
			after: func(_ *testing.T, _ string, o *Options) { o.Filter.Text.MinWords = 9 }, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)`,
		},
		{
			name: "min_words was more in the run", producers: map[string]string{"crawl": twoPages + "\n c cat.jpg alt a very big red cat"},
			before: func(o *Options) { o.Filter.Text.MinWords = 4 },
			after:  func(_ *testing.T, _ string, o *Options) { o.Filter.Text.MinWords = 1 }, asked: "cat.jpg", want: `
			a alt: match words
			b title: match words
			c alt: kept`,
		},
		{
			name: "the mode changed since", producers: map[string]string{"crawl": "a cat.jpg alt Cat!"}, // metaclip wants spaces and case
			after: func(_ *testing.T, _ string, o *Options) { o.Match.Mode = "metaclip" }, asked: "cat.jpg", want: `
			a alt: kept`,
		},
		{
			name: "the mode was another in the run", producers: map[string]string{"crawl": "a cat.jpg alt CAT\n b cat.jpg alt a cat"},
			before: func(o *Options) { o.Match.Mode = "metaclip" },
			after:  func(_ *testing.T, _ string, o *Options) { o.Match.Mode = "clean" }, asked: "cat.jpg", want: `
			a alt: match no_query
			b alt: kept`,
		},
		{
			name: "a query was not needed in the run", producers: map[string]string{"crawl": "a cat.jpg alt a dog"},
			before: func(o *Options) { o.Match.KeepWithoutQuery = true },
			after:  func(_ *testing.T, _ string, o *Options) { o.Match.KeepWithoutQuery = false }, asked: "cat.jpg", want: `
			a alt: kept`,
		},
		{
			name: "a query is not needed since", producers: map[string]string{"crawl": "a cat.jpg alt a dog\n b cat.jpg alt a cat"},
			after: func(_ *testing.T, _ string, o *Options) { o.Match.KeepWithoutQuery = true }, asked: "cat.jpg", want: `
			a alt: match no_query
			b alt: kept`,
		},
		{
			name: "another list is named since", producers: map[string]string{"crawl": twoPages + "\n c cat.jpg alt a dog"},
			after: func(t *testing.T, dir string, o *Options) {
				writeList(t, filepath.Join(dir, "other.zst"), "dog")
				o.Match.Queries = "other.zst"
			}, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)
			c alt: match no_query`,
		},
		{
			name: "a list that is not there is named since", producers: map[string]string{"crawl": twoPages},
			after: func(_ *testing.T, _ string, o *Options) { o.Match.Queries = "none.zst" }, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)`,
		},
		{
			name: "the list's file changed, its compiled form is there", producers: map[string]string{"crawl": twoPages + "\n c cat.jpg alt a dog"},
			after: func(t *testing.T, dir string, o *Options) { writeList(t, filepath.Join(dir, "list.zst"), "dog") }, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)
			c alt: match no_query`,
		},
		{
			name: "the list's file is gone, its compiled form is there", producers: map[string]string{"crawl": twoPages + "\n c cat.jpg alt a dog"},
			after: func(t *testing.T, dir string, o *Options) { remove(t, dir, "list.zst") }, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)
			c alt: match no_query`,
		},
		{
			name: "the list of the run is gone altogether", producers: map[string]string{"crawl": twoPages + "\n c cat.jpg alt a dog\n d cat.jpg alt an owl"},
			after: func(t *testing.T, dir string, o *Options) {
				writeList(t, filepath.Join(dir, "list.zst"), "dog")
				remove(t, dir, compiledName)
			}, asked: "cat.jpg", want: `
			a alt: kept
			b title: match same_url_and_text, from a (alt)
			c alt: passed crawl; the last match left it out, by a query list that is no longer there; run pairloom match
			d alt: passed crawl; the last match left it out, by a query list that is no longer there; run pairloom match`,
		},
		{
			name: "of two pages with one source the shorter address goes on", producers: map[string]string{"crawl": `
			aaa cat.jpg alt a red cat
			b cat.jpg alt a red cat
			a cat.jpg alt a red cat`}, asked: "cat.jpg", want: `
			aaa alt: match same_url_and_text, from a (alt)
			b alt: match same_url_and_text, from a (alt)
			a alt: kept`,
		},
		{
			name: "several producers", producers: map[string]string{"a": "z cat.jpg title a red cat", "b": "a cat.jpg alt a red cat\n a dog.jpg alt a cat"},
			asked: "cat.jpg", want: `
			z title: match same_url_and_text, from a (alt)
			a alt: kept`,
		},
		{
			name: "one record of two producers goes on once", producers: map[string]string{"a": "p cat.jpg alt a red cat", "b": "p cat.jpg alt a red cat"},
			asked: "cat.jpg", want: `
			p alt: kept
			p alt: match same_url_and_text, from p (alt)`,
		},
		{
			name: "repeats on one page", producers: map[string]string{"crawl": "p cat.jpg title a red cat\n p cat.jpg alt a red cat\n p cat.jpg alt another cat"},
			asked: "/p", want: `
			p title: match same_url_and_text, from p (alt)
			p alt: kept
			p alt: kept`,
		},
		{
			name: "a picture that was not fetched", producers: map[string]string{"crawl": "a gone alt a red cat\n b gone title a red cat"},
			asked: "gone", want: `
			a alt: curate picture_not_fetched
			b title: match same_url_and_text, from a (alt)`,
		},
		{
			name: "only matched so far", producers: map[string]string{"crawl": twoPages}, stages: []string{MatchName},
			asked: "cat.jpg", want: `
			a alt: passed match
			b title: match same_url_and_text, from a (alt)`,
		},
		{
			name: "before the first match", producers: map[string]string{"crawl": twoPages + "\n c cat.jpg alt a dog"}, stages: []string{},
			asked: "cat.jpg", want: `
			a alt: passed crawl; no match has finished yet; this goes by the settings of today
			b title: passed crawl; no match has finished yet; this goes by the settings of today
			c alt: match no_query; no match has finished yet; this goes by the settings of today`,
		},
		{
			name: "candidates that are newer than the match", producers: map[string]string{"crawl": "b cat.jpg title a red cat"},
			after: func(t *testing.T, dir string, _ *Options) {
				writeCandidates(t, dir, map[string]string{"crawl": twoPages + "\n c cat.jpg alt another cat"})
			}, asked: "cat.jpg", want: `
			a alt: passed crawl; the candidates changed since the last match, which took the pair from https://page.example/b (title); run pairloom match
			b title: kept
			c alt: passed crawl; the candidates changed since the last match, which has no such pair; run pairloom match`,
		},
		{
			name: "a page that was read again and says the same", producers: map[string]string{"crawl": twoPages},
			after: func(t *testing.T, dir string, _ *Options) {
				again := candidatesOf(twoPages)
				for i := range again {
					again[i].CrawlTime++
				}
				writeFolder(t, dir, shard.ProducerFolder("crawl"), again, 3)
			}, asked: "cat.jpg", want: `
			a alt: kept
			b title: passed crawl; the candidates changed since the last match, which took the pair from https://page.example/a (alt); run pairloom match`,
		},
		{
			name: "a pair that its page withdrew", producers: map[string]string{"crawl": twoPages},
			after: func(t *testing.T, dir string, _ *Options) {
				writeCandidates(t, dir, map[string]string{"crawl": "c dog.jpg alt a dog"})
			}, asked: "cat.jpg", want: `
			a alt: kept; the page says so no more; the next match no longer takes the pair from there`,
		},
		{
			name: "a pair that was withdrawn before the last match", producers: map[string]string{"crawl": twoPages},
			after: func(t *testing.T, dir string, o *Options) {
				writeCandidates(t, dir, map[string]string{"crawl": "c dog.jpg alt a cat and a dog"})
				runStages(t, dir, o, whole...)
			}, asked: "cat.jpg", want: `
			a left in generation 2: withdrawn`,
		},
		{
			name: "by the page of a pair that was withdrawn", producers: map[string]string{"crawl": twoPages},
			after: func(t *testing.T, dir string, o *Options) {
				writeCandidates(t, dir, map[string]string{"crawl": "c dog.jpg alt a cat and a dog"})
				runStages(t, dir, o, whole...)
			}, asked: "/a", want: `
			a left in generation 2: withdrawn`,
		},
		{
			name: "a pair that has a new row", producers: map[string]string{"crawl": twoPages + "\n c dog.jpg alt a cat and a dog"},
			after: func(t *testing.T, dir string, o *Options) {
				o.Filter.Text.Sources = []string{"title", "alt"}
				runStages(t, dir, o, whole...)
			}, asked: "cat.jpg", want: `
			a alt: match same_url_and_text, from b (title)
			b title: kept
			a left in generation 2: changed`,
		},
		{
			name: "a pair that was removed", producers: map[string]string{"crawl": twoPages},
			after: func(t *testing.T, dir string, o *Options) {
				if n, err := DeleteRows(dir, func(*shard.Row) (string, string) { return "removed", "asked to" }); n != 1 || err != nil {
					t.Fatal(n, err)
				}
			}, asked: "cat.jpg", want: `
			a alt: shard removed
			b title: match same_url_and_text, from a (alt)
			a left in generation 2: removed`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, o := t.TempDir(), testOptions()
			writeList(t, filepath.Join(dir, "list.zst"), "cat", "red")
			writeCandidates(t, dir, tt.producers)
			if tt.before != nil {
				tt.before(o)
			}
			if tt.stages == nil {
				tt.stages = whole
			}
			runStages(t, dir, o, tt.stages...)
			if tt.after != nil {
				tt.after(t, dir, o)
			}
			asked := "https://pictures.example/" + tt.asked
			if page, ok := strings.CutPrefix(tt.asked, "/"); ok {
				asked = "https://page.example/" + page
			}
			e, err := Explain(dir, o, asked)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.TrimPrefix(strings.ReplaceAll(tt.want, "\n\t\t\t", "\n"), "\n")
			if want != "" {
				want += "\n"
			}
			if got := explained(e); got != want {
				t.Errorf("explain says\n%swant\n%s", got, want)
			}
			if len(tt.stages) == len(whole) {
				agreesWithRows(t, dir, e)
			}
		})
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// agreesWithRows compares an explanation with what lies in the folders: kept is
// what a shard holds, at that row and from that page; every row that the
// explanation could speak of is spoken of; what was dropped is in no shard.
func agreesWithRows(t *testing.T, dir string, e *Explanation) {
	t.Helper()
	type place struct{ id, page, source string }
	kept := map[place]int{}
	for _, p := range e.Pairs {
		if p.Shard == "" {
			continue
		}
		kept[place{p.PairID, p.Page, p.Source}]++
		d, err := shard.OpenDataset(filepath.Join(dir, shard.ShardsFolder))
		if err != nil {
			t.Fatal(err)
		}
		_, rows, err := d.OpenPart(filepath.Base(p.Shard))
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var r shard.Pair
		if err := rows.Read(p.Row, &r); err != nil {
			t.Fatal(err)
		}
		if d.Deleted(filepath.Base(p.Shard), p.Row) {
			t.Errorf("%s row %d was deleted", p.Shard, p.Row)
		}
		if shard.FormatPairID(r.PairID) != p.PairID || r.PageURL != p.Page || r.TextSource != p.Source || r.Text != p.Text || r.ImageURL != p.Image {
			t.Errorf("%s row %d is the pair %016x of %s (%s), explain says %s of %s (%s)", p.Shard, p.Row, r.PairID, r.PageURL, r.TextSource, p.PairID, p.Page, p.Source)
		}
	}
	for _, r := range rowsOf[shard.Pair](t, dir, shard.ShardsFolder) {
		if r.PageURL != e.Asked && r.ImageURL != e.Asked {
			continue
		}
		if n := kept[place{shard.FormatPairID(r.PairID), r.PageURL, r.TextSource}]; n != 1 {
			t.Errorf("%d reports say that the pair of %s (%s) is kept, want 1", n, r.PageURL, r.TextSource)
		}
	}
}

// TestExplainTheCapBeforeFetch has more pairs of one query than are fetched: of
// each pair explain says what the rows say, also for repeats of pairs that the
// cap left out.
func TestExplainTheCapBeforeFetch(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	o.Balance = BalanceOptions{Mode: "cap", MaxPairsPerQuery: 2, Margin: 1.5}
	var lines strings.Builder
	for i := range 9 {
		lines.WriteString("a" + strconv.Itoa(i) + " cat" + strconv.Itoa(i) + " alt a cat\n")
		lines.WriteString("b" + strconv.Itoa(i) + " cat" + strconv.Itoa(i) + " title a cat\n")
	}
	writeCandidates(t, dir, map[string]string{"crawl": lines.String()})
	runStages(t, dir, o, whole...)
	o.Balance.MaxPairsPerQuery, o.Balance.Margin = 100, 0 // today's settings do not count
	matched := map[string]bool{}
	for _, m := range rowsOf[shard.Matched](t, dir, shard.MatchedFolder) {
		matched[m.ImageURL] = true
	}
	kept := map[string]bool{}
	for _, p := range rowsOf[shard.Pair](t, dir, shard.ShardsFolder) {
		kept[p.ImageURL] = true
	}
	if len(matched) != 3 || len(kept) != 2 {
		t.Fatalf("%d pairs matched and %d kept, want 3 and 2", len(matched), len(kept))
	}
	for i := range 9 {
		n := strconv.Itoa(i)
		asked := "https://pictures.example/cat" + n
		e, err := Explain(dir, o, asked)
		if err != nil {
			t.Fatal(err)
		}
		verdict := "match query_cap_before_fetch"
		switch {
		case kept[asked]:
			verdict = "kept"
		case matched[asked]:
			verdict = "curate query_cap"
		}
		want := "a" + n + " alt: " + verdict + "\nb" + n + " title: match same_url_and_text, from a" + n + " (alt)\n"
		if got := explained(e); got != want {
			t.Errorf("explain says\n%swant\n%s", got, want)
		}
		if verdict == "match query_cap_before_fetch" && !strings.Contains(e.Pairs[0].Detail, "max_pairs_per_query 2 times margin 1.5") {
			t.Errorf("the detail is %q, want the settings of the run in it", e.Pairs[0].Detail)
		}
	}
}

// TestExplainTakesEitherSpellingOfAPairID asks by the 16 hexadecimal digits that
// people see and by the number that Arrow files hold.
func TestExplainTakesEitherSpellingOfAPairID(t *testing.T) {
	dir, o := t.TempDir(), testOptions()
	writeList(t, filepath.Join(dir, "list.zst"), "cat")
	writeCandidates(t, dir, map[string]string{"crawl": "a cat.jpg alt a cat\n a dog.jpg alt a dog"})
	runStages(t, dir, o, whole...)
	for _, row := range rowsOf[shard.Pair](t, dir, shard.ShardsFolder) {
		for _, asked := range []string{shard.FormatPairID(row.PairID), strings.ToUpper(shard.FormatPairID(row.PairID)), strconv.FormatUint(row.PairID, 10)} {
			e, err := Explain(dir, o, asked)
			if err != nil {
				t.Fatal(err)
			}
			if len(e.Pairs) != 1 || e.Pairs[0].PairID != shard.FormatPairID(row.PairID) || e.Pairs[0].Shard == "" {
				t.Errorf("asked for %s: %+v", asked, e.Pairs)
			}
		}
	}
	for _, asked := range []string{"0123456789abcdef", "42", "not a url", "ftp://page.example/a", "page.example/a", "", "https://"} {
		e, err := Explain(dir, o, asked)
		if err != nil {
			t.Fatal(err)
		}
		if e.Known() {
			t.Errorf("asked for %q: %+v, want nothing known", asked, e)
		}
	}
}

func TestSixteenDecimalDigitsMayBeEitherSpelling(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []uint64
	}{
		{"1234567890123456", []uint64{0x1234567890123456, 1234567890123456}},
		{"0000000000000007", []uint64{7}},
		{"fedcba9876543210", []uint64{0xfedcba9876543210}},
		{"18446744073709551615", []uint64{1<<64 - 1}},
		{"18446744073709551616", nil}, {"-7", nil}, {"+234567890123456", nil}, {"0x1234567890abcd", nil}, {"abc", nil}, {"", nil},
	} {
		got := pairIDs(tt.text)
		if len(got) != len(tt.want) {
			t.Errorf("%q names the pairs %v, want %d", tt.text, got, tt.want)
		}
		for _, id := range tt.want {
			if !got[id] {
				t.Errorf("%q does not name the pair %016x", tt.text, id)
			}
		}
	}
}
