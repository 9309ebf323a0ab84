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

// A stored matrix is one of a batch in memory: rows that lie ld elements apart, from an offset.
type stored struct {
	rows, cols, ld, offset, batch, stride int
}

func (s stored) words() int { return s.offset + (s.batch-1)*s.stride + (s.rows-1)*s.ld + s.cols }

func (s stored) at(b, row, col int) int { return s.offset + b*s.stride + row*s.ld + col }

// rounded is x to the precision of t.
func rounded(t device.Type, x float32) float32 {
	if t == device.BF16 {
		b := math.Float32bits(x)
		return math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
	}
	return x
}

// upload writes values, which t has, to memory of its own.
func upload(t *testing.T, d *Device, typ device.Type, values []float32) device.Buffer {
	t.Helper()
	bytes := make([]byte, 0, len(values)*typ.Bytes())
	for _, v := range values {
		b := math.Float32bits(v)
		if typ == device.F32 {
			bytes = append(bytes, byte(b), byte(b>>8))
		}
		bytes = append(bytes, byte(b>>16), byte(b>>24))
	}
	m, err := d.Alloc(len(bytes))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Free)
	d.WriteBytes(device.Whole(m, device.U8), bytes)
	return device.Whole(m, typ)
}

// download reads x back; two bf16 travel in a word.
func download(t *testing.T, d *Device, x device.Buffer) []float32 {
	t.Helper()
	words := make([]float32, x.Memory.Bytes()/4)
	if err := d.Read(words, device.Whole(x.Memory, device.F32)); err != nil {
		t.Fatal(err)
	}
	if x.Type == device.F32 {
		return words
	}
	out := make([]float32, 0, 2*len(words))
	for _, w := range words {
		b := math.Float32bits(w)
		out = append(out, math.Float32frombits(b<<16), math.Float32frombits(b&0xffff0000))
	}
	return out
}

func TestOwnProduct(t *testing.T) {
	for _, s := range []struct {
		what                           string
		m, n, k                        int
		extraA, extraB, extraC, offset int // elements between rows, and before the first
		batch                          int
	}{
		{"one of each", 1, 1, 1, 0, 0, 0, 0, 1},
		{"chunks of 16 bytes", 136, 72, 40, 0, 0, 0, 0, 1},
		{"several tiles", 136, 136, 72, 0, 0, 0, 0, 1},
		{"odd edges", 131, 9, 35, 0, 0, 0, 0, 1},
		{"one row", 1, 129, 51, 0, 0, 0, 0, 1},
		{"one column", 129, 1, 27, 0, 0, 0, 0, 1},
		{"rows apart", 24, 16, 48, 8, 16, 24, 8, 1},
		{"rows oddly apart", 24, 16, 48, 1, 3, 5, 3, 1},
		{"nothing to sum", 5, 3, 0, 1, 1, 0, 0, 1},
		{"a long side", 16, 8, 1024, 0, 0, 0, 0, 1},
		{"a long odd side", 7, 3, 1027, 0, 0, 3, 1, 1},
		{"a batch", 16, 24, 32, 0, 0, 0, 0, 3},
		{"a batch, oddly apart", 7, 5, 60, 1, 0, 2, 1, 3},
	} {
		t.Run(s.what, func(t *testing.T) {
			d := open(t)
			t.Cleanup(func() {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
			for i := range 32 {
				p := product{m: s.m, n: s.n, k: s.k, transA: i&1 != 0, transB: i&2 != 0, beta: float32(i >> 2 & 1), in: device.Type(i >> 3 & 1), out: device.Type(i >> 4 & 1), batch: s.batch}
				name := fmt.Sprintf("trans %v %v, beta %g, %s to %s", p.transA, p.transB, p.beta, p.in, p.out)
				checkProduct(t, d, name, p, s.extraA, s.extraB, s.extraC, s.offset)
			}
		})
	}
}

func checkProduct(t *testing.T, d *Device, name string, p product, extraA, extraB, extraC, offset int) {
	t.Helper()
	lay := func(rows, cols, extra int, trans bool) stored {
		if trans {
			rows, cols = cols, rows
		}
		s := stored{rows: rows, cols: cols, ld: cols + extra, offset: offset, batch: p.batch}
		s.stride = max(1, s.rows) * s.ld
		return s
	}
	a, b, c := lay(p.m, p.k, extraA, p.transA), lay(p.k, p.n, extraB, p.transB), lay(p.m, p.n, extraC, false)
	random := rand.New(rand.NewPCG(3, uint64(p.m*p.n*(1+p.k))))
	draw := func(typ device.Type, s stored) []float32 {
		values := make([]float32, (max(1, s.words())+1)&^1)
		for i := range values {
			values[i] = rounded(typ, float32(random.NormFloat64()))
		}
		return values
	}
	va, vb, vc := draw(p.in, a), draw(p.in, b), draw(p.out, c)
	const op = "product"
	address := func(typ device.Type, values []float32) (device.Buffer, address) {
		buffer := upload(t, d, typ, values)
		return buffer, typed(op, typ, buffer, len(values)) + address(offset*typ.Bytes())
	}
	_, p.a = address(p.in, va)
	_, p.b = address(p.in, vb)
	p.lda, p.ldb, p.ldc, p.strideA, p.strideB, p.strideC = a.ld, b.ld, c.ld, a.stride, b.stride, c.stride
	var runs [2][]float32
	for i := range runs {
		buffer, to := address(p.out, vc)
		p.c = to
		d.ownProduct(op, p)
		runs[i] = download(t, d, buffer)
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Errorf("%s: two runs differ", name)
	}
	want, size, share := slices.Clone(vc), math.Sqrt(float64(1+p.k)), 0.0
	if p.out == device.BF16 {
		share = 1.0 / 256 // rounded once
	}
	for l := range p.batch {
		for i := range p.m {
			for j := range p.n {
				var sum float64
				for x := range p.k {
					ia, ib := a.at(l, i, x), b.at(l, x, j)
					if p.transA {
						ia = a.at(l, x, i)
					}
					if p.transB {
						ib = b.at(l, j, x)
					}
					sum += float64(va[ia]) * float64(vb[ib])
				}
				if p.beta != 0 {
					sum += float64(vc[c.at(l, i, j)])
				}
				want[c.at(l, i, j)] = float32(sum)
			}
		}
	}
	inside := map[int]bool{}
	for l := range p.batch {
		for i := range p.m {
			for j := range p.n {
				inside[c.at(l, i, j)] = true
			}
		}
	}
	for i, w := range want {
		e := math.Abs(float64(runs[0][i]) - float64(w))
		if inside[i] && !(e <= 5e-6*max(size, math.Abs(float64(w)))+share*math.Abs(float64(w))) || !inside[i] && e != 0 {
			t.Errorf("%s: element %d is %g, want %g", name, i, runs[0][i], w)
			return
		}
	}
}
