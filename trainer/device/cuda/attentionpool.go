//go:build cuda

package cuda

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// A pool is a part of the pictures of an attention pool at work: as many as keep the rows
// of a width a head and picture within poolWords. What is rounded to bf16 before a product
// is there in two parts, see kernels/attentionpool.cu.
type pool struct {
	device.AttentionPool // Batch is the part's
	d                    *Device
	op                   string
	t                    device.Type
	u, sums, dpooled     address // [Batch,Heads,Width]: f32; of t, in parts; f32
	p, dp                address // [Batch,Heads,Tokens] in f32
	narrow               address // [Batch,Width] in f32, what becomes bf16
}

// poolWords is 32 MB in f32, most of which stays in a card's cache. A test lowers it.
var poolWords = 8 << 20

// pools calls each with the parts of a batch in turn, from picture first on.
func (d *Device) pools(op string, t device.Type, a device.AttentionPool, backward bool, each func(p pool, first int)) {
	most := min(a.Batch, max(1, poolWords/(a.Heads*a.Width)))
	var bytes int
	room := func(n int) (at int) {
		at = bytes
		bytes += (most*n*4 + 255) / 256 * 256
		return at
	}
	u, sums, p, narrow := room(a.Heads*a.Width), room(a.Heads*a.Width), room(a.Heads*a.Tokens), room(a.Width)
	var dpooled, dp int
	if backward {
		dpooled, dp = room(a.Heads*a.Width), room(a.Heads*a.Tokens)
	}
	at := d.scratch(op, bytes)
	for first := 0; first < a.Batch; first += most {
		part := pool{AttentionPool: a, d: d, op: op, t: t, u: at + address(u), sums: at + address(sums), p: at + address(p), narrow: at + address(narrow), dpooled: at + address(dpooled), dp: at + address(dp)}
		part.Batch = min(most, a.Batch-first)
		each(part, first)
	}
}

func (p pool) factor() float32 { return float32(1 / math.Sqrt(float64(p.Width/p.Heads))) }

// spread computes y[Batch,Heads,Width] = x[Batch,Width] w, head by head: the keys' side of
// queries, or the values' of a gradient.
func (p pool) spread(y, x, w address) {
	size := p.Width / p.Heads
	p.d.product(p.op, product{c: y, a: x, b: w, m: p.Batch, n: p.Width, k: size, ldc: p.Heads * p.Width, lda: p.Width, ldb: p.Width,
		batch: p.Heads, strideC: p.Width, strideA: size, strideB: size * p.Width, in: p.t, out: device.F32})
}

// parts calls each with the addresses of sums: one in f32, two that add up in bf16.
func (p pool) parts(each func(at address, beta float32)) {
	each(p.sums, 0)
	if p.t == device.BF16 {
		each(p.sums+address(2*p.apart()), 1)
	}
}

func (p pool) apart() int { return p.Batch * p.Heads * p.Width }

// gather computes y[Batch,Width] = sums w^t, head by head.
func (p pool) gather(y, w address) {
	size, to := p.Width/p.Heads, y
	if p.t == device.BF16 {
		to = p.narrow
	}
	p.parts(func(at address, beta float32) {
		p.d.product(p.op, product{c: to, a: at, b: w, m: p.Batch, n: size, k: p.Width, transB: true, ldc: p.Width, lda: p.Heads * p.Width, ldb: p.Width,
			batch: p.Heads, strideC: size, strideA: p.Width, strideB: size * p.Width, in: p.t, out: device.F32, beta: beta})
	})
	if p.t == device.BF16 {
		n := p.Batch * p.Width
		p.d.do(p.op, elementwise("convert_to_bf16", n, 8), y, p.narrow, int64(n))
	}
}

// weights computes dw += x^t sums, head by head.
func (p pool) weights(dw, x address) {
	size := p.Width / p.Heads
	p.parts(func(at address, _ float32) {
		p.d.product(p.op, product{c: dw, a: x, b: at, m: size, n: p.Width, k: p.Batch, transA: true, uncut: true, ldc: p.Width, lda: p.Width, ldb: p.Heads * p.Width,
			batch: p.Heads, strideC: size * p.Width, strideA: size, strideB: p.Width, in: p.t, out: device.F32, beta: 1})
	})
}

