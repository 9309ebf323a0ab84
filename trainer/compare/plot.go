package compare

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Measures of the plots, in the units of the viewBox.
const (
	plotWidth, plotHeight                    = 520.0, 360.0
	plotLeft, plotRight, plotTop, plotBottom = 56.0, 480.0, 40.0, 300.0
	legendLine                               = 18.0
)

// colours tell objectives apart, also to those who do not see red and green
// (Okabe and Ito, 2008).
var colours = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00"}

// plot is accuracy on the first set against pairs seen, and against operations,
// as one SVG: a line for the mean of an objective's runs, from the least of them
// to the most as a band.
func (r *Result) plot() string {
	var b strings.Builder
	height := plotHeight + legendLine*float64(len(r.Objectives))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12" role="img" aria-label="Accuracy of objectives against pairs seen and against operations">`+"\n", 2*plotWidth, height)
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="white"/>`+"\n", 2*plotWidth, height)
	for i, axis := range []struct {
		name string
		of   func(p Point) float64
	}{{"pairs seen", func(p Point) float64 { return float64(p.Pairs) }}, {"floating-point operations", func(p Point) float64 { return p.Flops }}} {
		fmt.Fprintf(&b, `<g transform="translate(%g 0)">`+"\n", float64(i)*plotWidth)
		r.panel(&b, axis.name, axis.of)
		b.WriteString("</g>\n")
	}
	for i, s := range r.Objectives {
		y := plotHeight + legendLine*float64(i)
		fmt.Fprintf(&b, `<rect x="%g" y="%g" width="24" height="4" fill="%s"/><text x="%g" y="%g">%s: %.1f%%</text>`+"\n",
			plotLeft, y-6, colours[i%len(colours)], plotLeft+32, y, html.EscapeString(s.Objective), 100*s.Sets[0].Mean)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// mean is a point of the line of an objective.
type mean struct{ x, mean, least, most float64 }

// line takes the means over an objective's runs at each point.
func (r *Result) line(objective string, of func(p Point) float64) (list []mean) {
	runs := r.of(objective)
	for k := range runs[0].Points {
		m := mean{least: 1}
		for _, t := range runs {
			y := t.Points[k].Scores[0].Top1
			m.x += of(t.Points[k]) / float64(len(runs))
			m.mean += y / float64(len(runs))
			m.least, m.most = min(m.least, y), max(m.most, y)
		}
		list = append(list, m)
	}
	return list
}

// panel draws one plot, its x axis logarithmic.
func (r *Result) panel(b *strings.Builder, name string, of func(p Point) float64) {
	low, high, top := math.Inf(1), 0.0, 0.0
	for _, s := range r.Objectives {
		for _, m := range r.line(s.Objective, of) {
			low, high, top = min(low, m.x), max(high, m.x), max(top, m.most)
		}
	}
	if high <= low {
		low, high = high/2, high*2
	}
	top = max(0.1, math.Ceil(top*10)/10)
	x := func(v float64) float64 {
		return round(plotLeft + (plotRight-plotLeft)*math.Log(v/low)/math.Log(high/low))
	}
	y := func(v float64) float64 { return round(plotBottom - (plotBottom-plotTop)*v/top) }
	fmt.Fprintf(b, `<text x="%g" y="22">top-1 on %s</text>`+"\n", plotLeft, html.EscapeString(r.Objectives[0].Sets[0].Set))
	for i := range 6 {
		v := top * float64(i) / 5
		fmt.Fprintf(b, `<path d="M%g %gH%g" stroke="#ddd"/><text x="%g" y="%g" text-anchor="end">%.0f%%</text>`+"\n", plotLeft, y(v), plotRight, plotLeft-6, y(v)+4, 100*v)
	}
	for i := range 4 {
		v := low * math.Pow(high/low, float64(i)/3)
		fmt.Fprintf(b, `<path d="M%g %gv5" stroke="#888"/><text x="%g" y="%g" text-anchor="middle">%s</text>`+"\n", x(v), plotBottom, x(v), plotBottom+18, tick(v))
	}
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="middle">%s</text>`+"\n", (plotLeft+plotRight)/2, plotBottom+38, name)
	for i, s := range r.Objectives {
		colour, line := colours[i%len(colours)], r.line(s.Objective, of)
		var path, band strings.Builder
		for k, m := range line {
			verb := "L"
			if k == 0 {
				verb = "M"
			}
			fmt.Fprintf(&path, "%s%g %g", verb, x(m.x), y(m.mean))
			fmt.Fprintf(&band, "%s%g %g", verb, x(m.x), y(m.most))
			fmt.Fprintf(b, `<circle cx="%g" cy="%g" r="3" fill="%s"><title>%s: %.1f%% at %.3g</title></circle>`+"\n", x(m.x), y(m.mean), colour, html.EscapeString(s.Objective), 100*m.mean, m.x)
		}
		for k := range line {
			m := line[len(line)-1-k]
			fmt.Fprintf(&band, "L%g %g", x(m.x), y(m.least))
		}
		fmt.Fprintf(b, `<path d="%sZ" fill="%s" fill-opacity="0.15"/><path d="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", band.String(), colour, path.String(), colour)
	}
}

// tick writes a number of the x axis.
func tick(v float64) string {
	if v < 1e7 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

// round keeps a digit, so that the picture is the same on every processor.
func round(x float64) float64 { return math.Round(x*10) / 10 }
