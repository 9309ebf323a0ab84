package nn

import (
	"github.com/pairloom/pairloom/trainer/autograd"
)

// Momentum is how far one batch moves the running statistics of a BatchNorm.
const Momentum = 0.1

// BatchNorm normalises columns, with a learned gain and shift, and keeps
// running statistics for evaluation.
type BatchNorm struct{ norm autograd.Norm }

// NewBatchNorm makes name.weight and name.bias and the buffers
// name.running_mean, name.running_var and name.num_batches_tracked, which is a
// float32 as all tensors are (and exact up to 16 million steps).
func NewBatchNorm(p *Parameters, name string, width int, gain float64) BatchNorm {
	return BatchNorm{autograd.Norm{
		Gain: p.New(name+".weight", Constant(gain), width), Shift: p.New(name+".bias", Constant(0), width),
		Mean:     p.NewBuffer(name+".running_mean", Constant(0), width),
		Variance: p.NewBuffer(name+".running_var", Constant(1), width),
		Count:    p.NewBuffer(name+".num_batches_tracked", Constant(0)),
		Epsilon:  Epsilon, Momentum: Momentum,
	}}
}

// ReLU is the norm and then the larger of that and 0. x is needed no more
// except by the way back.
func (b BatchNorm) ReLU(t *autograd.Tape, x *autograd.Value) *autograd.Value {
	y := t.BatchNorm(x, b.norm, nil, true)
	t.Forget(x)
	return y
}

// Convolution3x3 has stride 1, padding 1 and no bias.
type Convolution3x3 struct{ weight *autograd.Value }

// NewConvolution3x3 makes name.weight[out,in,3,3].
func NewConvolution3x3(p *Parameters, name string, in, out int) Convolution3x3 {
	return Convolution3x3{p.New(name+".weight", Uniform(inverseRoot(9*in)), out, in, 3, 3)}
}

// Forward forgets x, which should be what a BatchNorm computes again.
func (c Convolution3x3) Forward(t *autograd.Tape, x *autograd.Value, side int) *autograd.Value {
	y := t.Conv3x3(x, c.weight, side)
	t.Forget(x)
	return y
}

// newConvolution1x1 makes name.weight[out,in,1,1], a matrix.
func newConvolution1x1(p *Parameters, name string, in, out int) *autograd.Value {
	return p.New(name+".weight", Uniform(inverseRoot(in)), out, in, 1, 1)
}

// Bottleneck is a residual block of 1x1, 3x3 and 1x1 convolutions, whose output
// has four times its planes. With Pool, an average pool halves the side after
// the 3x3 convolution and on the shortcut (anti-aliasing).
type Bottleneck struct {
	pool               bool
	conv1, conv3, down *autograd.Value
	conv2              Convolution3x3
	bn1, bn2, bn3, bnd BatchNorm
}

// Expansion is the ratio of a bottleneck's channels to its planes.
const Expansion = 4

// NewBottleneck makes name.conv1 to name.bn3, and name.downsample where the
// shape changes. The last gain is 0, so that the block begins as its shortcut.
func NewBottleneck(p *Parameters, name string, in, planes int, pool bool) Bottleneck {
	out := planes * Expansion
	b := Bottleneck{
		pool:  pool,
		conv1: newConvolution1x1(p, name+".conv1", in, planes), bn1: NewBatchNorm(p, name+".bn1", planes, 1),
		conv2: NewConvolution3x3(p, name+".conv2", planes, planes), bn2: NewBatchNorm(p, name+".bn2", planes, 1),
		conv3: newConvolution1x1(p, name+".conv3", planes, out), bn3: NewBatchNorm(p, name+".bn3", out, 0),
	}
	if pool || in != out {
		// "-1" is the pool, which has no parameters.
		b.down = newConvolution1x1(p, name+".downsample.0", in, out)
		b.bnd = NewBatchNorm(p, name+".downsample.1", out, 1)
	}
	return b
}

// Forward runs the block on pictures of side*side rows.
func (b Bottleneck) Forward(t *autograd.Tape, x *autograd.Value, side int) *autograd.Value {
	h := b.bn1.ReLU(t, t.Linear(x, b.conv1, nil))
	h = b.bn2.ReLU(t, b.conv2.Forward(t, h, side))
	halve := func(x *autograd.Value) *autograd.Value { return x }
	if b.pool {
		halve = func(x *autograd.Value) *autograd.Value { return t.AvgPool(x, side) }
	}
	narrow := halve(h)
	if b.pool {
		t.Forget(h)
	}
	h = t.Linear(narrow, b.conv3, nil)
	t.Forget(narrow)
	shortcut := x
	if b.down != nil {
		pooled := halve(x)
		d := t.Linear(pooled, b.down, nil)
		t.Forget(pooled)
		shortcut = t.BatchNorm(d, b.bnd.norm, nil, false)
		t.Forget(d)
	}
	y := t.BatchNorm(h, b.bn3.norm, shortcut, true)
	t.Forget(h)
	t.Forget(shortcut)
	t.Forget(x)
	return y
}

// Side is that of the block's output.
func (b Bottleneck) Side(side int) int {
	if b.pool {
		return side / 2
	}
	return side
}

// AttentionPool makes one row of a picture's rows: the mean of them, as a
// query, attends to itself and to them.
type AttentionPool struct {
	position           *autograd.Value
	query, output      Linear
	key, value, valueB *autograd.Value
	heads              int
}

// NewAttentionPool makes name.positional_embedding[1+rows,width] and name.q_proj,
// k_proj, v_proj and c_proj. The bias of the keys moves all of a query's scores
// alike and so changes nothing: it is there for the public files' sake, and has
// no gradient.
func NewAttentionPool(p *Parameters, name string, rows, width, heads, out int) AttentionPool {
	draw, bias := Normal(inverseRoot(width)), Uniform(inverseRoot(width))
	a := AttentionPool{heads: heads, position: p.NewTable(name+".positional_embedding", draw, 1+rows, width)}
	a.key = p.New(name+".k_proj.weight", draw, width, width)
	p.New(name+".k_proj.bias", bias, width)
	a.query = NewLinear(p, name+".q_proj", width, width, draw, nil)
	a.value, a.valueB = p.New(name+".v_proj.weight", draw, width, width), p.New(name+".v_proj.bias", bias, width)
	a.output = NewLinear(p, name+".c_proj", width, out, draw, nil)
	return a
}

// Forward pools batch pictures; what it gives is of F32. positions holds 0..rows for each picture, and
// first the row of its mean.
func (a AttentionPool) Forward(t *autograd.Tape, x *autograd.Value, batch int, positions, first []int32) *autograd.Value {
	tokens := t.AddRows(t.MeanToken(x, batch), a.position, t.Ints(positions))
	t.Forget(x)
	query := a.query.Forward(t, t.Gather(tokens, t.Ints(first), batch))
	pooled := t.AttentionPool(query, tokens, a.key, a.value, a.valueB, a.heads)
	t.Forget(tokens)
	return a.output.Output(t, pooled)
}
