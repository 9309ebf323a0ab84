package main

import (
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/tally"
)

// cost is what the launches of one kind of kernel take: bytes to and from the card's
// memory, operations of tensor cores, and operations of ordinary cores.
type cost struct {
	launches              int
	bytes, tensor, simple float64
	flops                 float64 // of all kinds
	seconds               float64 // by the card that is assumed
}

// card is what a card does at most, as seen on one; see guide of the README.
type card struct {
	bytes  float64 // a second
	tensor float64 // operations a second in bf16
	single float64 // operations a second in products of float32
	simple float64 // of other code in float32
	launch float64 // seconds from one launch to the next at least
}

// h100 does 798 TFLOP/s in a product of bf16 and copies 3.0 TB/s; its 132 multiprocessors
// have 128 cores each, two operations a cycle at some 1.8 GHz, of which code that is no
// product gets a third.
var h100 = card{bytes: 3.0e12, tensor: 798e12, single: 60e12, simple: 20e12, launch: 2e-6}

// meter is a device that computes nothing and counts what each kernel of the backend for
// cards would cost, by the comments at the head of trainer/device/cuda/kernels.
type meter struct {
	tally.Device
	card  card
	costs map[string]*cost
	order []string
}

func newMeter(c card) *meter {
	return &meter{Device: tally.Device{Card: true}, card: c, costs: map[string]*cost{}}
}

// add counts launches of one kernel. A launch takes the longest of what its bytes, its
// products and its other operations take.
func (m *meter) add(kernel string, launches int, bytes, tensor, simple float64) {
	c := m.costs[kernel]
	if c == nil {
		c = &cost{}
		m.costs[kernel] = c
		m.order = append(m.order, kernel)
	}
	c.launches += launches
	c.bytes += bytes
	c.tensor += tensor
	c.simple += simple
	c.flops += tensor + simple
	c.seconds += max(bytes/m.card.bytes, tensor/m.card.tensor, simple/m.card.simple, float64(launches)*m.card.launch)
}

func size(b device.Buffer) float64 { return float64(b.Type.Bytes()) }

// product counts c[m,n] = a[m,k] b[k,n] + beta c.
func (m *meter) product(name string, c, a, b device.Buffer, rows, cols, depth int, beta float32) {
	r, n, k := float64(rows), float64(cols), float64(depth)
	result := r * n * size(c)
	if beta != 0 {
		result *= 2
	}
	m.add(name, 1, r*k*size(a)+k*n*size(b)+result, 2*r*n*k, 0)
}

func (m *meter) MatMul(c, a, b device.Buffer, rows, cols, depth int, _, _ bool, beta float32) {
	m.product("product", c, a, b, rows, cols, depth, beta)
}

// Linear's bias and residual are the product's epilogue, an activation is a pass of its own.
func (m *meter) Linear(y, x, w device.Buffer, rows, cols, depth int, e device.Epilogue) {
	beta := float32(0)
	if !e.Residual.Absent() {
		beta = 1
	}
	m.product("product: linear", y, x, w, rows, cols, depth, beta)
	if !e.Bias.Absent() && y.Type == device.BF16 {
		m.add("bias to bf16", 1, 6*float64(cols), 0, 0)
	}
	if e.Activation != device.NoActivation {
		n := float64(rows) * float64(cols)
		m.add("activate", 1, 2*n*size(y), 0, 30*n)
	}
}

func (m *meter) LinearBackward(dx, dw, dbias, dy, x, w device.Buffer, rows, cols, depth int, e device.BackwardEpilogue) {
	m.product("product: weights back", dw, dy, x, cols, depth, rows, 1)
	if !dbias.Absent() {
		m.BiasBackward(dbias, dy, rows, cols)
	}
	if dx.Absent() {
		return
	}
	m.product("product: inputs back", dx, dy, w, rows, depth, cols, e.Beta)
	if e.Activation != device.NoActivation {
		n := float64(rows) * float64(depth)
		m.add("activate back", 1, 3*n*size(dx), 0, 30*n)
	}
}

// elements counts a kernel that goes once over n elements.
func (m *meter) elements(kernel string, n int, bytes, operations float64) {
	m.add(kernel, 1, float64(n)*bytes, 0, float64(n)*operations)
}

func (m *meter) Bias(y, _ device.Buffer, rows, cols int) {
	m.elements("bias", rows*cols, 2*size(y), 1)
}
func (m *meter) BiasBackward(_, dy device.Buffer, rows, cols int) {
	m.elements("bias back", rows*cols, size(dy), 1)
	m.columns(cols, 1)
}

// columns counts the second half of sums over columns.
func (m *meter) columns(cols, sums int) { m.add("columns", 1, 132*4*4*float64(cols*sums)/8, 0, 0) }

