package device

import "fmt"

// Type is that of a buffer's elements.
type Type uint8

// Types. The zero Type is F32.
const (
	F32  Type = iota // IEEE 754 binary32
	BF16             // the upper half of an F32: 8 bits of exponent, 7 of fraction
	I32              // ids and offsets
	U8               // pictures as they were decoded
)

// Bytes is the size of an element.
func (t Type) Bytes() int { return [...]int{F32: 4, BF16: 2, I32: 4, U8: 1}[t] }

// String is the type's name in messages.
func (t Type) String() string { return [...]string{F32: "f32", BF16: "bf16", I32: "i32", U8: "u8"}[t] }

// Memory is a block of bytes on a device. Free returns it; work that was queued
// before Free still sees it.
type Memory interface {
	Bytes() int
	Free()
}

// Buffer is a run of elements of one type in a Memory. It is a value: slices of a
// buffer share its memory and die with it. The zero Buffer stands for "none"
// where an operation says that it may be absent.
type Buffer struct {
	Memory Memory
	Type   Type
	Offset int // in elements
	Len    int // in elements
}

// Absent reports whether b is the zero Buffer.
func (b Buffer) Absent() bool { return b.Memory == nil }

// Need panics when b is not of type t or holds fewer than n elements; backends
// call it first.
func (b Buffer) Need(operation string, t Type, n int) {
	if b.Memory == nil || b.Len < n || b.Offset < 0 || (b.Offset+b.Len)*b.Type.Bytes() > b.Memory.Bytes() {
		panic(fmt.Sprintf("%s: a buffer of %d elements where the shape needs %d", operation, b.Len, n))
	}
	if b.Type != t {
		panic(fmt.Sprintf("%s: a buffer of %s where %s is needed", operation, b.Type, t))
	}
}

// Whole is the buffer over all of m.
func Whole(m Memory, t Type) Buffer { return Buffer{Memory: m, Type: t, Len: m.Bytes() / t.Bytes()} }

// Slice is the buffer of n elements that starts from elements into b.
func (b Buffer) Slice(from, n int) Buffer {
	return Buffer{Memory: b.Memory, Type: b.Type, Offset: b.Offset + from, Len: n}
}

// Mark is a place in a device's queue; see Device.Mark.
type Mark int64

