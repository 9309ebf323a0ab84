package evaluate

import (
	"context"
	"math"
)

// An objective writes its gradient at x and returns its value.
type objective func(x, gradient []float64) (float64, error)

const (
	memoryPairs    = 10   // of steps and changes of the gradient
	mostIterations = 1000 // as the CLIP paper's, appendix A.3
	mostTrials     = 30   // of a line search
)

// minimise moves x to a minimum of f by L-BFGS (Nocedal and Wright, Numerical
// Optimization, algorithms 7.4 and 7.5), until no part of the gradient exceeds
// tolerance, f falls by less than a thousandth of that of itself, or 1,000
// iterations are over. It returns their
// number. The line search asks for the weak Wolfe conditions by bisection (Lewis
// and Overton, 2013).
func minimise(ctx context.Context, f objective, x []float64, tolerance float64) (iterations int, err error) {
	n := len(x)
	g, next, nextG, d := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	var steps, changes [][]float64
	var inverse []float64 // of step . change
	value, err := f(x, g)
	if err != nil {
		return 0, err
	}
	for ; iterations < mostIterations && largest(g) > tolerance; iterations++ {
		if ctx.Err() != nil {
			return iterations, ctx.Err()
		}
		direction(d, g, steps, changes, inverse)
		slope := dot(g, d)
		if slope >= 0 { // rounding has spoilt the memory: begin again
			steps, changes, inverse = nil, nil, nil
			direction(d, g, nil, nil, nil)
			slope = dot(g, d)
		}
		low, high, length := 0.0, math.Inf(1), 1.0
		if len(steps) == 0 {
			length = 1 / math.Sqrt(-slope)
		}
		nextValue := math.NaN()
		for range mostTrials {
			for i := range x {
				next[i] = x[i] + length*d[i]
			}
			if nextValue, err = f(next, nextG); err != nil {
				return iterations, err
			}
			if !(nextValue <= value+1e-4*length*slope) {
				high = length
			} else if dot(nextG, d) < 0.9*slope {
				low = length
			} else {
				break
			}
			if length = 2 * low; !math.IsInf(high, 1) {
				length = (low + high) / 2
			}
		}
		if !(nextValue < value) {
			return iterations, nil // as low as rounding lets it
		}
		step, change := make([]float64, n), make([]float64, n)
		for i := range x {
			step[i], change[i] = next[i]-x[i], nextG[i]-g[i]
		}
		if sy := dot(step, change); sy > 1e-12*dot(change, change) {
			steps, changes, inverse = append(steps, step), append(changes, change), append(inverse, 1/sy)
			if len(steps) > memoryPairs {
				steps, changes, inverse = steps[1:], changes[1:], inverse[1:]
			}
		}
		fell := value - nextValue
		copy(x, next)
		copy(g, nextG)
		value = nextValue
		if fell <= tolerance/1000*math.Abs(value) {
			return iterations + 1, nil
		}
	}
	return iterations, nil
}

// direction is -H g, with the inverse Hessian H that the pairs tell: the
// two-loop recursion.
func direction(d, g []float64, steps, changes [][]float64, inverse []float64) {
	for i, v := range g {
		d[i] = -v
	}
	m := len(steps)
	alpha := make([]float64, m)
	for k := m - 1; k >= 0; k-- {
		alpha[k] = inverse[k] * dot(steps[k], d)
		add(d, changes[k], -alpha[k])
	}
	if m > 0 {
		gamma := 1 / (inverse[m-1] * dot(changes[m-1], changes[m-1]))
		for i := range d {
			d[i] *= gamma
		}
	}
	for k := range m {
		add(d, steps[k], alpha[k]-inverse[k]*dot(changes[k], d))
	}
}

func dot(a, b []float64) float64 {
	var sum float64
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// add is a += factor b.
func add(a, b []float64, factor float64) {
	for i, v := range b {
		a[i] += factor * v
	}
}

func largest(x []float64) float64 {
	var most float64
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
}
