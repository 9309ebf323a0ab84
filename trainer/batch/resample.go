package batch

import "math"

// resampler scales pictures by cubic convolution (a = -0.5), widened by the
// scale when shrinking, as PIL and torchvision's anti-aliasing do, and equal to
// PIL's to the bit: columns first, weights of 22 bits behind the point, 8 bits
// between the passes. It keeps scratch and belongs to one goroutine.
type resampler struct {
	columns []byte  // pixels after the first pass
	sums    []int32 // of one row of the second pass
	x, y    kernel
}

// kernel holds the weights of one axis: output i is the sum of weights[i*taps+k]
// times input first[i]+k, for k below count[i].
type kernel struct {
	in, out, taps int
	first, count  []int
	exact         []float64
	weights       []int32
}

const weightBits = 22

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
	if k.in == in && k.out == out {
		return
	}
	ratio := float64(in) / float64(out)
	wide := math.Max(1, ratio)
	support := 2 * wide
	k.in, k.out, k.taps = in, out, int(math.Ceil(support))*2+1
	k.first, k.count, k.weights = k.first[:0], k.count[:0], k.weights[:0]
	for i := range out {
		centre := (float64(i) + 0.5) * ratio
		first := max(0, int(centre-support+0.5))
		count := min(in, int(centre+support+0.5)) - first
		k.exact = k.exact[:0]
		var sum float64
		for j := range count {
			w := cubic((float64(first+j) - centre + 0.5) * (1 / wide))
			sum += w
			k.exact = append(k.exact, w)
		}
		for j := range k.taps {
			w := int32(0)
			if j < count {
				w = int32(math.Round(k.exact[j] / sum * (1 << weightBits)))
			}
			k.weights = append(k.weights, w)
		}
		k.first, k.count = append(k.first, first), append(k.count, count)
	}
}

// level rounds a sum of weighted samples to a sample.
func level(sum int32) byte { return clamp(sum >> weightBits) }

const half = 1 << (weightBits - 1)

// resize scales the cut of w by h pixels at x, y of p to width by height, into
// out, which keeps its memory.
func (r *resampler) resize(out *picture, p *picture, x, y, w, h, width, height int) {
	r.x.fit(w, width)
	r.y.fit(h, height)
	r.columns = growBytes(r.columns, 3*width*h)
	for row := range h {
		r.row(r.columns[3*width*row:][:3*width], p.rgb[3*((y+row)*p.width+x):][:3*w])
	}
	out.width, out.height, out.rgb = width, height, growBytes(out.rgb, 3*width*height)
	if cap(r.sums) < 3*width {
		r.sums = make([]int32, 3*width)
	}
	for i := range height {
		r.column(out.rgb[3*width*i:][:3*width], i)
	}
}

// row scales one row.
func (r *resampler) row(out, in []byte) {
	for i, first := range r.x.first {
		count := r.x.count[i]
		weights := r.x.weights[i*r.x.taps:][:count]
		pixels := in[3*first:][:3*count]
		red, green, blue := int32(half), int32(half), int32(half)
		for _, weight := range weights {
			if len(pixels) < 3 {
				break
			}
			red += weight * int32(pixels[0])
			green += weight * int32(pixels[1])
			blue += weight * int32(pixels[2])
			pixels = pixels[3:]
		}
		to := out[3*i : 3*i+3 : 3*i+3]
		to[0], to[1], to[2] = level(red), level(green), level(blue)
	}
}

// column makes row i of the output, four input rows at a time.
func (r *resampler) column(out []byte, i int) {
	n := len(out)
	first, count := r.y.first[i], r.y.count[i]
	weights := r.y.weights[i*r.y.taps:][:count]
	sums := r.sums[:n]
	for j := range sums {
		sums[j] = half
	}
	for k := 0; k < count; k += 4 {
		var w [4]int32
		copy(w[:], weights[k:])
		rows := r.columns[(first+k)*n:]
		a := rows[:n]
		b, c, d := a, a, a // beyond the last row the weights are 0
		if k+1 < count {
			b = rows[n:][:n]
		}
		if k+2 < count {
			c = rows[2*n:][:n]
		}
		if k+3 < count {
			d = rows[3*n:][:n]
		}
		for j, v := range a {
			sums[j] += w[0]*int32(v) + w[1]*int32(b[j]) + w[2]*int32(c[j]) + w[3]*int32(d[j])
		}
	}
	for j, sum := range sums {
		out[j] = level(sum)
	}
}
