package reference

import (
	"math"
	"slices"

	"github.com/pairloom/pairloom/trainer/device"
)

// MeanToken puts the mean of each picture's rows before them.
func (d *Device) MeanToken(yb, xb device.Buffer, batch, n, cols int) {
	const op = "mean token"
	t := activations(op, yb)
	y, store := out(op, t, yb, batch*(1+n)*cols)
	defer store()
	x := in(op, t, xb, batch*n*cols)
	for b := range batch {
		to, from := y[b*(1+n)*cols:(b+1)*(1+n)*cols], x[b*n*cols:(b+1)*n*cols]
		copy(to[cols:], from)
		for j := range cols {
			var sum float64
			for i := range n {
				sum += float64(from[i*cols+j])
			}
			to[j] = float32(sum / float64(n))
		}
	}
}

// MeanTokenBackward computes dx[i] = dy[1+i] + dy[0]/n.
func (d *Device) MeanTokenBackward(dxb, dyb device.Buffer, batch, n, cols int) {
	const op = "mean token backward"
	t := activations(op, dxb)
	dx, store := out(op, t, dxb, batch*n*cols)
	defer store()
	dy := in(op, t, dyb, batch*(1+n)*cols)
	for b := range batch {
		from := dy[b*(1+n)*cols:]
		for i := range n {
			for j := range cols {
				dx[(b*n+i)*cols+j] = from[(1+i)*cols+j] + from[j]/float32(n)
			}
		}
	}
}

// poolHeads computes keys and values and the probabilities p of every head.
func poolHeads(op string, qb, xb, wkb, wvb device.Buffer, a device.AttentionPool) (p, k, v []float64) {
	w, size, rows, t := a.Width, a.Width/a.Heads, a.Batch*a.Tokens, activations(op, qb)
	q, x := in(op, t, qb, a.Batch*w), in(op, t, xb, rows*w)
	k, v = times(x, in(op, t, wkb, w*w), rows, w, w), times(x, in(op, t, wvb, w*w), rows, w, w)
	p = make([]float64, a.Batch*a.Heads*a.Tokens)
	for i := range a.Batch * a.Heads {
		b, h, row := i/a.Heads, i%a.Heads, p[i*a.Tokens:(i+1)*a.Tokens]
		for t := range row {
			for c := h * size; c < (h+1)*size; c++ {
				row[t] += float64(q[b*w+c]) * k[(b*a.Tokens+t)*w+c] / math.Sqrt(float64(size))
			}
		}
		top, total := slices.Max(row), 0.0
		for t, s := range row {
			row[t] = math.Exp(s - top)
			total += row[t]
		}
		for t := range row {
			row[t] /= total
		}
	}
	return p, k, v
}

// AttentionPool computes out = p v, head by head.
func (d *Device) AttentionPool(outb, qb, xb, wkb, wvb device.Buffer, a device.AttentionPool) {
	const op = "attention pool"
	w, size := a.Width, a.Width/a.Heads
	out, store := out(op, activations(op, qb), outb, a.Batch*w)
	defer store()
	p, _, v := poolHeads(op, qb, xb, wkb, wvb, a)
	for b := range a.Batch {
		for c := range w {
			var sum float64
			for t := range a.Tokens {
				sum += p[(b*a.Heads+c/size)*a.Tokens+t] * v[(b*a.Tokens+t)*w+c]
			}
			out[b*w+c] = float32(sum)
		}
	}
}

// AttentionPoolBackward goes through dk and dv: with dP = dout v^t and dS =
// P*(dP - sum(P*dP))/sqrt(size), dq = dS k, dk = dS^t q, dv = P^t dout; then dx
// = dk wk + dv wv, dwk += dk^t x, dwv += dv^t x.
func (d *Device) AttentionPoolBackward(dqb, dxb, dwkb, dwvb, doutb, qb, xb, wkb, wvb device.Buffer, a device.AttentionPool) {
	const op = "attention pool backward"
	w, size, rows := a.Width, a.Width/a.Heads, a.Batch*a.Tokens
	t := activations(op, qb)
	dq, storeQ := out(op, t, dqb, a.Batch*w)
	defer storeQ()
	dx, storeX := out(op, t, dxb, rows*w)
	defer storeX()
	dwk, dwv := floats(op, dwkb, w*w), floats(op, dwvb, w*w)
	dout, q, x := in(op, t, doutb, a.Batch*w), in(op, t, qb, a.Batch*w), in(op, t, xb, rows*w)
	wk, wv := in(op, t, wkb, w*w), in(op, t, wvb, w*w)
	p, k, v := poolHeads(op, qb, xb, wkb, wvb, a)
	dk, dv, dqs := make([]float64, rows*w), make([]float64, rows*w), make([]float64, a.Batch*w)
	for i := range a.Batch * a.Heads {
		b, h, row := i/a.Heads, i%a.Heads, p[i*a.Tokens:(i+1)*a.Tokens]
		dp, sum := make([]float64, a.Tokens), 0.0
		for t := range dp {
			for c := h * size; c < (h+1)*size; c++ {
				dp[t] += float64(dout[b*w+c]) * v[(b*a.Tokens+t)*w+c]
			}
			sum += row[t] * dp[t]
		}
		for t := range dp {
			ds := row[t] * (dp[t] - sum) / math.Sqrt(float64(size))
			for c := h * size; c < (h+1)*size; c++ {
				at := (b*a.Tokens+t)*w + c
				dqs[b*w+c] += ds * k[at]
				dk[at] = ds * float64(q[b*w+c])
				dv[at] = row[t] * float64(dout[b*w+c])
			}
		}
	}
	narrow(dq, dqs)
	for i := range w {
		for j := range w {
			var k, v float64
			for r := range rows {
				k += dk[r*w+i] * float64(x[r*w+j])
				v += dv[r*w+i] * float64(x[r*w+j])
			}
			dwk[i*w+j] += float32(k)
			dwv[i*w+j] += float32(v)
		}
	}
	for r := range rows {
		for j := range w {
			var sum float64
			for i := range w {
				sum += dk[r*w+i]*float64(wk[i*w+j]) + dv[r*w+i]*float64(wv[i*w+j])
			}
			dx[r*w+j] = float32(sum)
		}
	}
}

// times is x w^t in float64, for x[rows,in] and w[out,in].
func times(x, w []float32, rows, out, in int) []float64 {
	y := make([]float64, rows*out)
	for r := range rows {
		for o := range out {
			for i := range in {
				y[r*out+o] += float64(x[r*in+i]) * float64(w[o*in+i])
			}
		}
	}
	return y
}
