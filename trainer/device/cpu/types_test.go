package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// A lab runs operations with activations of type t on random inputs, the same
// for each type, and keeps what they leave.
type lab struct {
	*Device
	t       *testing.T
	of      device.Type
	random  *rand.Rand
	held    []device.Memory
	results []device.Buffer
}

func (l *lab) alloc(t device.Type, n int) device.Buffer {
	m, err := l.Alloc(n * t.Bytes())
	if err != nil {
		l.t.Fatal(err)
	}
	l.held = append(l.held, m)
	return device.Whole(m, t).Slice(0, n)
}

// numbers are n numbers that bf16 holds exactly.
func (l *lab) numbers(n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = math.Float32frombits(math.Float32bits(float32(l.random.NormFloat64())) &^ 0xffff)
	}
	return values
}

// active are n activations, f32 other numbers.
func (l *lab) active(n int) device.Buffer {
	wide := l.f32(n)
	if l.of == device.F32 {
		return wide
	}
	x := l.alloc(l.of, n)
	l.Convert(x, wide)
	return x
}

func (l *lab) f32(n int) device.Buffer {
	x := l.alloc(device.F32, n)
	l.Write(x, l.numbers(n))
	return x
}

func (l *lab) filled(n int, value float32) device.Buffer {
	x := l.alloc(device.F32, n)
	l.Fill(x, value)
	return x
}

func (l *lab) ints(values ...int32) device.Buffer {
	x := l.alloc(device.I32, len(values))
	l.WriteInts(x, values)
	return x
}

// leaves says which buffers hold results.
func (l *lab) leaves(results ...device.Buffer) { l.results = append(l.results, results...) }

// run returns the results as float32, and of which type each was.
func run(t *testing.T, d *Device, of device.Type, operate func(l *lab)) ([][]float32, []device.Type) {
	t.Helper()
	l := &lab{Device: d, t: t, of: of, random: rand.New(rand.NewPCG(1, 2))}
	operate(l)
	var out [][]float32
	var types []device.Type
	for _, r := range l.results {
		types = append(types, r.Type)
		if r.Type == device.BF16 {
			wide := l.alloc(device.F32, r.Len)
			l.Convert(wide, r)
			r = wide
		}
		got := make([]float32, r.Len)
		if err := l.Read(got, r); err != nil {
			t.Fatal(err)
		}
		out = append(out, got)
	}
	for _, m := range l.held {
		m.Free()
	}
	return out, types
}

// rows and cols are no multiples of any register, tile, strip or chunk, and
// enough for all threads to have work.
const rows, cols = 301, 257

