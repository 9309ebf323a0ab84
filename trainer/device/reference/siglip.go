package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// Siglip computes loss = the sum of softplus(-z) on the diagonal and of
// softplus(z) elsewhere, over n, with z = exp(scale) X Y^t + bias.
func (d *Device) Siglip(lossb, xb, yb, scaleb, biasb device.Buffer, n, dim int) {
	const op = "siglip"
	loss, x, y := floats(op, lossb, 1), floats(op, xb, n*dim), floats(op, yb, n*dim)
	scale, bias := floats(op, scaleb, 1), floats(op, biasb, 1)
	var total float64
	for i := range n {
		for j := range n {
			z := logit(x, y, i, j, dim, scale[0]) + float64(bias[0])
			if i == j {
				z = -z
			}
			total += max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
		}
	}
	loss[0] = float32(total / float64(n))
}

// SiglipBackward computes, with G = (sigmoid(z) - I) / n: dX = exp(scale) G Y,
// dY = exp(scale) G^t X, dscale += sum(G*(z-bias)) and dbias += sum(G).
func (d *Device) SiglipBackward(dxb, dyb, dscaleb, dbiasb, xb, yb, scaleb, biasb device.Buffer, n, dim int) {
	const op = "siglip backward"
	dx, dy, dscale, dbias := floats(op, dxb, n*dim), floats(op, dyb, n*dim), floats(op, dscaleb, 1), floats(op, dbiasb, 1)
	x, y, scale, bias := floats(op, xb, n*dim), floats(op, yb, n*dim), floats(op, scaleb, 1), floats(op, biasb, 1)
	clear(dx)
	clear(dy)
	factor := math.Exp(float64(scale[0]))
	var sumScale, sumBias float64
	for i := range n {
		for j := range n {
			s := logit(x, y, i, j, dim, scale[0])
			g := 1 / (1 + math.Exp(-s-float64(bias[0])))
			if i == j {
				g--
			}
			g /= float64(n)
			sumScale += g * s
			sumBias += g
			for c := range dim {
				dx[i*dim+c] += float32(factor * g * float64(y[j*dim+c]))
				dy[j*dim+c] += float32(factor * g * float64(x[i*dim+c]))
			}
		}
	}
	dscale[0] += float32(sumScale)
	dbias[0] += float32(sumBias)
}
