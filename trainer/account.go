package trainer

import (
	"fmt"
	"math"
	"slices"
	"time"
)

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// account moves the state one step on, writes metrics and reports.
func (r *run) account(f stepFigures, progress func(Step)) error {
	s, segment := &r.state, r.segment()
	s.Step++
	fine := finite(f.loss) && finite(f.norm2)
	switch {
	case fine && f.outlier:
		s.Outliers.Skipped++
	case fine:
		s.Updates++
		s.SkippedInRow = 0
		window := lossWindow(s.Total - segment.From)
		if segment.From == 0 && len(s.LossFirst) < window {
			s.LossFirst = append(s.LossFirst, f.loss)
		}
		if s.LossLast = append(s.LossLast, f.loss); len(s.LossLast) > window {
			s.LossLast = slices.Delete(s.LossLast, 0, 1)
		}
	default:
		s.Skipped++
		if s.SkippedInRow++; s.SkippedInRow >= patience {
			return fmt.Errorf("step %d: %w in %d steps in a row; lower lr, or raise warmup", s.Step, ErrDiverged, patience)
		}
	}
	learnNorm(s, math.Sqrt(f.norm2), r.options.SkipOutliers, fine && !f.outlier, fine && f.outlier)
	step := Step{
		Step: s.Step, Total: s.Total, Epoch: segment.Epoch + int(((s.Step-segment.From)*int64(r.options.accumulate())-1)/int64(r.batchesPerEpoch)) + 1,
		Loss: f.loss, Rate: f.rate, Temperature: math.Exp(-s.Scale), GradientNorm: math.Sqrt(f.norm2),
		Validation: s.Validation.Loss,
	}
	r.pace.tell(&step)
	if fine && r.logged(s.Step) {
		r.complain(r.metrics.write(metricsLine{
			Step: step.Step, Epoch: step.Epoch, Loss: step.Loss, Rate: step.Rate, Temperature: step.Temperature,
			GradientNorm: step.GradientNorm, LogitScale: s.Scale,
			GradientVisual: f.norms.gradient[visual], GradientText: f.norms.gradient[text], GradientLogits: f.norms.gradient[logits],
			WeightVisual: f.norms.weight[visual], WeightText: f.norms.weight[text], Skipped: s.Skipped, Outliers: s.Outliers.Skipped,
			PairsPerSecond: step.PairsPerSecond, DataWait: step.DataWait, PeakShare: step.PeakShare,
		}))
	}
	step.Notice, r.notice = r.notice, ""
	progress(step)
	return nil
}

// logged tells whether a step, counted from 1, has a line in the metrics.
func (r *run) logged(step int64) bool {
	return step%int64(r.options.LogEvery) == 0 || step == r.state.Total || step == 1
}

// tell keeps a text for the next report.
func (r *run) tell(text string) {
	if r.notice != "" {
		text = r.notice + "; " + text
	}
	r.notice = text
}

// complain tells of metrics that could not be written, which must not end the
// run: once, until they can be written again.
func (r *run) complain(err error) {
	if err != nil && !r.complained {
		r.tell(err.Error())
	}
	r.complained = err != nil
}

// remember adds rows whose picture does not decode.
func (r *run) remember(rows []int) {
	for _, row := range rows {
		if at, there := slices.BinarySearch(r.state.Undecodable, row); !there {
			r.state.Undecodable = slices.Insert(r.state.Undecodable, at, row)
		}
	}
}

// pace measures the last steps, for progress alone.
type pace struct {
	from                        time.Time // end of the step before
	pairs, waited, whole, flops float64
	data                        float64 // seconds of all steps in which the device waited for data
	peak                        float64 // operations a second of large matrix products, 0 when unknown
}

// fadingPace is how much of the past counts after one step.
const fadingPace = 0.9

// add counts a step that ends now, and returns the time that it took.
func (p *pace) add(pairs int, n *pending) time.Duration {
	now := time.Now()
	whole := now.Sub(p.from)
	p.from = now
	p.pairs = p.pairs*fadingPace + float64(pairs)
	p.data += min(n.waited, whole.Seconds())
	p.waited = p.waited*fadingPace + min(n.waited, whole.Seconds())
	p.whole = p.whole*fadingPace + whole.Seconds()
	p.flops = p.flops*fadingPace + n.flops
	return whole
}

func (p *pace) tell(s *Step) {
	if p.whole == 0 {
		return
	}
	s.PairsPerSecond, s.DataWait = p.pairs/p.whole, p.waited/p.whole
	if p.peak > 0 {
		s.PeakShare = p.flops / p.whole / p.peak
	}
}