// operations are those that have activations, apart from the products. exact
// are those that compute each element by itself: there the bf16 kernel's
// result is the f32 kernel's, rounded.
var operations = []struct {
	name  string
	exact bool
	run   func(l *lab)
}{
	{"fill", true, func(l *lab) {
		x := l.active(rows * cols)
		l.Fill(x, 0.1)
		l.leaves(x)
	}},
	{"copy", true, func(l *lab) {
		x, y := l.active(rows*cols), l.active(rows*cols)
		l.Copy(y, x)
		l.leaves(y)
	}},
	{"sum", true, func(l *lab) {
		a, b := l.active(rows*cols), l.active(rows*cols)
		y := l.active(rows * cols)
		l.Sum(y, a, b)
		l.Sum(a, a, b)
		l.Sum(b, b, b)
		l.leaves(y, a, b)
	}},
	{"pixels", true, func(l *lab) {
		const batch, side = 3, 67
		bytes := make([]byte, batch*side*side*3)
		for i := range bytes {
			bytes[i] = byte(l.random.Uint32())
		}
		pictures, out := l.alloc(device.U8, len(bytes)), l.active(len(bytes))
		l.WriteBytes(pictures, bytes)
		l.Pixels(out, pictures, batch, side, device.Normalization{Mean: [3]float32{0.48, 0.45, 0.4}, Deviation: [3]float32{0.27, 0.26, 0.28}})
		l.leaves(out)
	}},
	{"bias", true, func(l *lab) {
		y := l.active(rows * cols)
		l.Bias(y, l.f32(cols), rows, cols)
		l.leaves(y)
	}},
	{"bias backward", false, func(l *lab) {
		db := l.f32(cols)
		l.BiasBackward(db, l.active(rows*cols), rows, cols)
		l.leaves(db)
	}},
	{"layer norm", false, func(l *lab) {
		x, gain, shift, stats := l.active(rows*cols), l.f32(cols), l.f32(cols), l.f32(2*rows)
		y := l.active(rows * cols)
		l.LayerNorm(y, stats, x, gain, shift, rows, cols, 1e-5)
		l.leaves(y, stats)
	}},
	{"layer norm backward", false, func(l *lab) {
		x, dy, gain, stats := l.active(rows*cols), l.active(rows*cols), l.f32(cols), l.filled(2*rows, 0.5)
		dx, added, dgain, dshift := l.active(rows*cols), l.active(rows*cols), l.f32(cols), l.f32(cols)
		l.LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain, rows, cols, 0)
		l.LayerNormBackward(added, dgain, dshift, dy, stats, x, gain, rows, cols, 1)
		l.leaves(dx, added, dgain, dshift)
	}},
	{"gelu", true, func(l *lab) {
		x := l.active(rows * cols)
		y, quick := l.active(rows*cols), l.active(rows*cols)
		l.GELU(y, x, false)
		l.GELU(quick, x, true)
		l.leaves(y, quick)
	}},
	{"gelu backward", true, func(l *lab) {
		x, dy := l.active(rows*cols), l.active(rows*cols)
		dx, quick := l.active(rows*cols), l.active(rows*cols)
		l.GELUBackward(dx, dy, x, false)
		l.GELUBackward(quick, dy, x, true)
		l.GELUBackward(dy, dy, x, false)
		l.leaves(dx, quick, dy)
	}},
	{"attention", false, func(l *lab) { attend(l, false) }},
	{"causal attention", false, func(l *lab) { attend(l, true) }},
	{"gather", true, func(l *lab) {
		table, ids := l.f32(7*cols), l.ids(7)
		y, added, halved := l.active(rows*cols), l.active(rows*cols), l.active(rows*cols)
		l.Gather(y, table, ids, rows, cols, 0)
		l.Gather(added, table, ids, rows, cols, 1)
		l.Gather(halved, table, ids, rows, cols, 0.5)
		l.leaves(y, added, halved)
	}},
	{"gather backward", true, func(l *lab) {
		dtable := l.f32(7 * cols)
		l.GatherBackward(dtable, l.active(rows*cols), l.ids(7), rows, cols)
		l.leaves(dtable)
	}},
	{"patchify", true, func(l *lab) {
		const batch, side, patch = 3, 35, 7
		out := l.active(batch * (1 + 25) * 3 * patch * patch)
		l.Patchify(out, l.active(batch*3*side*side), batch, side, patch)
		l.leaves(out)
	}},
	{"unfold", true, func(l *lab) {
		const batch, side = 3, 34
		out := l.active(batch * 17 * 17 * 27)
		l.Unfold(out, l.active(batch*3*side*side), batch, side)
		l.leaves(out)
	}},
	{"batch statistics", false, func(l *lab) {
		stats, running := l.f32(2*cols), device.Running{Mean: l.f32(cols), Variance: l.f32(cols), Count: l.f32(1)}
		l.BatchStats(stats, l.active(rows*cols), running, rows, cols, 1e-5, 0.1)
		l.leaves(stats, running.Mean, running.Variance, running.Count)
	}},
	{"batch norm", true, func(l *lab) {
		x, shortcut, stats, gain, shift := l.active(rows*cols), l.active(rows*cols), l.f32(2*cols), l.f32(cols), l.f32(cols)
		for _, relu := range []bool{false, true} {
			for _, shortcut := range []device.Buffer{{}, shortcut} {
				y := l.active(rows * cols)
				l.BatchNorm(y, x, stats, gain, shift, shortcut, rows, cols, relu)
				l.leaves(y)
			}
		}
		l.BatchNorm(shortcut, x, stats, gain, shift, shortcut, rows, cols, true)
		l.BatchNorm(x, x, stats, gain, shift, device.Buffer{}, rows, cols, true)
		l.leaves(shortcut, x)
	}},
	{"batch norm backward", false, func(l *lab) {
		stats, gain, shift := l.filled(2*cols, 0.5), l.f32(cols), l.f32(cols)
		for _, relu := range []bool{false, true} {
			for _, into := range []string{"dx", "dy", "x"} {
				x, dy, dgain, dshift := l.active(rows*cols), l.active(rows*cols), l.f32(cols), l.f32(cols)
				dx := map[string]device.Buffer{"dx": l.active(rows * cols), "dy": dy, "x": x}[into]
				l.BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, shift, device.Buffer{}, rows, cols, relu)
				l.leaves(dx, dgain, dshift)
			}
		}
		x, y, dy, dx, dgain, dshift := l.active(rows*cols), l.active(rows*cols), l.active(rows*cols), l.active(rows*cols), l.f32(cols), l.f32(cols)
		l.BatchNormBackward(dx, dgain, dshift, dy, x, stats, gain, shift, y, rows, cols, true)
		l.leaves(dx, dy, dgain, dshift)
	}},
	{"average pool", true, func(l *lab) {
		const batch, side = 3, 15
		y := l.active(batch * 49 * cols)
		l.AvgPool(y, l.active(batch*side*side*cols), batch, side, cols)
		l.leaves(y)
	}},
	{"average pool backward", true, func(l *lab) {
		const batch, side = 3, 15
		dy, dx, added := l.active(batch*49*cols), l.active(batch*side*side*cols), l.active(batch*side*side*cols)
		l.AvgPoolBackward(dx, dy, batch, side, cols, 0)
		l.AvgPoolBackward(added, dy, batch, side, cols, 1)
		l.leaves(dx, added)
	}},
	{"mean token", true, func(l *lab) {
		y := l.active(3 * 50 * cols)
		l.MeanToken(y, l.active(3*49*cols), 3, 49, cols)
		l.leaves(y)
	}},
	{"mean token backward", true, func(l *lab) {
		dx := l.active(3 * 49 * cols)
		l.MeanTokenBackward(dx, l.active(3*50*cols), 3, 49, cols)
		l.leaves(dx)
	}},
}