func (m *meter) Fill(x device.Buffer, _ float32)     { m.elements("fill", x.Len, size(x), 0) }
func (m *meter) Sum(y, _, _ device.Buffer)           { m.elements("sum", y.Len, 3*size(y), 1) }
func (m *meter) Copy(y, _ device.Buffer)             { m.elements("copy", y.Len, 2*size(y), 0) }
func (m *meter) Convert(y, x device.Buffer)          { m.elements("convert", y.Len, size(y)+size(x), 1) }
func (m *meter) Blend(y, _ device.Buffer, _ float32) { m.elements("blend", y.Len, 3*size(y), 2) }
func (m *meter) Clamp(x device.Buffer, _, _ float32) { m.elements("clamp", x.Len, 2*size(x), 1) }
func (m *meter) GELU(y, x device.Buffer, _ bool)     { m.elements("gelu", y.Len, 2*size(y), 30) }
func (m *meter) GELUBackward(dx, _, _ device.Buffer, _ bool) {
	m.elements("gelu back", dx.Len, 3*size(dx), 30)
}

func (m *meter) Pixels(out, _ device.Buffer, batch, side int, _ device.Normalization) {
	m.elements("pixels", 3*batch*side*side, 1+size(out), 3)
}

func (m *meter) LayerNorm(y, _, _, _, _ device.Buffer, rows, cols int, _ float32) {
	m.elements("layer norm", rows*cols, 2*size(y), 8)
}
func (m *meter) LayerNormBackward(_, _, _, dy, _, _, _ device.Buffer, rows, cols int, beta float32) {
	bytes := 3 * size(dy)
	if beta != 0 {
		bytes += size(dy)
	}
	m.elements("layer norm back", rows*cols, bytes, 14)
	m.add("columns", 1, 528*8*float64(cols), 0, 0)
}

// scores is the number of pairs of rows that see one another, over all heads.
func scores(a device.AttentionShape) float64 {
	n := float64(a.Rows) / float64(max(1, a.Sequences))
	s := float64(a.Rows) * n * float64(a.Heads)
	if a.Causal {
		s /= 2
	}
	return s
}

func (m *meter) Attention(out, _, _, _ device.Buffer, a device.AttentionShape) {
	d, s := float64(a.Width/a.Heads), scores(a)
	m.add("attention", 1, 4*float64(a.Rows*a.Width)*size(out), 4*s*d, 8*s)
}
func (m *meter) AttentionBackward(dqkv, _, _, _, _, _ device.Buffer, a device.AttentionShape) {
	d, s := float64(a.Width/a.Heads), scores(a)
	m.add("attention back", 2, 9*float64(a.Rows*a.Width)*size(dqkv), 14*s*d, 12*s)
}

func (m *meter) Gather(y, table, _ device.Buffer, rows, cols int, beta float32) {
	bytes := size(y) + size(table)
	if beta != 0 {
		bytes += size(y)
	}
	m.elements("gather", rows*cols, bytes, 1)
}
func (m *meter) GatherBackward(dtable, dy, _ device.Buffer, rows, cols int) {
	if dtable.Type == device.BF16 {
		m.elements("gather back", rows*cols, 3*size(dy), 1)
		return
	}
	m.add("gather back", 6, float64(rows*cols)*size(dy)+40*float64(rows), 0, float64(rows*cols))
}

func (m *meter) Patchify(out, _ device.Buffer, batch, side, _ int) {
	m.elements("patchify", 3*batch*side*side, 2*size(out), 0)
}
func (m *meter) Unfold(out, _ device.Buffer, batch, side int) {
	m.elements("unfold", 3*batch*side*side, 3.25*size(out), 0)
}

func (m *meter) convolution(kernel string, c device.Conv3x3, launches int, bytes, more float64) {
	m.add(kernel, launches, float64(c.Rows()*(c.In+c.Out))*bytes+more+36*float64(c.In*c.Out), 18*float64(c.Rows())*float64(c.In)*float64(c.Out), 0)
}
func (m *meter) Conv3x3(y, _, _ device.Buffer, c device.Conv3x3) {
	m.convolution("convolution", c, 2, size(y), 0)
}
func (m *meter) Conv3x3BackwardData(dx, _, _ device.Buffer, c device.Conv3x3) {
	m.convolution("convolution: inputs back", c, 2, size(dx), 0)
}
func (m *meter) Conv3x3BackwardWeights(_, dy, _ device.Buffer, c device.Conv3x3) {
	m.convolution("convolution: weights back", c, 2, size(dy), 0)
}

