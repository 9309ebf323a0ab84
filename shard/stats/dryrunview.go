package stats

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

//go:embed dryrun.html
var dryRunSource string

// DryRunHTML is the dry run as one page.
func DryRunHTML(d *DryRun) ([]byte, error) { return pageOf("dry run", dryRunSource, dryRunViewOf(d)) }

// dryRunView is what the template reads, in the form in which it is shown.
type dryRunView struct {
	Lead       string
	Tiles      []tile
	Notes      []string
	LeftOut    []barView
	NotFetched []barView
	Steps      []dryStepView
}

type dryStepView struct {
	Title, Unit, Lead string
	In, Kept          int64
	Dropping, Idle    []dropRuleView // all rules: those that drop some, and others
	// The same rules: those with something to look at, that are on or off, and others.
	On, Off, Quiet []dropRuleView
}

type dropRuleView struct {
	Name, Anchor, SetTo  string
	Settings             []Setting
	Alone, InOrder, Only string
	Share                string
	Width                float64 // percent of the step's input
	Sentence             string
	WhatIf               []whatIfView
	Samples              []dropSampleView
	Of                   string // how many samples of how many
	Others, All          string // what else decides, where the rule is tried with the others; in short
	Texts                bool   // it is one of texts
}

type whatIfView struct {
	Key, Title string
	Rows       []whatIfRowView
	Chart      *whatIfChart
}

type whatIfRowView struct {
	At, Alone, AloneShare, Others, OthersShare, Change string
	Today                                              bool
}

type dropSampleView struct {
	Src           template.URL
	Width, Height int
	Text, Detail  string
	Page, Host    string
	PairID, Also  string
}

// dryStepWords are what the page says of a step.
var dryStepWords = map[string]struct{ title, lead, others, all string }{
	"texts": {"Texts", "Rules over the text, its place and its page. All candidates go through them before a picture is fetched.",
		"all other text rules, and a query, as they are", "With all rules"},
	"pictures": {"Pictures", "Rules over the picture. All pairs whose picture is there go through them.",
		"all other picture rules as they are", "With all rules"},
	"exact_duplicates": {"Exact duplicates", "What may not repeat as it is, among the pairs that the picture rules let pass.",
		"all other settings of exact duplicates as they are", "With all exact"},
	"near_duplicates": {"Near duplicates and evaluation sets", "What is too much like another pair or an evaluation set, among the pairs that are no exact duplicates.",
		"all other settings as they are", "With all"},
	"balance": {"Balance", "How many pairs a query may have, of those that are left.",
		"all steps before as they are", "After all steps"},
}

func dryRunViewOf(d *DryRun) *dryRunView {
	v := &dryRunView{Notes: d.Notes, LeftOut: barsOf(d.LeftOut), NotFetched: barsOf(d.NotFetched)}
	v.Tiles = []tile{{grouped(d.Candidates), "candidate texts"}}
	for _, s := range d.Steps {
		if s.Name == "texts" {
			v.Tiles = append(v.Tiles, tile{grouped(s.Kept), "texts that pass"})
		}
	}
	if d.Matched > 0 {
		matched := "matched pairs"
		if d.MatchDue {
			matched = "matched pairs of the last match"
		}
		v.Tiles = append(v.Tiles, tile{grouped(d.Matched), matched}, tile{grouped(d.Fetched), "of them with a picture"},
			tile{grouped(d.Kept), "pairs kept in the end"})
	}
	for _, s := range d.Steps {
		v.Steps = append(v.Steps, dryStepViewOf(s))
	}
	return v
}

