//go:build cuda

package cuda

import (
	"math"

	"github.com/pairloom/pairloom/trainer/device"
)

// onTensorCores tells whether attention64.cu takes a shape: bf16, heads of 64, rows that
// lie at multiples of 16 bytes, and sequences whose elements an int counts.
func onTensorCores(t device.Type, a device.AttentionShape, buffers ...address) bool {
	if t != device.BF16 || a.Width != 64*a.Heads || (a.Longest+256)*3*a.Width > math.MaxInt32 {
		return false
	}
	for _, at := range buffers {
		if at%16 != 0 {
			return false
		}
	}
	return true
}

// short is the number of rows up to which a warp has a head of a sequence for itself, in
// kernels that are launched where sequences are short on the whole.
const short = 16

// A grid of attention decides how busy the card is, never a result.
type attentionGrid struct {
	short        bool // launch what is for short sequences first
	warps, tiles int  // of the others: a block is so many warps of 16 rows, a head so many blocks
}

func gridOf(a device.AttentionShape) attentionGrid {
	groups := (a.Longest + 15) / 16
	g := attentionGrid{short: a.Rows <= 24*a.Sequences, warps: max(1, min(4, groups))}
	if 2*a.Rows >= a.Longest*a.Sequences { // most are long: the blocks whose warps the longest fills best
		for warps := 5; warps <= 8; warps++ {
			if (groups+warps-1)/warps*warps < (groups+g.warps-1)/g.warps*g.warps {
				g.warps = warps
			}
		}
	}
	g.tiles = (groups + g.warps - 1) / g.warps
	return g
}

// shorter is the number of rows up to which sequences have been done.
func (g attentionGrid) shorter() int {
	if g.short {
		return short
	}
	return 0
}

// ofShort is the launch of a kernel for short sequences, four heads a block.
func ofShort(kernel string, a device.AttentionShape, bytes int) launch {
	return launch{kernel: kernel, blocks: [3]int{(a.Heads + 3) / 4 * a.Sequences}, threads: 128, shared: 4 * bytes}
}

// Bytes of n rows of a head of 64 in bf16.
func headBytes(n int) int { return n * 128 }

// Attention computes out = softmax(q k^t / sqrt(size)) v and the rows' lse.
func (d *Device) Attention(out, lse, qkv, offsets device.Buffer, a device.AttentionShape) {
	const op = "attention"
	t := out.Type
	o, l, x, s := active(op, t, out, a.Rows*a.Width), at(op, lse, a.Rows*a.Heads), active(op, t, qkv, a.Rows*3*a.Width), atInts(op, offsets, a.Sequences+1)
	if a.Rows == 0 {
		return
	}
	if !onTensorCores(t, a, o, x) {
		tiles, l16 := ofAnySize(suffixed("attention", t), a)
		d.do(op, l16, o, l, x, s, a.Width, a.Heads, tiles, a.Causal)
		return
	}
	g := gridOf(a)
	if g.short {
		d.do(op, ofShort("attention_64_short", a, headBytes(3*16)), o, l, x, s, a.Width, a.Heads, a.Causal)
	}
	if a.Longest <= g.shorter() {
		return
	}
	stages := min(2, (a.Longest+63)/64)
	d.do(op, launch{kernel: "attention_64", blocks: [3]int{g.tiles * a.Heads * a.Sequences}, threads: 32 * g.warps, shared: headBytes(16*g.warps + 2*64*stages)},
		o, l, x, s, a.Width, a.Heads, g.tiles, g.shorter(), a.Causal)
}

// inOneBlock is the most rows of a sequence whose gradients one block computes at once.
const inOneBlock = 80

// AttentionBackward computes dqkv. Sequences of more than inOneBlock rows take two
// passes: dq, then dk and dv.
func (d *Device) AttentionBackward(dqkv, dout, out, lse, qkv, offsets device.Buffer, a device.AttentionShape) {
	const op = "attention backward"
	t := dqkv.Type
	dx, dy, o := active(op, t, dqkv, a.Rows*3*a.Width), active(op, t, dout, a.Rows*a.Width), active(op, t, out, a.Rows*a.Width)
	l, x, s := at(op, lse, a.Rows*a.Heads), active(op, t, qkv, a.Rows*3*a.Width), atInts(op, offsets, a.Sequences+1)
	if a.Rows == 0 {
		return
	}
	if !onTensorCores(t, a, dx, dy, o, x) {
		sums := d.scratch(op, 4*a.Rows*a.Heads)
		tiles, l16 := ofAnySize(suffixed("attention_backward_queries", t), a)
		d.do(op, l16, dx, sums, dy, o, l, x, s, a.Width, a.Heads, tiles, a.Causal)
		_, l16 = ofAnySize(suffixed("attention_backward_keys", t), a)
		d.do(op, l16, dx, sums, dy, l, x, s, a.Width, a.Heads, tiles, a.Causal)
		return
	}
	g := gridOf(a)
	if g.short {
		d.do(op, ofShort("attention_64_backward_short", a, headBytes(5*16)+2*16*4), dx, dy, o, l, x, s, a.Width, a.Heads, a.Causal)
	}
	long, equal := a.Longest > inOneBlock, a.Rows == a.Longest*a.Sequences
	if a.Longest > g.shorter() && !(long && equal) {
		rows := (min(a.Longest, inOneBlock) + 15) / 16 * 16
		warps := min(4, rows/16)
		d.do(op, launch{kernel: "attention_64_backward", blocks: [3]int{a.Heads * a.Sequences}, threads: 32 * warps, shared: headBytes(4*rows+16*warps) + 2*rows*4},
			dx, dy, o, l, x, s, a.Width, a.Heads, g.shorter(), inOneBlock, a.Causal)
	}
	if !long {
		return
	}
	stats := d.scratch(op, 2*4*a.Rows*a.Heads)
	l64 := launch{kernel: "attention_64_backward_queries", blocks: [3]int{g.tiles * a.Heads * a.Sequences}, threads: 32 * g.warps, shared: headBytes(2*16*g.warps+2*2*64) + 2*2*64*4}
	d.do(op, l64, dx, stats, dy, o, l, x, s, a.Width, a.Heads, g.tiles, inOneBlock, int64(a.Rows), a.Causal)
	l64.kernel = "attention_64_backward_keys"
	d.do(op, l64, dx, stats, dy, x, s, a.Width, a.Heads, g.tiles, inOneBlock, int64(a.Rows), a.Causal)
}

// ofAnySize is the launch of a kernel of attention.cu: a block 16 rows of a head and 64 of
// its columns.
func ofAnySize(kernel string, a device.AttentionShape) (tiles int, l launch) {
	size := a.Width / a.Heads
	tiles = (a.Longest + 15) / 16
	return tiles, launch{kernel: kernel, blocks: [3]int{tiles * ((size + 63) / 64) * a.Heads * a.Sequences}, threads: 128}
}
