package stats

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// view is what the page's template reads: figures already in the form in which
// they are shown.
type view struct {
	Pairs        int64
	Tiles        []tile
	Stages       []stageView
	Drops        []dropView
	Samples      []sampleView
	Charts       []histogramView
	Numbers      []numberView
	Sides        []Side
	Kinds        []kindView
	Queries      Queries
	Curve        *curveView
	TopQueries   []barView
	Balance      *balanceView
	NearPictures *nearPicturesView
	Overlap      *overlapView
	FetchErrors  []barView
	Training     *trainingView
	Evaluation   *Evaluation
	Dataset      *Dataset
	Facts        []factView
	Settings     []settingView
	Generations  []generationView
	Change       *changeView
	Spreads      []spreadView
	Note         string
}

type tile struct{ Value, Label string }

// stageView is one bar of the road.
type stageView struct {
	Name, Unit, OutUnit string
	In, Kept, Out       int64
	Segments            []segment
	Worst               string
}

type segment struct {
	Name    string
	Count   int64
	Opacity float64
}

type dropView struct {
	Stage, Reason string
	Count, In     int64
}

type sampleView struct {
	Thumb
	Text, Host string
	PairID     string
	Queries    string
}

type numberView struct {
	Name, Of string
	Count    int64
	Exact    bool
	Values   []string
}

type kindView struct {
	Title string
	Rows  []barView
}

type barView struct {
	Name  string
	Count int64
	Width float64 // percent of the longest bar
}

func viewOf(s *Stats) *view {
	v := &view{
		Pairs: s.Pairs, Sides: s.Sides, Queries: s.Queries, Curve: curveOf(s.Queries.Curve, s.Queries.WithPairs, s.Queries.Matches), Balance: balanceViewOf(s.Balance),
		NearPictures: nearPicturesViewOf(s.NearPictures), Overlap: overlapViewOf(s.Overlap),
		TopQueries: barsOf(s.Queries.Top), FetchErrors: barsOf(s.FetchErrors),
		Training: trainingViewOf(s.Training), Evaluation: s.Evaluation, Dataset: s.Dataset, Change: changeViewOf(s.Change),
		Spreads: []spreadView{spreadViewOf("hosts", s.Hosts), spreadViewOf("registered domains", s.Domains)},
	}
	v.addDataset(s)
	v.Tiles = []tile{
		{grouped(s.Pairs), "pairs"},
		{estimated(s.Distinct.Pictures), "different pictures"},
		{estimated(s.Distinct.Texts), "different texts"},
		{estimated(s.Distinct.Pages), "pages"},
		{estimated(s.Hosts.Count), "hosts"},
		{grouped(s.Queries.WithPairs), "queries with pairs"},
		{bytesText(s.Bytes), "of pictures"},
	}
	for _, t := range s.Stages {
		v.addStage(&t)
	}
	slices.SortStableFunc(v.Drops, func(a, b dropView) int { return int(max(-1, min(1, b.Count-a.Count))) })
	for _, d := range s.Distributions {
		if d.Count == 0 {
			continue
		}
		v.Charts = append(v.Charts, histogramOf(d))
		v.Numbers = append(v.Numbers, numberOf(d))
	}
	for _, k := range []struct {
		title string
		names Names
	}{
		{"Where the text stood", s.TextSources}, {"Languages, as pages declare them", s.Languages},
		{"Languages, as detected in the texts", s.TextLanguages},
		{"Original formats", s.Formats},
		{"Licences, as pages state them", s.Licenses}, {"Opt-outs recorded and not obeyed", s.OptOuts},
	} {
		const most = 12
		v.Kinds = append(v.Kinds, kindView{k.title, barsOf(shorten(k.names, most))})
	}
	for _, smp := range s.Samples {
		v.Samples = append(v.Samples, sampleView{Thumb: smp.Thumb, Text: smp.Text, PairID: smp.PairID, Host: hostOf(smp.PageURL), Queries: listed(smp.Queries)})
	}
	if d := s.Distinct; !d.ImageURLs.Exact || !d.Pictures.Exact || !d.Texts.Exact || !d.Pages.Exact || !s.Hosts.Count.Exact {
		v.Note = "Figures with ≈ are estimates, right to about 0.4% (a standard error)."
	}
	return v
}

