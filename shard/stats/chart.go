package stats

import (
	"fmt"
	"math"
	"strings"
)

// The measures of the charts are those of the viewBox in page.html.
const (
	histWidth, histTop, histBase                 = 320.0, 4.0, 112.0
	curveLeft, curveRight, curveTop, curveBottom = 34.0, 470.0, 10.0, 264.0
)

type histogramView struct {
	Title, Aria           string
	Bars                  []rect
	Median, MedianText    float64
	From, To, MedianLabel string
}

type rect struct {
	X, Y, W, H float64
	Label      string
	Over       bool // holds all that lies above
}

// histogramOf lays out the bins of d side by side, whatever their widths: all
// but the last are equal.
func histogramOf(d Distribution) histogramView {
	show := func(n int64) string {
		if d.Unit == "bytes" {
			return bytesText(n)
		}
		return grouped(n)
	}
	v := histogramView{Title: titled(d.Name)}
	if d.Unit == "pixels" || d.Unit == "characters" {
		v.Title += ", " + d.Unit
	}
	var most int64 = 1
	for _, b := range d.Histogram {
		most = max(most, b.Count)
	}
	n := len(d.Histogram)
	step := histWidth / float64(max(n, 8))
	median := d.Quantiles[9]
	for i, b := range d.Histogram {
		x := float64(i) * step
		h := (histBase - histTop) * float64(b.Count) / float64(most)
		if b.Count > 0 {
			h = max(h, 1)
		}
		over := n > 1 && i == n-1 && b.To-b.From > d.Histogram[max(0, i-1)].To-d.Histogram[max(0, i-1)].From
		label := fmt.Sprintf("%s to %s: %s", show(b.From), show(b.To-1), grouped(b.Count))
		if b.To-b.From == 1 {
			label = fmt.Sprintf("%s: %s", show(b.From), grouped(b.Count))
		}
		v.Bars = append(v.Bars, rect{X: round(x, 2), Y: round(histBase-h, 2), W: round(max(step-1.5, 1), 2), H: round(h, 2), Label: label, Over: over})
		if median >= b.From && median < b.To {
			at := x + step/2
			if b.To-b.From > 1 {
				at = x + step*float64(median-b.From)/float64(b.To-b.From)
			}
			v.Median = round(at, 2)
		}
	}
	v.From, v.To = show(d.Min), show(d.Max)
	v.MedianLabel = "median " + show(median)
	// The labels of the ends have the corners; the median's keeps off them.
	v.MedianText = min(max(v.Median, 84), 236)
	v.Aria = fmt.Sprintf("Histogram of %s: from %s over a %s to %s", d.Name, v.From, v.MedianLabel, v.To)
	return v
}

type curveView struct {
	Path, Under    string
	XTicks, YTicks []tick
}

type tick struct {
	At    float64
	Label string
}

// curveOf draws the share of total that the first hold, over the logarithm of their
// number, up to last of them. It is nil where there are not two.
func curveOf(points []Point, last, total int64) *curveView {
	if len(points) < 2 || total == 0 {
		return nil
	}
	widest := max(float64(last), 2)
	x := func(rank float64) float64 {
		return round(curveLeft+(curveRight-curveLeft)*math.Log(rank)/math.Log(widest), 1)
	}
	y := func(share float64) float64 { return round(curveBottom-(curveBottom-curveTop)*share, 1) }
	v := &curveView{}
	for _, s := range []float64{0, .25, .5, .75, 1} {
		v.YTicks = append(v.YTicks, tick{y(s), fmt.Sprintf("%.0f%%", 100*s)})
	}
	for r := int64(1); float64(r) <= widest; r *= 10 {
		v.XTicks = append(v.XTicks, tick{x(float64(r)), grouped(r)})
	}
	var path strings.Builder
	for i, p := range points {
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		fmt.Fprintf(&path, "%s%g %g", verb, x(float64(p.Rank)), y(float64(p.Matches)/float64(total)))
	}
	v.Path = path.String()
	v.Under = fmt.Sprintf("%sL%g %gL%g %gZ", v.Path, x(float64(points[len(points)-1].Rank)), curveBottom, curveLeft, curveBottom)
	return v
}

// round keeps few digits, so that the page stays small and the same on every
// processor.
func round(x float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(x*p) / p
}
