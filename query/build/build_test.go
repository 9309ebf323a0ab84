package build

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/fold"
	"github.com/pairloom/pairloom/query"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(t *testing.T, workers int, dumps ...string) Options {
	return Options{Dumps: dumps, MinCount: 2, MinPMI: 3, MinPhraseCount: 2, Temp: t.TempDir(), Memory: 64 << 20, Workers: workers}
}

func encoded(t *testing.T, o Options) ([]byte, *Result) {
	t.Helper()
	r, err := Build(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := query.Encode(&b, nil, r.Entries); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), r
}

func TestBuildIsTheSameForAllFormsAndWorkers(t *testing.T) {
	var want []byte
	for _, dump := range []string{"testdata/small.xml", "testdata/single.xml.bz2", "testdata/multi.xml.bz2"} {
		for _, workers := range []int{1, 8} {
			got, r := encoded(t, options(t, workers, dump))
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s with %d workers gives another list", dump, workers)
			}
			d := r.Dumps[0]
			if d.Pages != 46 || d.Kept != 41 || d.Dropped[DropRedirect] != 1 || d.Dropped[DropDisambiguation] != 2 || d.Dropped[DropNamespace] != 1 || d.Dropped[DropNoText] != 1 {
				t.Errorf("%s: tally is %+v", dump, d)
			}
		}
	}
}

func TestBuildCounts(t *testing.T) {
	_, r := encoded(t, options(t, 2, "testdata/small.xml"))
	got := map[string]int64{}
	for _, e := range r.Entries {
		got[e.Source+":"+e.Text] = e.Count
	}
	for text, n := range map[string]int64{"word:fox": 45, "word:red": 3, "word:don't": 40, "phrase:san marino": 40, "phrase:red fox": 3, "phrase:brown fox": 40, "word:hidden": 0, "phrase:the arctic": 0, "phrase:fox a": 0} {
		if got[text] != n {
			t.Errorf("%s is counted %d times, want %d", text, got[text], n)
		}
	}
	if i, j := slices.IndexFunc(r.Entries, is("the")), slices.IndexFunc(r.Entries, is("san")); i < 0 || i > j {
		t.Errorf("words are not in order of their counts: the at %d, san at %d", i, j)
	}
}

func is(text string) func(query.Entry) bool {
	return func(e query.Entry) bool { return e.Text == text }
}