func dryStepViewOf(s DryStep) dryStepView {
	words := dryStepWords[s.Name]
	v := dryStepView{Title: words.title, Unit: s.Unit, Lead: words.lead, In: s.In, Kept: s.Kept}
	for _, r := range s.Rules {
		rv := dropRuleView{
			Name: r.Rule, Anchor: s.Name + "-" + r.Rule, Settings: r.Settings, Alone: known(r.Alone), InOrder: grouped(r.InOrder), Only: known(r.Only),
			Others: words.others, All: words.all, Texts: s.Name == "texts", Of: samplesOf(r), Share: percent(r.InOrder, s.In), Width: round(100*float64(r.InOrder)/float64(max(s.In, 1)), 2), Sentence: sentenceOf(r, s),
		}
		off := map[string]bool{}
		for _, w := range r.WhatIf {
			off[w.Key] = w.Today == 0
		}
		var set []string
		for _, x := range r.Settings {
			value := x.Value
			if off[x.Key] {
				value = "off"
			}
			set = append(set, x.Key[strings.LastIndexByte(x.Key, '.')+1:]+" "+value)
		}
		rv.SetTo = strings.Join(set, ", ")
		for _, w := range r.WhatIf {
			rv.WhatIf = append(rv.WhatIf, whatIfViewOf(w, s.In))
		}
		for _, x := range r.Samples {
			rv.Samples = append(rv.Samples, dropSampleViewOf(x))
		}
		if r.InOrder > 0 || r.Alone != nil && *r.Alone > 0 {
			v.Dropping = append(v.Dropping, rv)
		} else {
			v.Idle = append(v.Idle, rv)
		}
		switch {
		case len(r.Samples) == 0 && !slices.ContainsFunc(rv.WhatIf, func(w whatIfView) bool { return w.Chart != nil }):
			v.Quiet = append(v.Quiet, rv)
		case len(r.WhatIf) > 0 && !slices.ContainsFunc(r.WhatIf, func(w WhatIf) bool { return w.Today != 0 }):
			v.Off = append(v.Off, rv)
		default:
			v.On = append(v.On, rv)
		}
	}
	return v
}

// samplesOf says which of the records that a rule drops are shown.
func samplesOf(r DropRule) string {
	n, total := int64(len(r.Samples)), r.InOrder
	if r.Alone != nil {
		total = *r.Alone
	}
	switch {
	case n == total:
		return "All that it drops"
	case n < DropSamples: // there are no others
		return fmt.Sprintf("The %d different pairs among the %s that it drops", n, grouped(total))
	}
	return fmt.Sprintf("%d of the %s that it drops, drawn by hash", n, grouped(total))
}

// known writes a count that may not be known.
func known(n *int64) string {
	if n == nil {
		return "–"
	}
	return grouped(*n)
}

// sentenceOf says the counts of a rule in words.
func sentenceOf(r DropRule, s DryStep) string {
	if len(r.WhatIf) > 0 && !slices.ContainsFunc(r.WhatIf, func(w WhatIf) bool { return w.Today != 0 }) {
		return "Off: it drops nothing. This is what it would let pass."
	}
	if r.InOrder == 0 && (r.Alone == nil || *r.Alone == 0) {
		return fmt.Sprintf("Drops none of %s %s.", grouped(s.In), s.Unit)
	}
	text := fmt.Sprintf("Drops %s of %s %s (%s) after the rules before it", grouped(r.InOrder), grouped(s.In), s.Unit, percent(r.InOrder, s.In))
	if r.Alone != nil {
		text += fmt.Sprintf(", and would drop %s (%s) if it were the only one", grouped(*r.Alone), percent(*r.Alone, s.In))
	}
	text += "."
	if r.Alone == nil {
		text += " What it would drop alone was not tried, as that takes as long as the step itself."
	}
	if r.Only != nil {
		text += fmt.Sprintf(" Without it %s more would pass this step.", grouped(*r.Only))
	}
	return text
}

// mostWhatIfRows is how many thresholds a table shows; the chart and dry-run.json
// have all.
const mostWhatIfRows = 13

func whatIfViewOf(w WhatIf, in int64) whatIfView {
	side := "at most"
	if w.Least {
		side = "at least"
	}
	v := whatIfView{Key: w.Key, Title: side, Chart: whatIfChartOf(w, in)}
	var today int64
	for _, r := range w.Rows {
		if r.At == w.Today {
			today = r.Others
		}
	}
	for _, r := range shownRows(w) {
		rv := whatIfRowView{
			At: threshold(r.At), Today: r.At == w.Today, Alone: grouped(r.Alone), AloneShare: percent(r.Alone, in),
			Others: grouped(r.Others), OthersShare: percent(r.Others, in),
		}
		switch change := r.Others - today; {
		case rv.Today:
			rv.Change = "today"
		case change > 0:
			rv.Change = "+" + grouped(change)
		case change < 0:
			rv.Change = "−" + grouped(-change)
		default:
			rv.Change = "0"
		}
		v.Rows = append(v.Rows, rv)
	}
	return v
}

