package evaluate

import (
	"context"
	"math"
)

// Mean and deviation of the public models, for red, green and blue.
var (
	mean      = [3]float32{0.48145466, 0.4578275, 0.40821073}
	deviation = [3]float32{0.26862954, 0.26130258, 0.27577711}
)

// pixels are square pictures of one size, as MNIST and CIFAR have them: planes
// of 8 bits, one (gray) or three (red, green, blue), picture after picture.
type pixels struct {
	side, planes int
	data         []byte
}

func (p *pixels) Len() int { return len(p.data) / (p.side * p.side * p.planes) }

// Centre is that of [Pictures]: scaled as Pillow does, bicubic with
// anti-aliasing, first across and then down, rounded to 8 bits each time.
func (p *pixels) Centre(_ context.Context, dst []float32, i, side int) error {
	size := p.side * p.side
	var to []byte
	for c := range 3 {
		if c < p.planes {
			from := p.data[(i*p.planes+c)*size:][:size]
			to = transpose(scale(transpose(scale(from, p.side, side), side), p.side, side), side)
		}
		for j, v := range to {
			dst[c*side*side+j] = (float32(v)/255 - mean[c]) / deviation[c]
		}
	}
	return nil
}

// scale makes rows of n bytes rows of m bytes.
func scale(x []byte, n, m int) []byte {
	out := make([]byte, len(x)/n*m)
	ratio := float64(n) / float64(m)
	stretch := max(ratio, 1)
	for o := range m {
		centre := (float64(o) + 0.5) * ratio
		first, last := max(0, int(centre-2*stretch+0.5)), min(n, int(centre+2*stretch+0.5))
		weights, sum := make([]float64, last-first), 0.0
		for i := range weights {
			weights[i] = cubic((float64(first+i) - centre + 0.5) / stretch)
			sum += weights[i]
		}
		for row := range len(x) / n {
			var v float64
			for i, w := range weights {
				v += w * float64(x[row*n+first+i])
			}
			out[row*m+o] = byte(min(max(math.Floor(v/sum+0.5), 0), 255))
		}
	}
	return out
}

// cubic is the kernel of Keys with a = -0.5.
func cubic(x float64) float64 {
	switch x = math.Abs(x); {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}

// transpose turns rows of n bytes into columns.
func transpose(x []byte, n int) []byte {
	rows := len(x) / n
	out := make([]byte, len(x))
	for r := range rows {
		for c := range n {
			out[c*rows+r] = x[r*n+c]
		}
	}
	return out
}
