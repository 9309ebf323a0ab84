package batch

import "math"

// resampler scales pictures by cubic convolution (a = -0.5), widened by the
// scale when shrinking, as PIL and torchvision's anti-aliasing do. It keeps
// scratch and belongs to one goroutine.
type resampler struct {
	rows []float32
	x, y kernel
}

// kernel holds the weights of one axis: output i is the sum of weights[i*taps+k]
// times input first[i]+k.
type kernel struct {
	taps    int
	first   []int
	weights []float32
}

func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

// fit computes the weights from in to out samples.
func (k *kernel) fit(in, out int) {
	ratio := float64(in) / float64(out)
	wide := math.Max(1, ratio)
	support := 2 * wide
	k.taps = min(in, int(math.Ceil(support))*2+1)
	k.first, k.weights = k.first[:0], k.weights[:0]
	for i := range out {
		centre := (float64(i) + 0.5) * ratio
		first := max(0, int(centre-support+0.5))
		last := min(in, int(centre+support+0.5))
		start := len(k.weights)
		var sum float64
		for j := range k.taps {
			w := 0.0
			if first+j < last {
				w = cubic((float64(first+j) - centre + 0.5) / wide)
			}
			sum += w
			k.weights = append(k.weights, float32(w))
		}
		for j := start; j < len(k.weights); j++ {
			k.weights[j] /= float32(sum)
		}
		k.first = append(k.first, first)
	}
}

// resize scales the cut of w by h pixels at x, y to width by height.
func (r *resampler) resize(p picture, x, y, w, h, width, height int) picture {
	r.x.fit(w, width)
	r.y.fit(h, height)
	r.rows = grow(r.rows, 3*width*h)
	for row := range h {
		in := p.rgb[3*((y+row)*p.width+x):][:3*w]
		out := r.rows[3*width*row:][:3*width]
		for i := range width {
			first := r.x.first[i]
			weights := r.x.weights[i*r.x.taps:][:min(r.x.taps, w-first)]
			var red, green, blue float32
			for k, weight := range weights {
				at := 3 * (first + k)
				red += weight * float32(in[at])
				green += weight * float32(in[at+1])
				blue += weight * float32(in[at+2])
			}
			out[3*i], out[3*i+1], out[3*i+2] = red, green, blue
		}
	}
	result := picture{width, height, make([]byte, 3*width*height)}
	sums := make([]float32, 3*width)
	for i := range height {
		first := r.y.first[i]
		weights := r.y.weights[i*r.y.taps:][:min(r.y.taps, h-first)]
		clear(sums)
		for k, weight := range weights {
			if weight == 0 {
				continue
			}
			for j, v := range r.rows[3*width*(first+k):][:3*width] {
				sums[j] += weight * v
			}
		}
		out := result.rgb[3*width*i:][:3*width]
		for j, v := range sums {
			out[j] = byte(min(max(v+0.5, 0), 255))
		}
	}
	return result
}

func grow(x []float32, n int) []float32 {
	if cap(x) < n {
		return make([]float32, n)
	}
	return x[:n]
}
