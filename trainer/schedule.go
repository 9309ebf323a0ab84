package trainer

import (
	"math"

	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// rateOf is the learning rate of a step of a segment, counted through all of them.
func rateOf(s *checkpoint.Segment, step int64) float64 {
	return Options{LearningRate: s.Rate, Warmup: s.Warmup}.rate(step-s.Start, s.Total-s.Start)
}

// rate is the learning rate of a step, counted from 0: a straight line up over
// the warm-up, then half a cosine down to 0.
func (o Options) rate(step, total int64) float64 {
	warmup := min(int64(o.Warmup), total/10)
	if step < warmup {
		return o.LearningRate * float64(step+1) / float64(warmup)
	}
	return o.LearningRate * 0.5 * (1 + math.Cos(math.Pi*float64(step-warmup)/float64(max(1, total-warmup))))
}
