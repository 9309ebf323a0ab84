//go:build cuda

package cuda

import "github.com/pairloom/pairloom/trainer/device"

// onTensorCores tells whether attention64.cu takes a shape: bf16, heads of 64, and rows
// that lie at multiples of 16 bytes.
func onTensorCores(t device.Type, a device.AttentionShape, buffers ...address) bool {
	if t != device.BF16 || a.Width != 64*a.Heads {
		return false
	}
	for _, at := range buffers {
		if at%16 != 0 {
			return false
		}
	}
	return true
}

// A grid of attention says how many rows a block has, in warps of 16, and how many heads:
// it decides how busy the card is, never a result.
type attentionGrid struct {
	warps, tiles, each int
}

func gridOf(a device.AttentionShape) attentionGrid {
	groups := (a.Longest + 15) / 16
	g := attentionGrid{warps: 4, each: 1}
	switch {
	case a.Rows <= 24*a.Sequences: // mostly of one warp each: captions
		g.each = min(4, a.Heads)
	case 2*a.Rows < a.Longest*a.Sequences: // ragged
	case groups < 4:
		g.warps = max(1, groups)
	default: // the blocks whose warps are best filled by the longest
		for warps := 5; warps <= 8; warps++ {
			if (groups+warps-1)/warps*warps < (groups+g.warps-1)/g.warps*g.warps {
				g.warps = warps
			}
		}
	}
	g.tiles = (groups + g.warps - 1) / g.warps
	return g
}

// blocks is the launch's grid: a block a tile, a number of heads and a sequence.
func (g attentionGrid) blocks(a device.AttentionShape) [3]int {
	return [3]int{g.tiles * ((a.Heads + g.each - 1) / g.each) * a.Sequences}
}

// Bytes of a tile of n rows of a head of 64 in bf16.
func tileBytes(n int) int { return n * 128 }

// Attention computes out = softmax(q k^t / sqrt(size)) v and the rows' lse.
func (d *Device) Attention(out, lse, qkv, offsets device.Buffer, a device.AttentionShape) {
	const op = "attention"
	t := out.Type
	o, l, x, s := active(op, t, out, a.Rows*a.Width), at(op, lse, a.Rows*a.Heads), active(op, t, qkv, a.Rows*3*a.Width), atInts(op, offsets, a.Sequences+1)
	if a.Rows == 0 {
		return
	}
	if !onTensorCores(t, a, o, x) {
		tiles, blocks := generalGrid(a)
		d.do(op, launch{kernel: suffixed("attention", t), blocks: blocks, threads: 128}, o, l, x, s, a.Width, a.Heads, tiles, a.Causal)
		return
	}
	g, stages := gridOf(a), 1
	if a.Longest > 64 {
		stages = 2
	}
	shared := max(tileBytes(16*g.warps+2*64*stages), g.warps*tileBytes(3*16))
	d.do(op, launch{kernel: "attention_64", blocks: g.blocks(a), threads: 32 * g.warps, shared: shared},
		o, l, x, s, a.Width, a.Heads, g.each, g.tiles, stages, a.Causal)
}

// inOneBlock is the most rows of a sequence whose gradients one block computes at once.
const inOneBlock = 80

// AttentionBackward computes dqkv. What is longer than a block's tiles takes two passes,
// for dq and for dk and dv.
func (d *Device) AttentionBackward(dqkv, dout, out, lse, qkv, offsets device.Buffer, a device.AttentionShape) {
	const op = "attention backward"
	t := dqkv.Type
	dx, dy, o := active(op, t, dqkv, a.Rows*3*a.Width), active(op, t, dout, a.Rows*a.Width), active(op, t, out, a.Rows*a.Width)
	l, x, s := at(op, lse, a.Rows*a.Heads), active(op, t, qkv, a.Rows*3*a.Width), atInts(op, offsets, a.Sequences+1)
	if a.Rows == 0 {
		return
	}
	if !onTensorCores(t, a, dx, dy, o, x) {
		tiles, blocks := generalGrid(a)
		sums := d.scratch(op, 4*a.Rows*a.Heads)
		d.do(op, launch{kernel: suffixed("attention_backward_queries", t), blocks: blocks, threads: 128}, dx, sums, dy, o, l, x, s, a.Width, a.Heads, tiles, a.Causal)
		d.do(op, launch{kernel: suffixed("attention_backward_keys", t), blocks: blocks, threads: 128}, dx, sums, dy, l, x, s, a.Width, a.Heads, tiles, a.Causal)
		return
	}
	g := gridOf(a)
	small, groups := attentionGrid{warps: 4, tiles: 1, each: g.each}, (min(a.Longest, inOneBlock)+15)/16
	longer := a.Longest > inOneBlock
	shared := max(tileBytes(4*16*groups+16*small.warps)+8*16*groups, small.warps*(tileBytes(5*16)+128))
	if !longer || a.Rows < a.Longest*a.Sequences { // some are short
		d.do(op, launch{kernel: "attention_64_backward", blocks: small.blocks(a), threads: 32 * small.warps, shared: shared},
			dx, dy, o, l, x, s, a.Width, a.Heads, small.each, groups, a.Causal)
	}
	if !longer {
		return
	}
	g.each = 1
	stats := d.scratch(op, 8*a.Rows*a.Heads)
	shared = tileBytes(2*16*g.warps+2*2*64) + 2*2*64*4
	d.do(op, launch{kernel: "attention_64_backward_queries", blocks: g.blocks(a), threads: 32 * g.warps, shared: shared},
		dx, stats, dy, o, l, x, s, a.Width, a.Heads, g.tiles, 16*groups, int64(a.Rows), a.Causal)
	d.do(op, launch{kernel: "attention_64_backward_keys", blocks: g.blocks(a), threads: 32 * g.warps, shared: shared},
		dx, stats, dy, x, s, a.Width, a.Heads, g.tiles, 16*groups, int64(a.Rows), a.Causal)
}

// generalGrid is that of attention.cu: a block 16 rows of a head and 64 of its columns.
func generalGrid(a device.AttentionShape) (tiles int, blocks [3]int) {
	size := a.Width / a.Heads
	tiles = (a.Longest + 15) / 16
	return tiles, [3]int{tiles * ((size + 63) / 64) * a.Heads * a.Sequences}
}