func (m *meter) BatchStats(_, x device.Buffer, _ device.Running, rows, cols int, _, _ float32) {
	m.elements("batch statistics", rows*cols, size(x), 2)
	m.columns(cols, 2)
}
func (m *meter) BatchNorm(y, _, _, _, _, shortcut device.Buffer, rows, cols int, _ bool) {
	bytes := 2 * size(y)
	if !shortcut.Absent() {
		bytes += size(y)
	}
	m.elements("batch norm", rows*cols, bytes, 3)
}
func (m *meter) BatchNormBackward(_, _, _, dy, _, _, _, _, y device.Buffer, rows, cols int, _ bool) {
	bytes := 5 * size(dy)
	if !y.Absent() {
		bytes += 2 * size(dy)
	}
	m.elements("batch norm back", rows*cols, bytes, 8)
	m.add("batch norm back", 1, 0, 0, 0)
	m.columns(cols, 2)
}

func (m *meter) AvgPool(y, _ device.Buffer, batch, side, cols int) {
	m.elements("average pool", batch*side*side*cols, 1.25*size(y), 1)
}
func (m *meter) AvgPoolBackward(dx, _ device.Buffer, batch, side, cols int, beta float32) {
	bytes := 1.25 * size(dx)
	if beta != 0 {
		bytes += size(dx)
	}
	m.elements("average pool back", batch*side*side*cols, bytes, 1)
}
func (m *meter) MeanToken(y, _ device.Buffer, batch, n, cols int) {
	m.elements("mean token", batch*n*cols, 2*size(y), 1)
}
func (m *meter) MeanTokenBackward(dx, _ device.Buffer, batch, n, cols int) {
	m.elements("mean token back", batch*n*cols, 2*size(dx), 1)
}

// The pool's products are of rows by heads; its tokens are read twice each way.
func (m *meter) AttentionPool(_, _, x, _, _ device.Buffer, a device.AttentionPool) {
	rows, w := float64(a.Batch), float64(a.Width)
	m.add("attention pool", 6, 2*rows*float64(a.Tokens)*w*size(x)+2*w*w*size(x), 4*rows*w*w+4*rows*float64(a.Heads*a.Tokens)*w, 8*rows*float64(a.Heads*a.Tokens))
}
func (m *meter) AttentionPoolBackward(_, _, _, _, _, _, x, _, _ device.Buffer, a device.AttentionPool) {
	rows, w := float64(a.Batch), float64(a.Width)
	m.add("attention pool back", 12, 4*rows*float64(a.Tokens)*w*size(x)+8*w*w*size(x), 12*rows*w*w+10*rows*float64(a.Heads*a.Tokens)*w, 12*rows*float64(a.Heads*a.Tokens))
}

func (m *meter) Normalize(_, _, x device.Buffer, rows, cols int) {
	m.elements("normalize", rows*cols, 2*size(x), 3)
}
func (m *meter) NormalizeBackward(dx, _, _, _ device.Buffer, rows, cols int) {
	m.elements("normalize back", rows*cols, 3*size(dx), 5)
}

// loss counts one over bands of all similarities of n rows: so many products of them in
// float32, and for each similarity bytes and exponentials of about 10 operations.
func (m *meter) loss(kernel string, n, dim, products int, bytes, exponentials float64) {
	s := float64(n) * float64(n)
	bands := (n*n*4 + 64<<20 - 1) / (64 << 20)
	operations, slower := 2*s*float64(dim*products), m.card.simple/m.card.single
	m.add(kernel, 3*bands, bytes*s, 0, operations*slower+10*exponentials*s)
	m.costs[kernel].flops += operations * (1 - slower)
}

// Forward there is a product, and three on the way back: the similarities again, and both
// gradients.
func (m *meter) Contrastive(_, _, _, _, _ device.Buffer, n, dim int, _ float32) {
	m.loss("contrastive", n, dim, 1, 12, 2)
}
func (m *meter) ContrastiveBackward(_, _, _, _, _, _, _ device.Buffer, n, dim int, _ float32) {
	m.loss("contrastive back", n, dim, 3, 28, 2)
}
func (m *meter) Siglip(_, _, _, _, _ device.Buffer, n, dim int) {
	m.loss("siglip", n, dim, 1, 8, 2)
}
func (m *meter) SiglipBackward(_, _, _, _, _, _, _, _ device.Buffer, n, dim int) {
	m.loss("siglip back", n, dim, 3, 28, 1)
}

func (m *meter) SquaredNorm(_, x device.Buffer) {
	m.elements("squared norm", x.Len, 4, 2)
	m.add("squared norm", 1, 0, 0, 0)
}
func (m *meter) AdamW(param, _, _, _, _ device.Buffer, _ device.AdamW) {
	m.elements("adamw", param.Len, 28, 20)
}

func (m *meter) WriteBytes(_ device.Buffer, src []byte) {
	m.add("pictures to the card", 0, float64(len(src)), 0, 0)
}
