package trainer

import (
	"slices"

	"github.com/pairloom/pairloom/trainer/checkpoint"
)

const (
	// normWindow is how many norms of steps that were taken make the median, and
	// normLeast how many it takes before a step can be an outlier.
	normWindow, normLeast = 100, 10
)

// outlierLimit is the norm of the gradient above which a step, counted from 0, is not
// taken; 0 for none. It is of the steps up to two before it: the figures of the last one
// may still be on their way from the device.
func outlierLimit(s *checkpoint.State, step int64) float64 { return s.Outliers.Limits[step%2] }

// learnNorm takes the norm of the step that was just counted in, and makes the limit of
// the step after the next. Patience many outliers in a row are none: the gradients have
// become others, and the median begins anew.
func learnNorm(s *checkpoint.State, norm, times float64, taken, outlier bool) {
	if times == 0 {
		return
	}
	o := &s.Outliers
	switch {
	case outlier:
		if o.InRow++; o.InRow == patience {
			o.Norms, o.InRow = nil, 0
		}
	case taken:
		o.InRow = 0
		if o.Norms = append(o.Norms, norm); len(o.Norms) > normWindow {
			o.Norms = slices.Delete(o.Norms, 0, 1)
		}
	}
	limit := 0.0
	if len(o.Norms) >= normLeast {
		sorted := slices.Sorted(slices.Values(o.Norms))
		n := len(sorted)
		limit = times * (sorted[(n-1)/2] + sorted[n/2]) / 2
	}
	o.Limits[(s.Step+1)%2] = limit
}
