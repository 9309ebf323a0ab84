package batch

import "math"

// resampler scales pictures by cubic convolution (a = -0.5), widened by the
// scale when shrinking, as PIL and torchvision's anti-aliasing do, and equal to
// PIL's to the bit: columns first, weights of 22 bits behind the point, 8 bits
// between the passes. It keeps scratch and belongs to one goroutine.
//
// Two samples share a word and its multiplications, one in each half: a product
// of the word with a signed weight is the two products, less a borrow from the
// upper one where the lower is negative, which split puts right at the end.
type resampler struct {
	rows    []uint64 // two rows of the input
	columns []uint64 // rows after the first pass, the left half with the right
	sums    []int64  // of one row of the second pass
	x, y    kernel
}

// kernel holds the weights of one axis: output i is the sum of weights[i*taps+k]
// times input first[i]+k, for k below count[i].
type kernel struct {
	in, out, taps int
	first, count  []int
	exact         []float64
	weights       []int64
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
			w := int64(0)
			if j < count {
				w = int64(math.Round(k.exact[j] / sum * (1 << weightBits)))
			}
			k.weights = append(k.weights, w)
		}
		k.first, k.count = append(k.first, first), append(k.count, count)
	}
}

// halves is one half, of the last place that a sum keeps, for both samples.
const halves = 1<<(weightBits-1) | 1<<(weightBits-1+32)

// split rounds two sums of weighted samples to samples.
func split(sums int64) (low, high byte) {
	l := int32(sums)
	return clamp(l >> weightBits), clamp(int32((sums-int64(l))>>32) >> weightBits)
}

// resize scales the cut of w by h pixels at x, y of p to width by height, into
// out, which keeps its memory.
func (r *resampler) resize(out *picture, p *picture, x, y, w, h, width, height int) {
	r.x.fit(w, width)
	r.y.fit(h, height)
	left := 3 * ((width + 1) / 2) // words of a row of columns
	r.rows, r.columns, r.sums = grow(r.rows, 3*w), grow(r.columns, left*h), grow(r.sums, left)
	for row := 0; row < h; row += 2 {
		second := min(row+1, h-1)
		a := p.rgb[3*((y+row)*p.width+x):][:3*w]
		b := p.rgb[3*((y+second)*p.width+x):][:3*w]
		words := r.rows[:len(a)]
		for i, v := range a {
			words[i] = uint64(v) | uint64(b[i])<<32
		}
		r.twoRows(r.columns[left*row:][:left], r.columns[left*second:][:left], words)
	}
	out.width, out.height, out.rgb = width, height, growBytes(out.rgb, 3*width*height)
	for i := range height {
		r.column(out.rgb[3*width*i:][:3*width], i, left)
	}
}

// twoRows scales two rows of pixels across.
func (r *resampler) twoRows(a, b []uint64, pixels []uint64) {
	shift := 0
	for i, first := range r.x.first {
		weights := r.x.weights[i*r.x.taps:][:r.x.count[i]]
		window := pixels[3*first:]
		red, green, blue := int64(halves), int64(halves), int64(halves)
		for _, weight := range weights {
			if len(window) < 3 {
				break
			}
			red += weight * int64(window[0])
			green += weight * int64(window[1])
			blue += weight * int64(window[2])
			window = window[3:]
		}
		at := 3 * i
		if at >= len(a) {
			at, shift = at-len(a), 32
		} else {
			a[at], a[at+1], a[at+2] = 0, 0, 0
			b[at], b[at+1], b[at+2] = 0, 0, 0
		}
		to, too := a[at:at+3:at+3], b[at:at+3:at+3]
		for c, sums := range [3]int64{red, green, blue} {
			low, high := split(sums)
			to[c] |= uint64(low) << shift
			too[c] |= uint64(high) << shift
		}
	}
}

// column makes row i of the output, four rows of n words at a time.
func (r *resampler) column(out []byte, i, n int) {
	first, count := r.y.first[i], r.y.count[i]
	weights := r.y.weights[i*r.y.taps:][:count]
	sums := r.sums[:n]
	for j := range sums {
		sums[j] = halves
	}
	for k := 0; k < count; k += 4 {
		var w [4]int64
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
			sums[j] += w[0]*int64(v) + w[1]*int64(b[j]) + w[2]*int64(c[j]) + w[3]*int64(d[j])
		}
	}
	right := out[n:]
	for j, sum := range sums {
		low, high := split(sum)
		out[j] = low
		if j < len(right) {
			right[j] = high
		}
	}
}

// grow is x with room for n values, whatever they hold.
func grow[T uint64 | int64](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n)
	}
	return x[:n]
}
