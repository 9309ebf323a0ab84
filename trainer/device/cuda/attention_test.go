//go:build cuda

package cuda

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// attends runs attention forward and back, over the rows of qkv and dout.
func attends(b *desk, qkv, dout device.Buffer, lengths []int, heads int, causal bool) []device.Buffer {
	offsets, rows := []int32{0}, 0
	for _, n := range lengths {
		rows += n
		offsets = append(offsets, int32(rows))
	}
	width := dout.Len / max(1, rows)
	a := device.AttentionShape{Rows: rows, Sequences: len(lengths), Longest: slices.Max(lengths), Width: width, Heads: heads, Causal: causal}
	at, out, lse, dqkv := b.ints(offsets), b.room(qkv.Type, rows*width), b.room(device.F32, rows*heads), b.room(qkv.Type, rows*3*width)
	b.Attention(out, lse, qkv, at, a)
	b.AttentionBackward(dqkv, dout, out, lse, qkv, at, a)
	return []device.Buffer{out, lse, dqkv}
}

// weights is a buffer of n numbers from -0.17 to 0.17.
func (b *desk) weights(t device.Type, n int) device.Buffer {
	values := make([]float32, n)
	for i := range values {
		values[i] = b.random.Float32()*0.34 - 0.17
	}
	x := b.room(device.F32, n)
	b.Write(x, values)
	if t == device.F32 {
		return x
	}
	y := b.room(t, n)
	b.Convert(y, x)
	return y
}

// Whatever else is in the batch, and so whichever kernels and grids it takes, the rows of
// a sequence come out the same to the bit.
func TestAttentionOfASequenceStandsAlone(t *testing.T) {
	const heads, width = 3, 3 * 64
	for _, lengths := range [][]int{{15, 1, 16, 3}, {17, 50, 16, 5, 80}, {100, 9, 65, 33}} {
		for _, causal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, causal %v", lengths, causal), func(t *testing.T) {
				b, rows := newDesk(t, card(t), false), 0
				for _, n := range lengths {
					rows += n
				}
				qkv, dout := b.draw(device.BF16, rows*3*width), b.draw(device.BF16, rows*width)
				together, from := attends(b, qkv, dout, lengths, heads, causal), 0
				for _, n := range lengths {
					alone := attends(b, qkv.Slice(from*3*width, n*3*width), dout.Slice(from*width, n*width), []int{n}, heads, causal)
					for i, cols := range []int{width, heads, 3 * width} {
						if !slices.Equal(b.read(alone[i]), b.read(together[i].Slice(from*cols, n*cols))) {
							t.Errorf("%s of the sequence of %d rows is another one alone", []string{"out", "lse", "dqkv"}[i], n)
						}
					}
					from += n
				}
			})
		}
	}
}

// TestAttention holds attention and its pool against the reference backend where the
// conformance suite does not go: captions, heads of one block and of two passes side by
// side, heads that are wide, rows that do not lie at multiples of 16 bytes, and a pool of
// more pictures than it takes at once.
func TestAttention(t *testing.T) {
	type operation struct {
		name string
		run  func(b *desk, t device.Type) []device.Buffer
	}
	defer func(words int) { poolWords = words }(poolWords)
	poolWords = 1000 // three pictures of the pool of seven
	var list []operation
	for _, s := range []struct {
		lengths     []int
		heads, size int
		causal      bool
	}{
		{[]int{8, 15, 16, 31, 3}, 5, 64, true},
		{[]int{50, 50, 50}, 2, 64, false},
		{[]int{77, 81, 80, 1}, 1, 64, true},
		{[]int{17, 40}, 2, 130, true},
	} {
		list = append(list, operation{fmt.Sprintf("%v, %d heads of %d", s.lengths, s.heads, s.size), func(b *desk, t device.Type) []device.Buffer {
			rows := 0
			for _, n := range s.lengths {
				rows += n
			}
			width := s.heads * s.size
			return attends(b, b.draw(t, rows*3*width), b.draw(t, rows*width), s.lengths, s.heads, s.causal)
		}})
	}
	for _, a := range []device.AttentionPool{{Batch: 3, Tokens: 70, Width: 258, Heads: 3}, {Batch: 2, Tokens: 5, Width: 70, Heads: 35}, {Batch: 7, Tokens: 9, Width: 80, Heads: 4}, {Tokens: 5, Width: 64, Heads: 1}} {
		list = append(list, operation{fmt.Sprintf("pool of %d by %d by %d, %d heads", a.Batch, a.Tokens, a.Width, a.Heads), func(b *desk, t device.Type) []device.Buffer {
			w := a.Width
			q, x, dout := b.draw(t, a.Batch*w), b.draw(t, a.Batch*a.Tokens*w), b.draw(t, a.Batch*w)
			wk, wv := b.weights(t, w*w), b.weights(t, w*w)
			out, dq, dx := b.room(t, a.Batch*w), b.room(t, a.Batch*w), b.room(t, a.Batch*a.Tokens*w)
			dwk, dwv := b.draw(device.F32, w*w), b.draw(device.F32, w*w)
			b.AttentionPool(out, q, x, wk, wv, a)
			b.AttentionPoolBackward(dq, dx, dwk, dwv, dout, q, x, wk, wv, a)
			return []device.Buffer{out, dq, dx, dwk, dwv}
		}})
	}
	for _, op := range list {
		for _, typ := range []device.Type{device.F32, device.BF16} {
			for _, askew := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, askew %v", op.name, typ, askew), func(t *testing.T) {
					truth, b := newDesk(t, reference.New(), false), newDesk(t, device.Strict{Device: card(t)}, askew)
					limit := map[device.Type]float64{device.F32: 1e-5, device.BF16: 1e-2}[typ]
					wanted, got := op.run(truth, typ), op.run(b, typ)
					for i := range wanted {
						near(t, fmt.Sprintf("result %d", i), b.read(got[i]), truth.read(wanted[i]), limit)
					}
				})
			}
		}
	}
}
