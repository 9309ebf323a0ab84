package reference

import (
	"math"
	"slices"

	"github.com/pairloom/pairloom/trainer/device"
)

// MeanToken puts the mean of each picture's rows before them.
func (d *Device) MeanToken(yb, xb device.Buffer, batch, n, cols int) {
	y, x := floats("mean token", yb, batch*(1+n)*cols), floats("mean token", xb, batch*n*cols)
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
	dx, dy := floats("mean token backward", dxb, batch*n*cols), floats("mean token backward", dyb, batch*(1+n)*cols)
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
	w, size, rows := a.Width, a.Width/a.Heads, a.Batch*a.Tokens
	q, x := floats(op, qb, a.Batch*w), floats(op, xb, rows*w)
	k, v = times(x, floats(op, wkb, w*w), rows, w, w), times(x, floats(op, wvb, w*w), rows, w, w)
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
	out := floats(op, outb, a.Batch*w)
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
	dq, dx, dwk, dwv := floats(op, dqb, a.Batch*w), floats(op, dxb, rows*w), floats(op, dwkb, w*w), floats(op, dwvb, w*w)
	dout, q, x := floats(op, doutb, a.Batch*w), floats(op, qb, a.Batch*w), floats(op, xb, rows*w)
	wk, wv := floats(op, wkb, w*w), floats(op, wvb, w*w)
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