// A Device runs operations in the order in which they were called. A call
// enqueues and returns; Read, Sync and Close wait. Methods are called from one
// goroutine at a time.
//
// Matrices are row-major. In the docs of the operations, beta is 0 to overwrite
// the result and 1 to add to it; "ids" and "offsets" are of type I32. Activations
// (x, y, their gradients dx, dy, and the weights w of products) are of one type in
// each call, T, which is F32 or BF16; all else is F32: gains, shifts, biases,
// statistics, log-sum-exps, losses, scales, tables, moments, the gradients of
// parameters, and what an operation does not call T. With BF16, factors are read
// as they are, sums are kept in float32 at least, and the result is rounded to
// nearest even once. Every operation gives the same bits for the same input.
//
// What an operation writes overlaps none of its other operands, unless its docs
// let the first result be one of them; Strict panics where it does.
//
// A buffer too small for the shape that a call states, or of another type, is a
// bug of the caller and panics at the call. A fault while an operation runs is
// kept and returned by the next Read, Wait, Sync or Close, named with the
// operation.
type Device interface {
	Name() string
	// Alloc returns memory of unknown content, aligned for every type.
	Alloc(bytes int) (Memory, error)
	// Bytes is the memory that the device holds at the moment, scratch included; 0
	// after Close.
	Bytes() int64

	// Write copies src to dst, of type F32, when the queue gets there: src stays
	// unchanged until a Mark made after it has been waited for, or the next Read
	// or Sync has returned.
	Write(dst Buffer, src []float32)
	// WriteInts is Write to type I32.
	WriteInts(dst Buffer, src []int32)
	// WriteBytes is Write to type U8.
	WriteBytes(dst Buffer, src []byte)
	// Read waits for the queue and copies src, of type F32, to dst.
	Read(dst []float32, src Buffer) error
	// Fetch copies src, of type F32, to dst when the queue gets there: dst holds it
	// once a Mark made after it has been waited for.
	Fetch(dst []float32, src Buffer)
	// Mark notes the end of what is queued so far.
	Mark() Mark
	// Wait waits until the queue has passed m, and no longer.
	Wait(m Mark) error
	Sync() error
	Close() error

	// Convert computes y = x between F32 and BF16, rounding to nearest even.
	Convert(y, x Buffer)
	// Pixels computes out[batch,3,side,side] of T = (x/255 - mean)/deviation, in
	// float32 and in this order, from pictures[batch,side,side,3] of U8.
	Pixels(out, pictures Buffer, batch, side int, n Normalization)

	// MatMul computes C[m,n] = op(A)[m,k] op(B)[k,n] + beta C. With transA, A
	// is stored as [k,m]; with transB, B is stored as [n,k]. A and B are of T, C is
	// F32 or BF16 whatever T is.
	MatMul(c, a, b Buffer, m, n, k int, transA, transB bool, beta float32)
	// Linear computes y[m,n] = act(x[m,k] w[n,k]^t + bias) + residual; see Epilogue.
	// y, like C, is of a type of its own.
	Linear(y, x, w Buffer, m, n, k int, e Epilogue)
	// LinearBackward computes dw += dy^t x and dbias += the sum of dy's rows, and
	// of an x that was act(Pre) the gradient of Pre, dx = (dy w) * act'(Pre), or
	// without activation dx = dy w + beta dx. dbias and dx may be absent.
	LinearBackward(dx, dw, dbias, dy, x, w Buffer, m, n, k int, e BackwardEpilogue)

	// Bias adds bias[cols] to every row of y[rows,cols], in place.
	Bias(y, bias Buffer, rows, cols int)
	// BiasBackward computes dbias[cols] += the sum of dy's rows.
	BiasBackward(dbias, dy Buffer, rows, cols int)

	// Fill sets every element of T to value.
	Fill(x Buffer, value float32)
	// Sum computes y = a + b; y may be a or b.
	Sum(y, a, b Buffer)
	// Copy computes y = x.
	Copy(y, x Buffer)
	// Blend computes y = keep*y + (1-keep)*x, an average that fades.
	Blend(y, x Buffer, keep float32)
	// Clamp limits x to lo..hi, in place.
	Clamp(x Buffer, lo, hi float32)

	// LayerNorm computes y = (x-mean)*rstd*gain + shift over each row of
	// x[rows,cols], and stats[2*rows] = mean and rstd = 1/sqrt(variance+eps)
	// of each row, in turn.
	LayerNorm(y, stats, x, gain, shift Buffer, rows, cols int, eps float32)
	// LayerNormBackward computes dx (with beta), dgain += and dshift +=.
	LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain Buffer, rows, cols int, beta float32)

	// GELU computes y = x*Phi(x), or with quick y = x*sigmoid(1.702x).
	GELU(y, x Buffer, quick bool)
	// GELUBackward computes dx = dy*y'(x); dx may be dy.
	GELUBackward(dx, dy, x Buffer, quick bool)

	// Attention computes softmax(q k^t / sqrt(width/heads)) v for each head of
	// each sequence. qkv[rows,3*width] holds q, k and v side by side; sequence
	// s is the rows offsets[s]..offsets[s+1]-1. No sequence is longer than
	// longest. With causal, a row sees itself and the rows before it. lse
	// [rows,heads] receives the log-sum-exp of each row's scores.
	Attention(out, lse, qkv, offsets Buffer, a AttentionShape)
	// AttentionBackward computes dqkv, all of it.
	AttentionBackward(dqkv, dout, out, lse, qkv, offsets Buffer, a AttentionShape)

	// Gather computes y[i] = table[ids[i]] + beta y[i] for each of rows rows of
	// cols words; an id below 0 stands for a row of zeros. y is of T; the table is
	// F32, or, where rows are picked out of activations, of T.
	Gather(y, table, ids Buffer, rows, cols int, beta float32)
	// GatherBackward computes dtable[ids[i]] += dy[i]; dtable is of the
	// table's type, and of a table of BF16 no row is named twice.
	GatherBackward(dtable, dy, ids Buffer, rows, cols int)

	// Patchify cuts pictures[batch,3,side,side] into squares of patch pixels:
	// out[batch*(1+n*n), 3*patch*patch] with n = side/patch. Row 0 of each
	// picture is zeros, the place of the class token.
	Patchify(out, pictures Buffer, batch, side, patch int)

	// Unfold cuts pictures[batch,3,side,side] into the windows of a 3x3
	// convolution of stride 2 and padding 1: out[batch*n*n, 27] with n = side/2,
	// channel by channel, row by row.
	Unfold(out, pictures Buffer, batch, side int)

	// The picture operations below take rows of channels: x[batch*side*side,
	// channels], a picture row by row (NHWC).

	// Conv3x3 computes the 3x3 convolution of stride 1 and padding 1 of
	// x[.,in] with w[out,in,3,3]: y[.,out].
	Conv3x3(y, x, w Buffer, c Conv3x3)
	// Conv3x3BackwardData computes dx, all of it.
	Conv3x3BackwardData(dx, dy, w Buffer, c Conv3x3)
	// Conv3x3BackwardWeights computes dw +=.
	Conv3x3BackwardWeights(dw, dy, x Buffer, c Conv3x3)

	// BatchStats computes stats[2*cols] = the mean and 1/sqrt(variance+eps) of
	// each column of x[rows,cols]. Unless running is absent, it moves the
	// running statistics: mean += momentum*(mean of x - mean), the variance
	// likewise with the unbiased variance of x, and count += 1. A column that
	// is not finite moves nothing.
	BatchStats(stats, x Buffer, running Running, rows, cols int, eps, momentum float32)
	// RunningStats computes stats, as BatchStats does, from the running ones.
	RunningStats(stats Buffer, running Running, cols int, eps float32)
	// BatchNorm computes y = (x-mean)*rstd*gain + shift + shortcut, and with
	// relu the larger of that and 0. shortcut may be absent; y may be x or
	// shortcut.
	BatchNorm(y, x, stats, gain, shift, shortcut Buffer, rows, cols int, relu bool)
	// BatchNormBackward computes dx, dgain += and dshift +=. With relu, dy
	// counts only where y > 0. Where there was a shortcut, y is given and dy
	// becomes the shortcut's gradient; otherwise y is absent, its sign is
	// computed again from x, and dx may be dy. dx may be x, too.
	BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, shift, y Buffer, rows, cols int, relu bool)

	// AvgPool computes y = the means of 2x2 squares: y[batch*n*n, cols] with n
	// = side/2. The last row and column of an odd side are in no square.
	AvgPool(y, x Buffer, batch, side, cols int)
	// AvgPoolBackward computes dx (with beta).
	AvgPoolBackward(dx, dy Buffer, batch, side, cols int, beta float32)

	// MeanToken puts the mean of each picture's rows before them: x[batch*n,
	// cols] to y[batch*(1+n), cols].
	MeanToken(y, x Buffer, batch, n, cols int)
	// MeanTokenBackward computes dx, all of it.
	MeanTokenBackward(dx, dy Buffer, batch, n, cols int)

	// AttentionPool lets one query a picture, q[batch,width], attend to its
	// tokens x[batch*tokens,width], with keys k = x wk^t and values v = x wv^t,
	// head by head: out = softmax(q k^t / sqrt(width/heads)) v. A bias of k
	// would change nothing, one of v may be added to out. Neither k nor v need
	// be computed: q k^t is (q wk) x^t, and p v is (p x) wv^t.
	AttentionPool(out, q, x, wk, wv Buffer, a AttentionPool)
	// AttentionPoolBackward computes dq and dx, all of them, and dwk +=, dwv +=.
	AttentionPoolBackward(dq, dx, dwk, dwv, dout, q, x, wk, wv Buffer, a AttentionPool)

	// Normalize computes y = x/|x| for each row, and norm[rows] = |x|.
	Normalize(y, norm, x Buffer, rows, cols int)
	// NormalizeBackward computes dx from dy and the normalised y.
	NormalizeBackward(dx, dy, y, norm Buffer, rows, cols int)

	// Contrastive computes loss[0] = share times the mean of the cross entropies
	// of the rows of S = exp(scale[0]) X Y^t against the diagonal, plus 1-share
	// times that of the columns, for X[n,dim] and Y[n,dim]. lse[2n] receives the
	// log-sum-exp of S's rows, then of its columns. S is never stored whole.
	Contrastive(loss, lse, x, y, scale Buffer, n, dim int, share float32)
	// ContrastiveBackward computes dx, dy and dscale[0] +=.
	ContrastiveBackward(dx, dy, dscale, lse, x, y, scale Buffer, n, dim int, share float32)

	// Siglip computes loss[0] = the sum over i, j of softplus(-z) on the
	// diagonal and softplus(z) elsewhere, over n, with z = exp(scale[0]) X Y^t +
	// bias[0]: SigLIP's pairwise sigmoid loss (arXiv 2303.15343).
	Siglip(loss, x, y, scale, bias Buffer, n, dim int)
	// SiglipBackward computes dx, dy, dscale[0] += and dbias[0] +=.
	SiglipBackward(dx, dy, dscale, dbias, x, y, scale, bias Buffer, n, dim int)

	// CrossEntropy computes loss[0] = the mean over rows of lse[r] - the mean of
	// logits[r,t] over row r's targets t, where row r's targets are
	// targets[offsets[r]..offsets[r+1]-1] and lse[rows] receives the log-sum-exp
	// of logits[rows,classes]: softmax cross entropy against one class a row, or
	// against an even spread over several. A row without targets counts as 0.
	CrossEntropy(loss, lse, logits, targets, offsets Buffer, rows, classes int)
	// CrossEntropyBackward computes dlogits, times weight; it may be logits.
	CrossEntropyBackward(dlogits, lse, logits, targets, offsets Buffer, rows, classes int, weight float32)

	// SquaredNorm computes out[0] = the sum of x's squares.
	SquaredNorm(out, x Buffer)
	// AdamW updates param, m and v of equal length from grad, which is first
	// scaled by min(1, Clip/sqrt(norm2[0])). When norm2[0] is not finite, or above
	// Limit, nothing changes.
	AdamW(param, grad, m, v, norm2 Buffer, a AdamW)
}

