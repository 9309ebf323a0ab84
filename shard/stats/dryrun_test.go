package stats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/pairloom/pairloom/shard"
)

// someDryRun has rules of all kinds: with one limit, with two, with none, that drop
// nothing, whose counts are not known; and texts that mean harm.
func someDryRun(t testing.TB) *DryRun {
	picture := jpegOf(t, 200, 100, color.NRGBA{R: 90})
	n := func(n int64) *int64 { return &n }
	whatIf := func(key string, least bool, today float64, in int64, at ...float64) WhatIf {
		w := WhatIf{Key: key, Least: least, Today: today}
		for i, x := range at {
			passes := in - in*int64(i)*int64(i)/int64(len(at)*len(at))
			w.Rows = append(w.Rows, WhatIfRow{x, passes, passes * 2 / 3})
		}
		if !least {
			slices.Reverse(w.Rows)
		}
		return w
	}
	sample := func(id uint64, text, detail string, also []string, jpeg []byte) DropSample {
		return NewDropSample(id, "https://pictures.example/1.jpg", "https://site.example/page?a=1&b=2", text, detail, also, jpeg)
	}
	return &DryRun{
		Version: DryRunVersion, Candidates: 123456, Matched: 9000, Fetched: 8000, Kept: 7000,
		Notes:   []string{"Fetch is not finished: <b>so far</b>."},
		LeftOut: Names{{"placeholder", 900}, {"same_url_and_text", 34}}, NotFetched: Names{{"http_404", 900}, {"never asked for", 100}},
		Steps: []DryStep{
			{Name: "texts", Unit: "candidates", In: 123456, Kept: 10000, Rules: []DropRule{
				{Rule: "words", Settings: []Setting{{"filter.text.min_words", "2", "least number of words"}, {"filter.text.max_words", "256", ""}},
					Alone: n(60000), InOrder: 50000, Only: n(40000),
					WhatIf: []WhatIf{whatIf("filter.text.min_words", true, 2, 123456, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40), whatIf("filter.text.max_words", false, 256, 123456, 0, 256, 10, 5, 1)},
					Samples: []DropSample{
						sample(1, `<script>alert("x")</script>`, "1 words, less than min_words 2", []string{"characters"}, nil),
						sample(2, `"><img src=http://evil.example/x onerror=alert(1)>`, "1 words", nil, picture),
						{PairID: shard.FormatPairID(3), PageURL: "javascript:alert(1)", Text: "شلاش \u202e right to left", Detail: "{{.Steps}}", Also: []string{}},
					}},
				{Rule: "digits", Settings: []Setting{{"filter.text.max_digits", "0", "greatest share of digits"}}, Alone: n(0), Only: n(0),
					WhatIf: []WhatIf{whatIf("filter.text.max_digits", false, 0, 123456, 0, 0.9, 0.5, 0.25, 0.05)}, Samples: []DropSample{}},
				{Rule: "address", Settings: []Setting{{"filter.text.drop_addresses", "true", "drop addresses"}}, Alone: n(0), Only: n(0), WhatIf: []WhatIf{}, Samples: []DropSample{}},
				{Rule: "no_query", Settings: []Setting{}, Alone: n(70000), InOrder: 63456, Only: n(60000), WhatIf: []WhatIf{}, Samples: []DropSample{}},
			}},
			{Name: "pictures", Unit: "pairs", In: 8000, Kept: 7500, Rules: []DropRule{
				{Rule: "short_side", Settings: []Setting{{"filter.picture.min_short_side", "64", "least short side"}}, Alone: n(1), InOrder: 1, Only: n(1),
					WhatIf: []WhatIf{whatIf("filter.picture.min_short_side", true, 64, 8000, 0, 32, 64, 128, 1024)}, Samples: []DropSample{sample(4, "a fox", "30x20, less than 64", nil, picture)}},
			}},
			{Name: "near_duplicates", Unit: "pairs", In: 7500, Kept: 7200, Rules: []DropRule{
				{Rule: "near_picture", Settings: []Setting{}, InOrder: 300, WhatIf: []WhatIf{}, Samples: []DropSample{sample(5, "a fox", "as pair 1", nil, []byte("damaged"))}},
			}},
			{Name: "balance", Unit: "pairs", In: 7200, Kept: 7000, Rules: []DropRule{
				{Rule: "query_cap", Settings: []Setting{}, Alone: n(200), InOrder: 200, Only: n(200), WhatIf: []WhatIf{}, Samples: []DropSample{}},
			}},
		},
	}
}

// noDryRun is that of a folder with nothing but candidates, of which there are none.
func noDryRun() *DryRun {
	n := int64(0)
	return &DryRun{Version: DryRunVersion, Notes: []string{}, LeftOut: Names{}, NotFetched: Names{}, Steps: []DryStep{
		{Name: "texts", Unit: "candidates", Rules: []DropRule{{Rule: "words", Settings: []Setting{}, Alone: &n, Only: &n,
			WhatIf: []WhatIf{{Key: "filter.text.min_words", Least: true, Today: 2, Rows: []WhatIfRow{{}, {At: 2}}}}, Samples: []DropSample{}}}},
	}}
}

