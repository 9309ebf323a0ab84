//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// attended is what attention gives for sequences of these lengths, whose rows of qkv and
// dout begin at row from of those that the seed draws: out, lse and dqkv. askew moves
// each buffer by so many elements.
func attended(t *testing.T, d *Device, typ device.Type, from int, lengths []int, heads int, causal bool, askew int) (out, lse, dqkv []float32) {
	t.Helper()
	offsets, rows := []int32{0}, 0
	for _, n := range lengths {
		rows += n
		offsets = append(offsets, int32(rows))
	}
	width := 64 * heads
	a := device.AttentionShape{Rows: rows, Sequences: len(lengths), Longest: slices.Max(lengths), Width: width, Heads: heads, Causal: causal}
	var held []device.Memory
	alloc := func(typ device.Type, n int) device.Buffer {
		m, err := d.Alloc((n + askew) * typ.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, m)
		return device.Whole(m, typ).Slice(askew, n)
	}
	draw := func(seed uint64, cols int) device.Buffer {
		random, values := rand.New(rand.NewPCG(seed, 3)), make([]float32, (from+rows)*cols)
		for i := range values {
			values[i] = float32(random.NormFloat64())
		}
		wide, x := alloc(device.F32, rows*cols), alloc(typ, rows*cols)
		d.Write(wide, values[from*cols:])
		d.Convert(x, wide)
		return x
	}
	read := func(x device.Buffer) []float32 {
		wide, values := alloc(device.F32, x.Len), make([]float32, x.Len)
		d.Convert(wide, x)
		if err := d.Read(values, wide); err != nil {
			t.Fatal(err)
		}
		return values
	}
	at := alloc(device.I32, len(offsets))
	d.WriteInts(at, offsets)
	qkv, dout := draw(1, 3*width), draw(2, width)
	y, l, dx := alloc(typ, rows*width), alloc(device.F32, rows*heads), alloc(typ, rows*3*width)
	d.Attention(y, l, qkv, at, a)
	d.AttentionBackward(dx, dout, y, l, qkv, at, a)
	out, lse, dqkv = read(y), make([]float32, rows*heads), read(dx)
	if err := d.Read(lse, l); err != nil {
		t.Fatal(err)
	}
	for _, m := range held {
		m.Free()
	}
	return out, lse, dqkv
}

// Whatever else is in the batch, and so whichever kernels and grids it takes, the rows of
// a sequence come out the same to the bit.
func TestAttentionOfASequenceStandsAlone(t *testing.T) {
	d := open(t)
	defer d.Close()
	const heads = 3
	for _, lengths := range [][]int{{15, 1, 16, 3}, {17, 50, 16, 5, 80}, {100, 9, 65, 33}} {
		for _, causal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, causal %v", lengths, causal), func(t *testing.T) {
				out, lse, dqkv := attended(t, d, device.BF16, 0, lengths, heads, causal, 0)
				from := 0
				for _, n := range lengths {
					gotOut, gotLSE, gotDqkv := attended(t, d, device.BF16, from, []int{n}, heads, causal, 0)
					for name, pair := range map[string][2][]float32{
						"out":  {gotOut, out[from*64*heads:][:n*64*heads]},
						"lse":  {gotLSE, lse[from*heads:][:n*heads]},
						"dqkv": {gotDqkv, dqkv[from*3*64*heads:][:n*3*64*heads]},
					} {
						if !slices.Equal(pair[0], pair[1]) {
							t.Errorf("%s of the sequence of %d rows is another one alone", name, n)
						}
					}
					from += n
				}
			})
		}
	}
}

// Rows that do not lie at multiples of 16 bytes take other kernels: the results are the
// same but for rounding.
func TestAttentionOfRowsAskew(t *testing.T) {
	d := open(t)
	defer d.Close()
	for _, causal := range []bool{false, true} {
		var even, askew [3][]float32
		even[0], even[1], even[2] = attended(t, d, device.BF16, 0, []int{33, 5}, 2, causal, 0)
		askew[0], askew[1], askew[2] = attended(t, d, device.BF16, 0, []int{33, 5}, 2, causal, 1)
		for i, name := range []string{"out", "lse", "dqkv"} {
			for j, x := range even[i] {
				if e := math.Abs(float64(x - askew[i][j])); !(e <= 1e-2*max(0.2, math.Abs(float64(x)))) {
					t.Fatalf("causal %v: %s[%d] is %g askew, %g otherwise", causal, name, j, askew[i][j], x)
				}
			}
		}
	}
}
