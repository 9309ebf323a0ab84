package stats

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// trainingView is what the page shows of a Training.
type trainingView struct {
	Sentence, Means string
	Lines           []lossLine // none without a line of metrics
	HeldOut         bool       // one of them is of held-out pairs
	Best            float64    // x of the best checkpoint, 0 for none
	XTicks, YTicks  []tick
}

// lossLine is a curve of the chart; one of few points has them marked.
type lossLine struct {
	Class, Path string
	Marks       []mark
}

type mark struct {
	X, Y  float64
	Label string
}

// markedPoints is the most that a line with marks has.
const markedPoints = 30

// trainingViewOf is nil without a training.
func trainingViewOf(t *Training) *trainingView {
	if t == nil {
		return nil
	}
	v := &trainingView{Sentence: t.sentence()}
	for _, c := range []struct {
		name string
		Curve
	}{{"training", t.Loss}, {"held-out", t.HeldOutLoss}} {
		if c.LinesPerPoint > 1 {
			v.Means += fmt.Sprintf(" Each point of the %s loss is the mean of %s lines of checkpoints/metrics.jsonl.", c.name, grouped(c.LinesPerPoint))
		}
	}
	v.draw(t)
	return v
}

// sentence tells the run in one.
func (t *Training) sentence() string {
	steps := grouped(t.Steps)
	if t.Steps < t.TotalSteps {
		steps += " of " + grouped(t.TotalSteps)
	}
	text := fmt.Sprintf("%s took %s steps of %s pairs and saw %s pairs; its training loss was %.3f at first and %.3f at last",
		t.Model, steps, grouped(t.PairsPerStep), grouped(t.PairsSeen()), t.LossFirst, t.LossLast)
	if h := t.HeldOut; h != nil {
		return text + fmt.Sprintf(", its held-out loss %.3f at last and %.3f at best, at step %s, whose weights lie in %s.", h.Last, h.Best, grouped(h.BestStep), h.Checkpoint) + t.trainedOn()
	}
	return text + fmt.Sprintf("; the last weights lie in %s.", t.Checkpoint) + t.trainedOn()
}

func (t *Training) trainedOn() string {
	if t.TrainedOn == "" {
		return ""
	}
	return " " + strings.ToUpper(t.TrainedOn[:1]) + t.TrainedOn[1:] + "."
}

// draw lays out both losses over the pairs seen.
func (v *trainingView) draw(t *Training) {
	low, high, last := math.Inf(1), math.Inf(-1), 1.0
	for _, c := range []Curve{t.Loss, t.HeldOutLoss} {
		for _, p := range c.Points {
			low, high, last = min(low, p.Loss), max(high, p.Loss), max(last, float64(p.Pairs))
		}
	}
	if low > high {
		return
	}
	step := tickWidth(high-low, 6)
	low = math.Floor(low/step) * step
	high = max(math.Ceil(high/step)*step, low+step)
	x := func(pairs float64) float64 { return round(curveLeft+(curveRight-curveLeft)*pairs/last, 1) }
	y := func(loss float64) float64 {
		return round(curveBottom-(curveBottom-curveTop)*(loss-low)/(high-low), 1)
	}
	for i := range int(math.Round((high-low)/step)) + 1 {
		at := low + float64(i)*step
		v.YTicks = append(v.YTicks, tick{y(at), tickText(at, step)})
	}
	most := 6.0
	if last >= 1e8 {
		most = 4 // the labels are wide
	}
	width := max(tickWidth(last, most), 1)
	for i := range int(last/width) + 1 {
		at := float64(i) * width
		v.XTicks = append(v.XTicks, tick{x(at), grouped(int64(at))})
	}
	for _, c := range []struct {
		class string
		Curve
	}{{"curve", t.Loss}, {"after", t.HeldOutLoss}} {
		if len(c.Points) == 0 {
			continue
		}
		l := lossLine{Class: c.class}
		var path strings.Builder
		for i, p := range c.Points {
			verb := "L"
			if i == 0 {
				verb = "M"
			}
			at := mark{x(float64(p.Pairs)), y(p.Loss), fmt.Sprintf("%.3f after %s pairs", p.Loss, grouped(p.Pairs))}
			fmt.Fprintf(&path, "%s%g %g", verb, at.X, at.Y)
			if len(c.Points) <= markedPoints {
				l.Marks = append(l.Marks, at)
			}
		}
		l.Path = path.String()
		v.Lines = append(v.Lines, l)
	}
	if v.HeldOut = len(t.HeldOutLoss.Points) > 0; v.HeldOut && t.HeldOut != nil {
		v.Best = x(min(float64(t.HeldOut.BestStep*t.PairsPerStep), last))
	}
}

// tickWidth is the least of 1, 2 and 5 times a power of ten that cuts span into
// most or fewer; 1 when there is nothing to cut.
func tickWidth(span, most float64) float64 {
	if !(span > 0) {
		return 1
	}
	p := math.Pow10(int(math.Floor(math.Log10(span / most))))
	for _, m := range []float64{1, 2, 5} {
		if span <= most*m*p {
			return m * p
		}
	}
	return 10 * p
}

// tickText writes a loss with the digits of the distance between ticks.
func tickText(at, step float64) string {
	digits := int(-math.Floor(math.Log10(step) + 1e-9))
	if digits > 6 || digits < -6 {
		return strconv.FormatFloat(at, 'g', 3, 64)
	}
	return strconv.FormatFloat(at, 'f', max(digits, 0), 64)
}