// ids name rows of a table of n rows, and none of them now and then.
func (l *lab) ids(n int32) device.Buffer {
	ids := make([]int32, rows)
	for i := range ids {
		ids[i] = l.random.Int32N(n+1) - 1
	}
	return l.ints(ids...)
}

func attend(l *lab, causal bool) {
	const heads, size = 3, 21
	offsets := []int32{0, 1, 20, 70, 147, 224}
	a := device.AttentionShape{Rows: 224, Sequences: 5, Longest: 77, Width: heads * size, Heads: heads, Causal: causal}
	qkv, out, lse, dqkv := l.active(a.Rows*3*a.Width), l.active(a.Rows*a.Width), l.alloc(device.F32, a.Rows*a.Heads), l.active(a.Rows*3*a.Width)
	l.Attention(out, lse, qkv, l.ints(offsets...), a)
	l.AttentionBackward(dqkv, l.active(a.Rows*a.Width), l.active(a.Rows*a.Width), l.filled(a.Rows*a.Heads, 4), qkv, l.ints(offsets...), a)
	l.leaves(out, lse, dqkv)
}

var levels = []struct {
	name  string
	level int
}{{"best", 0}, {"avx2", 1}, {"plain", 2}}

// TestTypes holds the bf16 kernels against the f32 kernels on the same numbers:
// the arithmetic is the same, and the result is rounded once. Where an
// operation adds up, the order of the sum may differ between the types, so that
// now and then a result is rounded to the neighbour.
func TestTypes(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	for _, tt := range levels {
		d := open(2, tt.level)
		for _, op := range operations {
			t.Run(tt.name+"/"+op.name, func(t *testing.T) {
				want, _ := run(t, d, device.F32, op.run)
				got, types := run(t, d, device.BF16, op.run)
				for i := range want {
					compareTypes(t, fmt.Sprintf("result %d", i), got[i], want[i], types[i], op.exact)
				}
			})
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// compareTypes wants of each number that is bf16 the rounded one, and of an inexact
// operation at most one in a hundred to be its neighbour.
func compareTypes(t *testing.T, what string, got, want []float32, of device.Type, exact bool) {
	t.Helper()
	neighbours := 0
	for i := range want {
		w, allowed := want[i], 1e-5*(1+math.Abs(float64(want[i])))
		if of == device.BF16 {
			w = nearest(w)
			allowed = math.Abs(float64(w))/128 + 1e-6
		}
		if got[i] == w {
			continue
		}
		neighbours++
		if exact || !(math.Abs(float64(got[i]-w)) <= allowed) {
			t.Fatalf("%s: element %d of %s is %g, want %g", what, i, of, got[i], w)
		}
	}
	if of == device.BF16 && neighbours > len(want)/100 {
		t.Errorf("%s: %d of %d are neighbours of what the f32 kernel gives, rounded", what, neighbours, len(want))
	}
}

// nearest is the bfloat16 nearest to f, by counting in float64.
func nearest(f float32) float32 {
	if f == 0 || f != f || math.IsInf(float64(f), 0) {
		return f
	}
	fraction, exponent := math.Frexp(float64(f))
	return float32(math.Ldexp(math.RoundToEven(fraction*256), exponent-8))
}

// TestThreads holds that a result has the same bits for any number of threads, in
// both types.
func TestThreads(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	for _, tt := range levels {
		one, three := open(1, tt.level), open(3, tt.level)
		for _, op := range operations {
			for _, of := range []device.Type{device.F32, device.BF16} {
				t.Run(fmt.Sprintf("%s/%s/%s", tt.name, op.name, of), func(t *testing.T) {
					want, _ := run(t, one, of, op.run)
					got, _ := run(t, three, of, op.run)
					for i := range want {
						if !slices.Equal(got[i], want[i]) {
							t.Errorf("result %d differs", i)
						}
					}
				})
			}
		}
		for _, d := range []*Device{one, three} {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestConvert holds the rounding of every kind of number, on each set of kernels.
func TestConvert(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	nan := math.Float32frombits(0x7f800001) // its payload is below what bf16 keeps
	for _, tt := range []struct {
		name string
		x    float32
		want uint32 // bits of the result as float32
	}{
		{"exact", 1.5, 0x3fc00000},
		{"down", math.Float32frombits(0x3f807fff), 0x3f800000},
		{"tie to even, down", math.Float32frombits(0x3f808000), 0x3f800000},
		{"tie to even, up", math.Float32frombits(0x3f818000), 0x3f820000},
		{"up", math.Float32frombits(0x3f808001), 0x3f810000},
		{"negative tie", math.Float32frombits(0xbf818000), 0xbf820000},
		{"up to the next power", math.Float32frombits(0x3fffffff), 0x40000000},
		{"minus zero", float32(math.Copysign(0, -1)), 0x80000000},
		{"below the normal numbers", math.Float32frombits(0x00408000), 0x00400000},
		{"the smallest goes to zero", math.Float32frombits(1), 0},
		{"the largest goes to infinity", math.MaxFloat32, 0x7f800000},
		{"infinity", float32(math.Inf(-1)), 0xff800000},
		{"not a number", nan, 0x7fc00000},
	} {
		for _, kernels := range levels {
			t.Run(tt.name+"/"+kernels.name, func(t *testing.T) {
				const n = 37 // full registers and a rest
				d := open(1, kernels.level)
				l := &lab{Device: d, t: t}
				x, y, z := l.filled(n, tt.x), l.alloc(device.BF16, n), l.alloc(device.F32, n)
				l.Convert(y, x)
				l.Convert(z, y)
				got := make([]float32, n)
				if err := l.Read(got, z); err != nil {
					t.Fatal(err)
				}
				for i, v := range got {
					if math.Float32bits(v) != tt.want {
						t.Fatalf("element %d is %08x, want %08x", i, math.Float32bits(v), tt.want)
					}
				}
				for _, m := range l.held {
					m.Free()
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestOtherTypes holds that an operation refuses operands of another type than its
// first activations have, or than it states, at the call.
func TestOtherTypes(t *testing.T) {
	d := Open(1)
	l := &lab{Device: d, t: t}
	f, b, i, none := l.alloc(device.F32, 64), l.alloc(device.BF16, 64), l.alloc(device.I32, 64), device.Buffer{}
	shape := device.AttentionShape{Rows: 2, Sequences: 1, Longest: 2, Width: 2, Heads: 1}
	for _, tt := range []struct {
		call func()
		want string
	}{
		{func() { d.Convert(f, f) }, "convert: a buffer of f32 where bf16 is needed"},
		{func() { d.Convert(b, b) }, "convert: a buffer of bf16 where f32 is needed"},
		{func() { d.Fill(i, 1) }, "fill: a buffer of i32 where f32 or bf16 is needed"},
		{func() { d.Copy(f, b) }, "copy: a buffer of bf16 where f32 is needed"},
		{func() { d.Sum(b, b, f) }, "sum: a buffer of f32 where bf16 is needed"},
		{func() { d.Blend(b, b, 0) }, "blend: a buffer of bf16 where f32 is needed"},
		{func() { d.Pixels(b, f, 1, 2, device.Normalization{}) }, "pixels: a buffer of f32 where u8 is needed"},
		{func() { d.Bias(b, b, 2, 2) }, "bias: a buffer of bf16 where f32 is needed"},
		{func() { d.BiasBackward(b, b, 2, 2) }, "bias backward: a buffer of bf16 where f32 is needed"},
		{func() { d.LayerNorm(b, f, f, f, f, 2, 2, 0) }, "layer norm: a buffer of f32 where bf16 is needed"},
		{func() { d.LayerNorm(b, b, b, f, f, 2, 2, 0) }, "layer norm: a buffer of bf16 where f32 is needed"},
		{func() { d.LayerNormBackward(f, f, f, b, f, f, f, 2, 2, 0) }, "layer norm backward: a buffer of bf16 where f32 is needed"},
		{func() { d.GELU(f, b, false) }, "gelu: a buffer of bf16 where f32 is needed"},
		{func() { d.GELUBackward(b, f, b, false) }, "gelu backward: a buffer of f32 where bf16 is needed"},
		{func() { d.Attention(b, b, b, i, shape) }, "attention: a buffer of bf16 where f32 is needed"},
		{func() { d.Attention(b, f, b, f, shape) }, "attention: a buffer of f32 where i32 is needed"},
		{func() { d.AttentionBackward(b, b, f, f, b, i, shape) }, "attention backward: a buffer of f32 where bf16 is needed"},
		{func() { d.Gather(f, b, i, 2, 2, 0) }, "gather: a buffer of bf16 where f32 is needed"},
		{func() { d.GatherBackward(b, f, i, 2, 2) }, "gather backward: a buffer of bf16 where f32 is needed"},
		{func() { d.Patchify(b, f, 1, 2, 2) }, "patchify: a buffer of f32 where bf16 is needed"},
		{func() { d.Unfold(b, f, 1, 2) }, "unfold: a buffer of f32 where bf16 is needed"},
		{func() { d.BatchStats(b, b, device.Running{}, 2, 2, 0, 0) }, "batch statistics: a buffer of bf16 where f32 is needed"},
		{func() { d.BatchNorm(b, b, f, f, f, f, 2, 2, false) }, "batch norm: a buffer of f32 where bf16 is needed"},
		{func() { d.BatchNormBackward(b, f, f, f, b, f, f, f, none, 2, 2, false) }, "batch norm backward: a buffer of f32 where bf16 is needed"},
		{func() { d.AvgPool(b, f, 1, 2, 2) }, "average pool: a buffer of f32 where bf16 is needed"},
		{func() { d.AvgPoolBackward(f, b, 1, 2, 2, 0) }, "average pool backward: a buffer of bf16 where f32 is needed"},
		{func() { d.MeanToken(b, f, 1, 2, 2) }, "mean token: a buffer of f32 where bf16 is needed"},
		{func() { d.MeanTokenBackward(f, b, 1, 2, 2) }, "mean token backward: a buffer of bf16 where f32 is needed"},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}()
			tt.call()
		}()
	}
	for _, m := range l.held {
		m.Free()
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