// shownRows picks the rows of a table: the ends, today's, and others spread evenly.
func shownRows(w WhatIf) []WhatIfRow {
	last := len(w.Rows) - 1
	if last < mostWhatIfRows {
		return w.Rows
	}
	today := slices.IndexFunc(w.Rows, func(r WhatIfRow) bool { return r.At == w.Today })
	chosen := map[int]bool{today: true}
	for i := range mostWhatIfRows - 1 {
		chosen[i*last/(mostWhatIfRows-2)] = true
	}
	var rows []WhatIfRow
	for i, r := range w.Rows {
		if chosen[i] {
			rows = append(rows, r)
		}
	}
	return rows
}

// threshold writes one; 0 drops nothing.
func threshold(at float64) string {
	switch {
	case at == 0:
		return "off"
	case at == math.Trunc(at) && at < 1e15:
		return grouped(int64(at))
	}
	return strconv.FormatFloat(at, 'g', 6, 64)
}

func dropSampleViewOf(s DropSample) dropSampleView {
	v := dropSampleView{Width: s.Width, Height: s.Height, Text: s.Text, Detail: s.Detail, Page: s.PageURL, Host: hostOf(s.PageURL), PairID: s.PairID}
	if len(s.Also) > 0 {
		v.Also = strings.Join(s.Also, ", ")
	}
	if len(s.Thumb) > 0 {
		v.Src = template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(s.Thumb))
	}
	return v
}

// The measures of the chart are those of the viewBox in dryrun.html.
const (
	whatIfLeft, whatIfRight, whatIfTop, whatIfBottom = 40.0, 352.0, 20.0, 136.0
)

type whatIfChart struct {
	Aria           string
	YTicks, XTicks []tick
	Alone, Others  string // paths
	Points         []whatIfPoint
	Today          float64
	TodayLabel     string
	TodayText      float64
}

type whatIfPoint struct {
	X, Alone, Others float64
	Label            string
}

// whatIfChartOf draws the shares that pass over the thresholds, which lie side by side
// whatever their distance; nil where there is nothing to see.
func whatIfChartOf(w WhatIf, in int64) *whatIfChart {
	if len(w.Rows) < 4 || in == 0 {
		return nil
	}
	share := func(n int64) float64 { return float64(n) / float64(in) }
	low := 1.0
	for _, r := range w.Rows {
		low = min(low, share(r.Others), share(r.Alone))
	}
	if low = math.Floor(low*10) / 10; low < 0.5 {
		low = 0
	}
	last := float64(len(w.Rows) - 1)
	x := func(i int) float64 { return round(whatIfLeft+(whatIfRight-whatIfLeft)*float64(i)/last, 1) }
	y := func(n int64) float64 {
		return round(whatIfBottom-(whatIfBottom-whatIfTop)*(share(n)-low)/(1-low), 1)
	}
	v := &whatIfChart{Aria: fmt.Sprintf("Share that passes over %s, from %s to %s, alone and with the other rules", w.Key, threshold(w.Rows[0].At), threshold(w.Rows[len(w.Rows)-1].At))}
	for i := range 3 {
		at := low + (1-low)*float64(i)/2
		v.YTicks = append(v.YTicks, tick{round(whatIfBottom-(whatIfBottom-whatIfTop)*float64(i)/2, 1), strconv.FormatFloat(100*at, 'g', 3, 64) + "%"})
	}
	var alone, others strings.Builder
	for i, r := range w.Rows {
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		p := whatIfPoint{x(i), y(r.Alone), y(r.Others), fmt.Sprintf("%s: %s pass alone, %s with the others", threshold(r.At), grouped(r.Alone), grouped(r.Others))}
		fmt.Fprintf(&alone, "%s%g %g", verb, p.X, p.Alone)
		fmt.Fprintf(&others, "%s%g %g", verb, p.X, p.Others)
		v.Points = append(v.Points, p)
		if r.At == w.Today {
			v.Today, v.TodayLabel = p.X, "today "+threshold(r.At)
			v.TodayText = min(max(p.X, whatIfLeft+24), whatIfRight-24)
		}
	}
	v.Alone, v.Others = alone.String(), others.String()
	// As many labels as there is room for.
	every := (len(w.Rows) + 6) / 7
	for i, r := range w.Rows {
		if i%every == 0 && i+every <= len(w.Rows)-1 || i == len(w.Rows)-1 {
			v.XTicks = append(v.XTicks, tick{x(i), threshold(r.At)})
		}
	}
	return v
}
