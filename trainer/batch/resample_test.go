package batch

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainly is the resampler as Pillow's documentation and source describe it, one weight
// after another, for a crop of p.
func plainly(p *picture, v view) []byte {
	pass := func(a axis, at func(i, c int) byte, c int) (out []byte) {
		wide := max(1, a.ratio)
		for o := range a.out {
			centre := a.start + (float64(a.from+o)+0.5)*a.ratio
			first, last := max(0, int(centre-2*wide+0.5)), min(a.in, int(centre+2*wide+0.5))
			weights, sum := []float64{}, 0.0
			for i := first; i < last; i++ {
				x := math.Abs((float64(i) - centre + 0.5) * (1 / wide))
				w := 0.0
				if x < 1 {
					w = (1.5*x-2.5)*x*x + 1
				} else if x < 2 {
					w = (((x-5)*x+8)*x - 4) * -0.5
				}
				weights, sum = append(weights, w), sum+w
			}
			total := 1 << 21
			for i, w := range weights {
				total += int(math.Round(w/sum*(1<<22))) * int(at(first+i, c))
			}
			out = append(out, byte(min(max(total>>22, 0), 255)))
		}
		return out
	}
	across := func(rows int, row func(y int) func(x, c int) byte) [][]byte {
		var out [][]byte
		for y := range rows {
			line := make([]byte, 3*v.x.out)
			for c := range 3 {
				for x, b := range pass(v.x, row(y), c) {
					line[3*x+c] = b
				}
			}
			out = append(out, line)
		}
		return out
	}
	down := func(columns int, at func(y, i int) byte) [][]byte {
		out := make([][]byte, v.y.out)
		for i := range columns {
			for y, b := range pass(v.y, at, i) {
				out[y] = append(out[y], b)
			}
		}
		return out
	}
	at := func(x, y, c int) byte { return p.rgb[3*((y+v.top-p.y)*p.width+x+v.left-p.x)+c] }
	if v.downFirst() == 1 {
		lines := down(3*v.x.in, func(y, i int) byte { return at(i/3, y, i%3) })
		return slices.Concat(across(v.y.out, func(y int) func(x, c int) byte {
			return func(x, c int) byte { return lines[y][3*x+c] }
		})...)
	}
	lines := across(v.y.in, func(y int) func(x, c int) byte { return func(x, c int) byte { return at(x, y, c) } })
	return slices.Concat(down(3*v.x.out, func(y, i int) byte { return lines[y][i] })...)
}

func noise(r *rand.Rand, width, height int) *picture {
	p := &picture{}
	p.take(rectangle{0, 0, width, height})
	for i := range p.rgb {
		p.rgb[i] = byte(r.IntN(256))
		if r.IntN(4) == 0 { // edges of black and white make the sums that go out of range
			p.rgb[i] = byte(255 * r.IntN(2))
		}
	}
	return p
}

// TestResample holds each kind of processor that this one can be against plain loops.
func TestResample(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		p := noise(r, 1+r.IntN(90), 1+r.IntN(90))
		if r.IntN(10) == 0 {
			p = noise(r, 1+r.IntN(3), 300+r.IntN(300))
		}
		w, h := 1+r.IntN(p.width), 1+r.IntN(p.height)
		toW, toH := 1+r.IntN(100), 1+r.IntN(100)
		x, y := r.IntN(toW), r.IntN(toH)
		v := view{
			x: scaled(w, toW, x, 1+r.IntN(toW-x)), y: scaled(h, toH, y, 1+r.IntN(toH-y)),
			left: r.IntN(p.width - w + 1), top: r.IntN(p.height - h + 1),
		}
		want := plainly(p, v)
		for level := range 3 {
			if levels&(1<<level) == 0 {
				continue
			}
			s := resampler{level: level + 1}
			got := bytes.Repeat([]byte{0x5A}, len(want)+slack)
			if err := s.resample(got[:len(want)], p, v); err != nil {
				t.Fatal(err)
			}
			s.close()
			if !bytes.Equal(got[:len(want)], want) {
				t.Fatalf("level %d: %d by %d pixels, view %+v: differs", level, p.width, p.height, v)
			}
			if !bytes.Equal(got[len(want):], bytes.Repeat([]byte{0x5A}, slack)) {
				t.Fatalf("level %d: view %+v: writes beyond its end", level, v)
			}
		}
	}
}

// TestResampleOfPart gives the resampler the view's region alone.
func TestResampleOfPart(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var s resampler
	defer s.close()
	for range 200 {
		p := noise(r, 30+r.IntN(90), 30+r.IntN(90))
		n := 4 + r.IntN(60)
		toW, toH := shortTo(p.width, p.height, n)
		v := squareOf(p.width, p.height, n, r.IntN(toW-n+1), r.IntN(toH-n+1))
		var part picture
		part.take(v.region())
		for y := range part.height {
			copy(part.rgb[3*part.width*y:][:3*part.width], p.rgb[3*((part.y+y)*p.width+part.x):])
		}
		got := make([]byte, 3*n*n)
		if err := s.resample(got, &part, v); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, plainly(p, v)) {
			t.Fatalf("%d by %d pixels, view %+v: the region %v does not do", p.width, p.height, v, part.rectangle)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	p := noise(rand.New(rand.NewPCG(5, 6)), 341, 256)
	for level := range 3 {
		if levels&(1<<level) == 0 {
			continue
		}
		for _, n := range []int{64, 112, 224} {
			b.Run(fmt.Sprintf("level=%d/resolution=%d", level, n), func(b *testing.B) {
				s := resampler{level: level + 1}
				defer s.close()
				rgb := make([]byte, 3*n*n)
				for b.Loop() {
					if err := s.resample(rgb, p, squareOf(p.width, p.height, n, n/8, 0)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