// The naive way to count, for comparison with tables that spill all the time.
func TestTablesAreExact(t *testing.T) {
	var lines []string
	for i := range 20000 {
		lines = append(lines, fmt.Sprintf("w%d w%d the w%d, x%d  w%d", i%701, i%1009, i%13, i%3001, i%701))
	}
	want := map[string]int64{}
	for _, l := range lines {
		f := []byte(fold.Text(l))
		spans := fold.Words(nil, f)
		for i, s := range spans {
			want[string(f[s.Start:s.End])]++
			if i > 0 && string(f[spans[i-1].End:s.Start]) == " " {
				want[string(f[spans[i-1].Start:s.End])]++
			}
		}
	}
	for _, memory := range []int{1, 8 << 20} {
		s := newSpill(t.TempDir(), 256<<10)
		tb := newTable(memory, s)
		for _, l := range lines {
			if err := tb.add([]byte(l)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tb.flush(); err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for c, err := range summed(s.words) {
			if err != nil {
				t.Fatal(err)
			}
			got[string(c.key)] = c.n
		}
		for c, err := range summed(s.phrases) {
			if err != nil {
				t.Fatal(err)
			}
			got[string(c.key)] = c.n
		}
		if !maps.Equal(got, want) {
			t.Errorf("with %d bytes: %d keys, want %d, or other counts", memory, len(got), len(want))
		}
	}
}

func TestFinishedCountsAreUsedAgain(t *testing.T) {
	o := options(t, 2, "testdata/multi.xml.bz2")
	first, _ := encoded(t, o)
	counted := 0
	o.Progress = func(phase string, _, _ int64) {
		if strings.HasPrefix(phase, "count ") {
			counted++
		}
	}
	again, _ := encoded(t, o)
	if counted > 0 || !bytes.Equal(first, again) {
		t.Errorf("counted again (%d), or another list", counted)
	}
	// Without the tally, which is written last, the dump counts as unfinished.
	tallies, _ := filepath.Glob(o.Temp + "/*.json")
	if len(tallies) != 1 || os.Remove(tallies[0]) != nil {
		t.Fatalf("tallies are %v", tallies)
	}
	again, _ = encoded(t, o)
	if counted == 0 || !bytes.Equal(first, again) {
		t.Errorf("not counted again (%d), or another list", counted)
	}
}

func TestSourcesOrderAndCut(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, f := range wordNetFiles {
		write(f, "  1 licence\n")
	}
	write("data.noun", "  1 licence\n00001740 03 n 03 red_fox 0 Turkey 0 turkey 0 000 | gloss\n")
	views := write("pageviews-20240131-120000", "en Eiffel_Tower 60 0\nen Eiffel_Tower 49 0\nen Red_Fox 500 0\nen Talk:X 900 0\nde Turm 800 0\nen Low 69 0\nen Moon 71 0\nen bad\n")
	more := write("pageviews-20240131-130000", "en Eiffel_Tower 60 0\n")
	o := options(t, 1, "testdata/small.xml")
	o.Views, o.WordNet, o.Date = []string{views, more}, dir, "2024-02-01"
	_, r := encoded(t, o)
	var titles []string
	for _, e := range r.Entries {
		if e.Source == "title" {
			titles = append(titles, fmt.Sprint(e.Text, " ", e.Count))
		}
	}
	if !slices.Equal(titles, []string{"Eiffel Tower 120", "Moon 71"}) {
		t.Errorf("titles are %q", titles)
	}
	if got := r.Entries[:3]; got[0].Text != "red fox" || got[1].Text != "turkey" || got[2].Text != "Turkey" || got[0].Source != "wordnet" {
		t.Errorf("the list begins with %v", got)
	}
	if want := (ViewsTally{Rows: 9, OtherProject: 1, Few: 1, Colon: 1, Malformed: 1}); r.Views != want {
		t.Errorf("views are %+v, want %+v", r.Views, want)
	}
	if !slices.Contains(r.Header, "date: 2024-02-01") || !slices.ContainsFunc(r.Header, func(h string) bool { return strings.HasPrefix(h, "source: dump small.xml sha256 ") }) {
		t.Errorf("header is %q", r.Header)
	}
	o.Size = len(r.Entries) - 3
	_, cut := encoded(t, o)
	if !slices.Equal(cut.Entries, r.Entries[:o.Size]) || cut.Cut["title"] != 2 || cut.Cut["phrase"] != 1 {
		t.Errorf("the cut kept %d entries and left out %v", len(cut.Entries), cut.Cut)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"cut in a block", Options{Dumps: []string{"testdata/cut.xml.bz2"}}, "is cut or damaged near byte"},
		{"cut", Options{Dumps: []string{"testdata/cut.xml"}}, `ends without </mediawiki> after page 30 ("Page 23")`},
		{"no dump", Options{Dumps: []string{"build.go"}}, "does not begin with <mediawiki>"},
		{"empty file", Options{Dumps: []string{write("empty", "")}}, "holds no <mediawiki>"},
		{"missing dump", Options{Dumps: []string{"nowhere.bz2"}}, "open source"},
		{"the same twice", Options{Dumps: []string{"testdata/small.xml", "testdata/small.xml"}}, "are the same dump"},
		{"another project", Options{Views: []string{write("pageviews-20240131-120000", "de Turm 800 0\n")}}, `none of its 1 rows is of project "en"`},
		{"not page views", Options{Views: []string{write("projectviews-20240131-120000", "en - 800 0\n")}}, "want an hourly file"},
		{"no WordNet", Options{WordNet: dir}, "there is no " + filepath.Join(dir, "data.adj")},
		{"nothing", Options{}, "no source"},
		{"date", Options{WordNet: dir, Date: "yesterday"}, `date "yesterday": want YYYY-MM-DD`},
		{"nothing reached", Options{Dumps: []string{"testdata/small.xml"}, MinCount: 1e6}, "nothing reached the thresholds"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Temp = t.TempDir()
			tt.o.Workers = 4
			tt.o.Memory = 64 << 20
			_, err := Build(context.Background(), tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestInvalidPagesAreCounted(t *testing.T) {
	data, err := os.ReadFile("testdata/small.xml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bad.xml")
	if err := os.WriteFile(path, bytes.Replace(data, []byte("Page 7 says"), []byte("Page \xff says"), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	_, r := encoded(t, options(t, 2, path))
	if d := r.Dumps[0]; d.Dropped[DropInvalid] != 1 || d.Kept != 40 {
		t.Errorf("tally is %+v", d)
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte("<title>a</title><ns>0</ns><redirect/><revision><text>b &amp;amp; [[c]]</text></revision>"))
	f.Fuzz(func(t *testing.T, page []byte) {
		if text, drop := pageText(nil, page); drop == "" && len(text) > len(page) {
			t.Errorf("a page of %d bytes has a text of %d", len(page), len(text))
		}
	})
}
