package stats

import (
	"fmt"
	"math"
	"strings"
)

// balanceView is what the page shows of a Balance.
type balanceView struct {
	*Balance
	Rule   string
	Lines  []lineView
	XTicks []tick
	YTicks []tick
}

// lineView is a line of the chart.
type lineView struct {
	Class, Path string
	Label       string
	X, Y        float64 // of the label; without one it was too near another's
}

// balanceViewOf is nil when there was nothing to balance.
func balanceViewOf(b *Balance) *balanceView {
	if b == nil || b.Before == 0 {
		return nil
	}
	v := &balanceView{Balance: b}
	switch {
	case b.Limit == 0:
		v.Rule = "No limit was set: every pair stays."
	case b.Mode == "probability":
		v.Rule = fmt.Sprintf("A query with more than %s pairs keeps each with probability %s / their number; a pair stays if any of its queries keeps it.", grouped(b.Limit), grouped(b.Limit))
	default:
		v.Rule = fmt.Sprintf("A query keeps at most %s pairs; a pair stays if any of its queries keeps it.", grouped(b.Limit))
	}
	v.draw()
	return v
}

// draw lays out the cumulated matches over the queries with the most pairs
// first: before, after, and under other limits, as shares of all before.
func (v *balanceView) draw() {
	last := max(float64(v.Curve[len(v.Curve)-1].Rank), 2)
	x := func(rank int64) float64 {
		return round(curveLeft+(curveRight-curveLeft)*math.Log(float64(rank))/math.Log(last), 1)
	}
	y := func(matches int64) float64 {
		return round(curveBottom-(curveBottom-curveTop)*float64(matches)/float64(v.Before), 1)
	}
	for _, s := range []float64{0, .25, .5, .75, 1} {
		v.YTicks = append(v.YTicks, tick{round(curveBottom-(curveBottom-curveTop)*s, 1), fmt.Sprintf("%.0f%%", 100*s)})
	}
	for r := int64(1); float64(r) <= last; r *= 10 {
		v.XTicks = append(v.XTicks, tick{x(r), grouped(r)})
	}
	line := func(class, label string, matches func(BalancePoint) int64) {
		l := lineView{Class: class, Label: label, X: curveRight}
		var path strings.Builder
		for i, p := range v.Curve {
			verb := "L"
			if i == 0 {
				verb = "M"
			}
			l.Y = y(matches(p))
			fmt.Fprintf(&path, "%s%g %g", verb, x(p.Rank), l.Y)
		}
		l.Path, l.Y = path.String(), round(l.Y-4, 1)
		for _, other := range v.Lines {
			if other.Label != "" && math.Abs(other.Y-l.Y) < 13 {
				l.Label = ""
			}
		}
		v.Lines = append(v.Lines, l)
	}
	line("curve", "before", func(p BalancePoint) int64 { return p.Before })
	line("after", "after", func(p BalancePoint) int64 { return p.After })
	for k, limit := range v.Limits {
		line("limit", "t = "+grouped(limit.Limit), func(p BalancePoint) int64 { return p.Limits[k] })
	}
}

// Range names the pairs of a size.
func (s QuerySize) Range() string {
	if s.From == s.To {
		return grouped(s.From)
	}
	return grouped(s.From) + " to " + grouped(s.To)
}