func TestDryRunGolden(t *testing.T) {
	for name, d := range map[string]*DryRun{"dry-run": someDryRun(t), "dry-run-none": noDryRun()} {
		dir := t.TempDir()
		if err := WriteDryRun(dir, d); err != nil {
			t.Fatal(err)
		}
		for from, to := range map[string]string{DryRunFigures: name + ".json", DryRunPage: name + ".html"} {
			got, err := os.ReadFile(filepath.Join(dir, shard.DryRunFolder, from))
			if err != nil {
				t.Fatal(err)
			}
			got = pixels.ReplaceAll(got, []byte("data:image/jpeg;base64,"))
			file := filepath.Join("testdata", to)
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
	}
}

// TestDryRunPage holds that the page asks nothing of any network but by a link that
// someone follows, has no scripts, that no text becomes markup, that pictures have a
// text in their place, and that each rule of the first table leads to its place.
func TestDryRunPage(t *testing.T) {
	d := someDryRun(t)
	page, err := DryRunHTML(d)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, to := map[string]bool{}, []string{}
	pictures, tables := 0, 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		has := map[string]string{}
		for _, a := range n.Attr {
			has[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has %s", n.Data, a.Key)
			}
		}
		switch n.Data {
		case "script", "iframe", "object", "embed", "base", "form":
			t.Errorf("the page has a <%s>", n.Data)
		case "img":
			pictures++
			if _, ok := has["alt"]; !ok || !strings.HasPrefix(has["src"], "data:image/jpeg;base64,") {
				t.Errorf("a picture is %v", has)
			}
		case "svg":
			if has["role"] != "img" || has["aria-label"] == "" {
				t.Errorf("a chart says nothing to who cannot see it: %v", has)
			}
		case "table":
			tables++
		case "a":
			if place, ok := strings.CutPrefix(has["href"], "#"); ok && place != "ZgotmplZ" {
				to = append(to, place)
			} else if !ok && !strings.HasPrefix(has["href"], "https://site.example/") {
				t.Errorf("a link leads to %s", has["href"])
			}
		}
		if id := has["id"]; id != "" && ids[id] {
			t.Errorf("two things have the id %s", id)
		} else if id != "" {
			ids[id] = true
		}
	}
	rules := 0
	for _, s := range d.Steps {
		rules += len(s.Rules)
	}
	if pictures != 2 || len(to) != rules {
		t.Errorf("%d pictures and %d rules in the first table, want 2 and %d", pictures, len(to), rules)
	}
	for _, place := range to {
		if !ids[place] {
			t.Errorf("the first table leads to %s, which is nowhere", place)
		}
	}
}

func TestTrimmed(t *testing.T) {
	rows := func(at ...float64) (list []WhatIfRow) {
		for _, x := range at {
			list = append(list, WhatIfRow{At: x, Alone: int64(max(10-x, 3)), Others: 2})
		}
		return list
	}
	for _, tt := range []struct {
		today float64
		want  []float64
	}{
		{2, []float64{0, 1, 2, 6, 7}},
		{9, []float64{0, 1, 2, 6, 7, 9}},
		{0, []float64{0, 1, 2, 6, 7}},
	} {
		got := WhatIf{Today: tt.today, Rows: rows(0, 1, 2, 6, 7, 8, 9, 10)}.Trimmed()
		var at []float64
		for _, r := range got.Rows {
			at = append(at, r.At)
		}
		if !slices.Equal(at, tt.want) {
			t.Errorf("today %v: the thresholds are %v, want %v", tt.today, at, tt.want)
		}
	}
}

// TestWhatIfTable holds that a long table keeps its ends and today's row, and that
// changes are counted from today's.
func TestWhatIfTable(t *testing.T) {
	w := WhatIf{Key: "filter.text.min_words", Least: true, Today: 37}
	for i := range 60 {
		w.Rows = append(w.Rows, WhatIfRow{At: float64(i), Alone: int64(2000 - i), Others: int64(1000 - i)})
	}
	v := whatIfViewOf(w, 2000)
	if n := len(v.Rows); n > mostWhatIfRows || n < mostWhatIfRows-2 {
		t.Errorf("%d rows, want at most %d", n, mostWhatIfRows)
	}
	first, last := v.Rows[0], v.Rows[len(v.Rows)-1]
	if first.At != "off" || first.Change != "+37" || last.At != "59" || last.Change != "−22" {
		t.Errorf("the ends are %+v and %+v", first, last)
	}
	if i := slices.IndexFunc(v.Rows, func(r whatIfRowView) bool { return r.Today }); i < 0 || v.Rows[i].At != "37" || v.Rows[i].Others != "963" || v.Rows[i].Change != "today" {
		t.Errorf("today's row is not there: %+v", v.Rows)
	}
	if v.Chart.TodayLabel != "today 37" || len(v.Chart.Points) != 60 {
		t.Errorf("the chart has %d points, and %q", len(v.Chart.Points), v.Chart.TodayLabel)
	}
	for _, p := range v.Chart.Points {
		for _, at := range []float64{p.X, p.Alone, p.Others} {
			if math.IsNaN(at) || at < 0 || at > 360 {
				t.Errorf("a point lies at %v", p)
			}
		}
	}
}

func TestSamplesOf(t *testing.T) {
	rule := func(shown int, alone int64) DropRule {
		return DropRule{Alone: &alone, Samples: make([]DropSample, shown)}
	}
	for _, tt := range []struct {
		rule DropRule
		want string
	}{
		{rule(7, 7), "All that it drops"},
		{rule(20, 1234), "20 of the 1,234 that it drops, drawn by hash"},
		{rule(7, 1234), "The 7 different pairs among the 1,234 that it drops"},
	} {
		if got := samplesOf(tt.rule); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestDryRunFigures holds that what is not known is null, and lists are never.
func TestDryRunFigures(t *testing.T) {
	text, err := json.Marshal(someDryRun(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"rule":"near_picture","settings":[],"alone":null,"in_order":300,"only_it":null`, fmt.Sprintf(`"version":%d`, DryRunVersion), `"also_dropped_by":[]`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}
