package evaluate

import (
	"context"

	"github.com/pairloom/pairloom/trainer/batch"
)

// pixels are square pictures of one size, as MNIST and CIFAR have them: planes
// of 8 bits, one (gray) or three (red, green, blue), picture after picture.
type pixels struct {
	side, planes int
	data         []byte
}

func (p *pixels) Len() int { return len(p.data) / (p.side * p.side * p.planes) }

// Centre is that of [Pictures].
func (p *pixels) Centre(_ context.Context, dst []byte, i, side int) error {
	size := p.side * p.side
	rgb := make([]byte, 3*size)
	for c := range 3 {
		plane := p.data[(i*p.planes+min(c, p.planes-1))*size:][:size]
		for j, v := range plane {
			rgb[3*j+c] = v
		}
	}
	return batch.CentrePixels(dst, rgb, p.side, p.side, side)
}