// scores computes s = y x^t for each picture.
func (p pool) scores(s, y, x address) {
	blocks := p.Batch * ((p.Heads + 31) / 32) * ((p.Tokens + 63) / 64)
	p.d.do(p.op, launch{kernel: suffixed("pool_scores", p.t), blocks: [3]int{blocks}, threads: 256}, s, y, x, p.Heads, p.Tokens, p.Width)
}

// sum computes sums = w x for each picture.
func (p pool) sum(w, x address) {
	blocks := p.Batch * ((p.Heads + 15) / 16) * ((p.Width + 255) / 256)
	p.d.do(p.op, launch{kernel: suffixed("pool_sums_of_tokens", p.t), blocks: [3]int{blocks}, threads: 128},
		p.sums, w, x, p.Heads, p.Tokens, p.Width, int64(p.apart()))
}

// attend computes u, p and, in sums, what is pooled of x.
func (p pool) attend(q, x, wk address) {
	p.spread(p.u, q, wk)
	p.scores(p.p, p.u, x)
	rows := p.Batch * p.Heads
	p.d.do(p.op, launch{kernel: "pool_softmax", blocks: [3]int{(rows + 3) / 4}, threads: 128}, p.p, rows, p.Tokens, p.factor())
	p.sum(p.p, x)
}

// AttentionPool computes out = softmax(q k^t / sqrt(size)) v, head by head, without k and
// v: with u = q wk, the scores are u x^t, and out is (p x) wv^t.
func (d *Device) AttentionPool(out, q, x, wk, wv device.Buffer, a device.AttentionPool) {
	const op = "attention pool"
	w, t := a.Width, out.Type
	o, query, tokens := active(op, t, out, a.Batch*w), active(op, t, q, a.Batch*w), active(op, t, x, a.Batch*a.Tokens*w)
	keys, values := active(op, t, wk, w*w), active(op, t, wv, w*w)
	d.pools(op, t, a, false, func(p pool, first int) {
		row := address(first * w * t.Bytes())
		p.attend(query+row, tokens+row*address(a.Tokens), keys)
		p.gather(o+row, values)
	})
}

// AttentionPoolBackward computes dq, dx, dwk += and dwv +=. With dpooled = dout wv, dp is
// dpooled x^t and ds = p*(dp - sum(p*dp))/sqrt(size); then dx = p^t dpooled + ds^t u, and
// with du = ds x, dq is du wk^t.
func (d *Device) AttentionPoolBackward(dq, dx, dwk, dwv, dout, q, x, wk, wv device.Buffer, a device.AttentionPool) {
	const op = "attention pool backward"
	w, rows, t := a.Width, a.Batch*a.Tokens, dq.Type
	dquery, dtokens, dkeys, dvalues := active(op, t, dq, a.Batch*w), active(op, t, dx, rows*w), at(op, dwk, w*w), at(op, dwv, w*w)
	dy, query, tokens := active(op, t, dout, a.Batch*w), active(op, t, q, a.Batch*w), active(op, t, x, rows*w)
	keys, values := active(op, t, wk, w*w), active(op, t, wv, w*w)
	d.pools(op, t, a, true, func(p pool, first int) {
		row := address(first * w * t.Bytes())
		x, scores := tokens+row*address(a.Tokens), p.Batch*p.Heads
		p.attend(query+row, x, keys)
		p.weights(dvalues, dy+row)
		p.spread(p.dpooled, dy+row, values)
		p.scores(p.dp, p.dpooled, x)
		d.do(op, launch{kernel: "pool_softmax_backward", blocks: [3]int{(scores + 3) / 4}, threads: 128}, p.dp, p.p, scores, p.Tokens, p.factor())
		blocks := p.Batch * ((p.Tokens + 15) / 16) * ((w + 255) / 256)
		d.do(op, launch{kernel: suffixed("pool_sums_of_heads", t), blocks: [3]int{blocks}, threads: 128},
			dtokens+row*address(a.Tokens), p.p, p.dpooled, p.dp, p.u, p.Heads, p.Tokens, w)
		p.sum(p.dp, x)
		p.weights(dkeys, query+row)
		p.gather(dquery+row, keys)
	})
}
