package reference

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

func logit(x, y []float32, i, j, dim int, scale float32) float64 {
	var sum float64
	for c := range dim {
		sum += float64(x[i*dim+c]) * float64(y[j*dim+c])
	}
	return math.Exp(float64(scale)) * sum
}

// Contrastive computes the row and column cross entropies of S = exp(scale) X
// Y^t against the diagonal, weighted by share and 1-share:
// loss = sum over i of (share rowlse[i] + (1-share) collse[i] - S[i,i]) / n.
func (d *Device) Contrastive(lossb, lseb, xb, yb, scaleb device.Buffer, n, dim int, share float32) {
	loss, lse := floats("contrastive", lossb, 1), floats("contrastive", lseb, 2*n)
	x, y, scale := floats("contrastive", xb, n*dim), floats("contrastive", yb, n*dim), floats("contrastive", scaleb, 1)
	logSumExp := func(at func(j int) float64) float64 {
		top := math.Inf(-1)
		for j := range n {
			top = max(top, at(j))
		}
		var sum float64
		for j := range n {
			sum += math.Exp(at(j) - top)
		}
		return top + math.Log(sum)
	}
	var total float64
	for i := range n {
		row := logSumExp(func(j int) float64 { return logit(x, y, i, j, dim, scale[0]) })
		col := logSumExp(func(j int) float64 { return logit(x, y, j, i, dim, scale[0]) })
		lse[i], lse[n+i] = float32(row), float32(col)
		total += float64(share)*row + (1-float64(share))*col - logit(x, y, i, i, dim, scale[0])
	}
	loss[0] = float32(total / float64(n))
}

// ContrastiveBackward computes, with G = (share softmax of rows + (1-share)
// softmax of columns - I) / n: dX = exp(scale) G Y, dY = exp(scale) G^t X and
// dscale += sum(G*S).
func (d *Device) ContrastiveBackward(dxb, dyb, dscaleb, lseb, xb, yb, scaleb device.Buffer, n, dim int, share float32) {
	const op = "contrastive backward"
	dx, dy, dscale := floats(op, dxb, n*dim), floats(op, dyb, n*dim), floats(op, dscaleb, 1)
	lse, x, y, scale := floats(op, lseb, 2*n), floats(op, xb, n*dim), floats(op, yb, n*dim), floats(op, scaleb, 1)
	clear(dx)
	clear(dy)
	factor := math.Exp(float64(scale[0]))
	var sum float64
	for i := range n {
		for j := range n {
			s := logit(x, y, i, j, dim, scale[0])
			g := float64(share)*math.Exp(s-float64(lse[i])) + (1-float64(share))*math.Exp(s-float64(lse[n+j]))
			if i == j {
				g--
			}
			g /= float64(n)
			sum += g * s
			for c := range dim {
				dx[i*dim+c] += float32(factor * g * float64(y[j*dim+c]))
				dy[j*dim+c] += float32(factor * g * float64(x[i*dim+c]))
			}
		}
	}
	dscale[0] += float32(sum)
}
