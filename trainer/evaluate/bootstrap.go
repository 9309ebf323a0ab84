package evaluate

import "slices"

// Interval is a 95% confidence interval, low and high end.
type Interval [2]float64

// bootstrap estimates the interval of the mean of values by resampling them n
// times with replacement (Efron's percentile method). The same values, n and
// seed give the same interval; n of 0 gives none.
func bootstrap(values []float64, n int, seed int64) Interval {
	if n == 0 || len(values) == 0 {
		return Interval{}
	}
	means := make([]float64, n)
	state := uint64(seed)
	for r := range means {
		var sum float64
		for range values {
			sum += values[splitMix(&state)%uint64(len(values))]
		}
		means[r] = sum / float64(len(values))
	}
	slices.Sort(means)
	at := func(share float64) float64 { return means[min(n-1, int(share*float64(n)))] }
	return Interval{at(0.025), at(0.975)}
}

// splitMix is the next number of the generator SplitMix64 (Steele, Lea and
// Flood, 2014).
func splitMix(state *uint64) uint64 {
	*state += 0x9E3779B97F4A7C15
	z := *state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}