func (v *view) addStage(t *shard.Tally) {
	sv := stageView{Name: t.Stage, Unit: t.Unit, OutUnit: t.OutUnit, In: t.In, Kept: t.Kept, Out: t.Out}
	if t.OutUnit == t.Unit && t.Out == t.Kept {
		sv.Out = 0 // says nothing new
	}
	for i, reason := range t.Reasons() {
		n := t.Dropped[reason]
		if n <= 0 {
			continue
		}
		if i == 0 {
			sv.Worst = reason
		}
		// Paler from reason to reason, so that neighbours can be told apart.
		sv.Segments = append(sv.Segments, segment{reason, n, max(.25, 1-.18*float64(i))})
		v.Drops = append(v.Drops, dropView{t.Stage, reason, n, t.In})
	}
	v.Stages = append(v.Stages, sv)
}

func numberOf(d Distribution) numberView {
	show := func(n int64) string {
		if d.Unit == "bytes" {
			return bytesText(n)
		}
		return grouped(n)
	}
	q := d.Quantiles
	n := numberView{Name: titled(d.Name), Of: d.Of, Count: d.Count, Exact: d.Exact}
	for _, x := range []int64{d.Min, q[0], q[4], q[9], q[14], q[18], d.Max} {
		n.Values = append(n.Values, show(x))
	}
	mean := strconv.FormatFloat(d.Mean, 'f', 1, 64)
	if d.Mean >= 1000 || d.Unit == "bytes" {
		mean = show(int64(d.Mean + .5))
	}
	n.Values = append(n.Values, mean)
	return n
}

// shorten keeps the first most names and gathers the others.
func shorten(n Names, most int) Names {
	if len(n) <= most {
		return n
	}
	out := slices.Clone(n[:most])
	rest := Name{Name: otherName}
	for _, r := range n[most:] {
		rest.Count += r.Count
	}
	return append(out, rest)
}

func barsOf(n []Name) []barView {
	var longest int64 = 1
	for _, x := range n {
		longest = max(longest, x.Count)
	}
	var out []barView
	for _, x := range n {
		out = append(out, barView{x.Name, x.Count, round(100*float64(x.Count)/float64(longest), 2)})
	}
	return out
}

// listed names a few queries on one line.
func listed(queries []string) string {
	const most = 4
	if len(queries) <= most {
		return strings.Join(queries, " · ")
	}
	return strings.Join(queries[:most], " · ") + fmt.Sprintf(" · and %d more", len(queries)-most)
}

// titled starts an English name with a capital.
func titled(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// grouped writes n with a comma between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func estimated(e Estimate) string {
	if e.Exact {
		return grouped(e.Count)
	}
	return "≈ " + grouped(e.Count)
}

// percent is n of total; small shares keep two digits that mean something.
func percent(n, total int64) string {
	if total == 0 {
		return "0%"
	}
	p := 100 * float64(n) / float64(total)
	switch {
	case n == 0 || n == total:
		return strconv.FormatFloat(p, 'f', 0, 64) + "%"
	case p < .01:
		return "< 0.01%"
	case p < 1:
		return strconv.FormatFloat(p, 'f', 2, 64) + "%"
	case p > 99.9:
		return "> 99.9%"
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + "%"
}

func bytesText(n int64) string {
	f := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB", "TB"} {
		if f < 999.5 || unit == "TB" {
			digits := 0
			if f < 99.95 && unit != "B" {
				digits = 1
			}
			return strconv.FormatFloat(f, 'f', digits, 64) + " " + unit
		}
		f /= 1000
	}
	return ""
}