// Activation is a function of each element.
type Activation uint8

// Activations.
const (
	NoActivation Activation = iota
	GELU                    // x*Phi(x)
	QuickGELU               // x*sigmoid(1.702x)
)

// Epilogue is what Linear does with a product, while it has it at hand.
type Epilogue struct {
	Bias       Buffer // [n]; may be absent
	Activation Activation
	Pre        Buffer // with an activation receives what it is taken of, [m,n] of y's type; may be absent
	Residual   Buffer // [m,n] of y's type; may be absent, and may be y
}

// BackwardEpilogue is what LinearBackward does with dx.
type BackwardEpilogue struct {
	Beta       float32    // 0 with an activation
	Activation Activation // that of which x is the result
	Pre        Buffer     // with an activation [m,k] of T
}

// Normalization holds mean and deviation of red, green and blue, for values
// from 0 to 1.
type Normalization struct{ Mean, Deviation [3]float32 }

// AttentionShape is the shape of an attention operation.
type AttentionShape struct {
	Rows, Sequences, Longest int
	Width, Heads             int
	Causal                   bool
}

// AdamW holds the figures of one update.
type AdamW struct {
	Rate, Beta1, Beta2, Epsilon, Decay float32
	Clip                               float32 // 0 for no limit
	Limit                              float32 // of norm2, 0 for none
	Correct1, Correct2                 float32 // 1 - beta^t for the update's number t, from 1
}

// Conv3x3 is the shape of a convolution: batch pictures of side*side rows.
type Conv3x3 struct{ Batch, Side, In, Out int }

// Rows is the number of rows of its input and output.
func (c Conv3x3) Rows() int { return c.Batch * c.Side * c.Side }

// Running holds running statistics of columns; Count is one word.
type Running struct{ Mean, Variance, Count Buffer }

// Absent reports whether there are none.
func (r Running) Absent() bool { return r.Mean.Absent() }

// AttentionPool is the shape of an attention pool.
type AttentionPool struct{ Batch, Tokens, Width, Heads int }
