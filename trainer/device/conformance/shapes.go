package conformance

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// A shape is a call of an operation, forward and back, at a size of real models:
// past several tiles, and with odd edges. Its results are held against those of
// package reference, whose sums are in float64.
type shape struct {
	operation string // name in tables
	size      string
	types     []device.Type
	// run enqueues the calls with activations of type t, and returns the results.
	run func(b *bench, t device.Type) []device.Buffer
}

// allowed is the largest error of an operation's results: in f32; of bf16 results,
// which are rounded once, to half a unit of 2^-8; and of f32 results of bf16
// operands, which are exact products summed in f32 unless a backend rounds
// what lies between.
type allowed struct{ f32, bf16, sums float64 }

// largestError is that of each element against the larger of its own size and the
// root mean square of all.
func largestError(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var squares float64
	for _, w := range want {
		squares += float64(w) * float64(w)
	}
	rms, worst := math.Sqrt(squares/float64(max(1, len(want)))), 0.0
	for i, w := range want {
		difference := math.Abs(float64(got[i]) - float64(w))
		switch {
		case difference == 0:
			continue
		case math.IsNaN(difference):
			return math.Inf(1)
		}
		worst = max(worst, difference/max(math.Abs(float64(w)), rms))
	}
	return worst
}

// tolerances are by operation. Those that leave bf16 out take f32 alone.
var tolerances = map[string]allowed{
	"pixels":           {0, 4e-3, 0},
	"matmul":           {5e-6, 8e-3, 1e-5},
	"linear":           {5e-6, 8e-3, 1e-5},
	"bias":             {1e-6, 4e-3, 1e-5},
	"sum":              {1e-6, 4e-3, 0},
	"layer norm":       {5e-6, 8e-3, 1e-4},
	"gelu":             {2e-6, 8e-3, 0},
	"attention":        {1e-5, 1e-2, 1e-4},
	"gather":           {2e-6, 4e-3, 1e-5},
	"patchify":         {0, 0, 0},
	"unfold":           {0, 0, 0},
	"convolution":      {5e-6, 8e-3, 1e-5},
	"batch norm":       {1e-5, 8e-3, 1e-4},
	"average pool":     {1e-6, 4e-3, 0},
	"mean token":       {1e-6, 8e-3, 0},
	"attention pool":   {1e-5, 1e-2, 1e-2},
	"normalize":        {f32: 2e-6},
	"contrastive":      {f32: 1e-4},
	"siglip":           {f32: 1e-4},
	"cross entropy":    {f32: 1e-5},
	"squared norm":     {f32: 1e-6},
	"adamw":            {f32: 1e-5},
	"blend":            {f32: 1e-6},
	"fill and convert": {0, 0, 0},
}

func shapes() []shape {
	var list []shape
	add := func(operation, size string, types []device.Type, run func(b *bench, t device.Type) []device.Buffer) {
		list = append(list, shape{operation, size, types, run})
	}
	type bufs = []device.Buffer
	for _, s := range [][3]int{{300, 257, 511}, {1, 257, 511}, {0, 257, 511}, {300, 1, 65}, {77, 130, 1}} {
		m, n, k := s[0], s[1], s[2]
		for _, to := range bothTypes {
			size := fmt.Sprintf("%dx%dx%d to %s", m, n, k, to)
			for _, transposed := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
				add("matmul", fmt.Sprintf("%s, %v", size, transposed), bothTypes, func(b *bench, t device.Type) bufs {
					x, y := b.draw(t, m*k), b.draw(t, k*n)
					over, into := b.draw(to, m*n), b.draw(to, m*n)
					b.MatMul(over, x, y, m, n, k, transposed[0], transposed[1], 0)
					b.MatMul(into, x, y, m, n, k, transposed[0], transposed[1], 1)
					return bufs{over, into}
				})
			}
			for _, activation := range []device.Activation{device.NoActivation, device.GELU, device.QuickGELU} {
				add("linear", fmt.Sprintf("%s, activation %d", size, activation), bothTypes, func(b *bench, t device.Type) bufs {
					return linear(b, t, to, m, n, k, activation)
				})
			}
		}
	}
	for _, s := range [][2]int{{300, 257}, {1, 511}, {577, 768}, {2050, 33}} {
		rows, cols := s[0], s[1]
		size := fmt.Sprintf("%dx%d", rows, cols)
		add("batch norm", size, bothTypes, func(b *bench, t device.Type) bufs { return norms(b, t, max(rows, 2), cols) })
	}
	for _, s := range [][2]int{{300, 257}, {1, 511}, {0, 64}, {577, 768}, {2050, 33}} {
		rows, cols := s[0], s[1]
		size := fmt.Sprintf("%dx%d", rows, cols)
		add("bias", size, bothTypes, func(b *bench, t device.Type) bufs {
			y, dbias := b.draw(t, rows*cols), b.draw(device.F32, cols)
			b.BiasBackward(dbias, y, rows, cols)
			b.Bias(y, b.draw(device.F32, cols), rows, cols)
			return bufs{y, dbias}
		})
		add("sum", size, bothTypes, func(b *bench, t device.Type) bufs {
			x, y, copied := b.draw(t, rows*cols), b.draw(t, rows*cols), b.draw(t, rows*cols)
			b.Copy(copied, x)
			b.Sum(y, x, y)
			return bufs{y, copied}
		})
		add("layer norm", size, bothTypes, func(b *bench, t device.Type) bufs {
			x, gain, y, stats := b.draw(t, rows*cols), b.draw(device.F32, cols), b.draw(t, rows*cols), b.zeros(2*rows)
			b.LayerNorm(y, stats, x, gain, b.draw(device.F32, cols), rows, cols, 1e-5)
			dy, over, into := b.draw(t, rows*cols), b.draw(t, rows*cols), b.draw(t, rows*cols)
			dgain, dshift := b.draw(device.F32, cols), b.draw(device.F32, cols)
			b.LayerNormBackward(over, dgain, dshift, dy, stats, x, gain, rows, cols, 0)
			b.LayerNormBackward(into, dgain, dshift, dy, stats, x, gain, rows, cols, 1)
			return bufs{y, stats, over, into, dgain, dshift}
		})
		add("gelu", size, bothTypes, func(b *bench, t device.Type) bufs {
			x, dy := b.draw(t, rows*cols), b.draw(t, rows*cols)
			var results bufs
			for _, quick := range []bool{false, true} {
				y, dx := b.draw(t, rows*cols), b.draw(t, rows*cols)
				b.GELU(y, x, quick)
				b.GELUBackward(dx, dy, x, quick)
				results = append(results, y, dx)
			}
			return results
		})
		add("gather", size, bothTypes, func(b *bench, t device.Type) bufs { return gathers(b, t, device.F32, rows, cols) })
		add("gather", size+" of activations", bothTypes, func(b *bench, t device.Type) bufs { return gathers(b, t, t, rows, cols) })
		add("normalize", size, wideOnly, func(b *bench, t device.Type) bufs {
			x, dy := b.draw(t, rows*cols), b.draw(t, rows*cols)
			y, norm, dx := b.draw(t, rows*cols), b.zeros(rows), b.draw(t, rows*cols)
			b.Normalize(y, norm, x, rows, cols)
			b.NormalizeBackward(dx, dy, y, norm, rows, cols)
			return bufs{y, norm, dx}
		})
		add("blend", size, wideOnly, func(b *bench, t device.Type) bufs {
			x, y := b.draw(t, rows*cols), b.draw(t, rows*cols)
			b.Blend(y, x, 0.999)
			b.Clamp(x, -0.5, 1)
			return bufs{x, y}
		})
		add("fill and convert", size, bothTypes, func(b *bench, t device.Type) bufs {
			x, wide := b.draw(t, rows*cols), b.draw(device.F32, rows*cols)
			low, again := b.alloc(device.BF16, rows*cols), b.alloc(device.F32, rows*cols)
			b.Convert(low, wide)
			b.Convert(again, low)
			b.Fill(x, 0.1)
			return bufs{x, low, again}
		})
		add("squared norm", size, wideOnly, func(b *bench, t device.Type) bufs {
			out := b.zeros(1)
			b.SquaredNorm(out, b.draw(t, rows*cols))
			return bufs{out}
		})
		add("adamw", size, wideOnly, func(b *bench, t device.Type) bufs { return adamwSteps(b, rows*cols) })
	}
	for _, causal := range []bool{false, true} {
		for _, lengths := range [][]int{{1, 19, 50, 77, 197, 577}, {0, 1, 0}, {}, {577}} {
			for _, heads := range [][2]int{{2, 64}, {3, 20}} {
				if len(lengths) == 1 && (heads[1] != 64 || causal) {
					continue
				}
				add("attention", fmt.Sprintf("%v, %d heads of %d, causal %v", lengths, heads[0], heads[1], causal), bothTypes, func(b *bench, t device.Type) bufs {
					return attends(b, t, lengths, heads[0], heads[0]*heads[1], causal)
				})
			}
		}
	}
	return append(list, pictureShapes()...)
}

func linear(b *bench, t, to device.Type, m, n, k int, activation device.Activation) []device.Buffer {
	x, w := b.draw(t, m*k), b.draw(t, n*k)
	bias, residual := b.draw(device.F32, n), b.draw(to, m*n)
	plain, y, pre := b.alloc(to, m*n), b.alloc(to, m*n), b.alloc(to, m*n)
	b.Linear(plain, x, w, m, n, k, device.Epilogue{Activation: activation})
	e := device.Epilogue{Bias: bias, Activation: activation, Residual: residual}
	results := []device.Buffer{plain, y, residual}
	if activation != device.NoActivation {
		e.Pre = pre
		results = append(results, pre)
	}
	b.Linear(y, x, w, m, n, k, e)
	e.Residual, e.Pre = residual, device.Buffer{} // in place
	b.Linear(residual, x, w, m, n, k, e)

	dy := b.draw(t, m*n)
	dx, dw, dbias := b.draw(t, m*k), b.draw(device.F32, n*k), b.draw(device.F32, n)
	back := device.BackwardEpilogue{Beta: 1}
	if activation != device.NoActivation {
		back = device.BackwardEpilogue{Activation: activation, Pre: b.draw(t, m*k)}
	}
	b.LinearBackward(dx, dw, dbias, dy, x, w, m, n, k, back)
	b.LinearBackward(device.Buffer{}, dw, device.Buffer{}, dy, x, w, m, n, k, device.BackwardEpilogue{})
	return append(results, dx, dw, dbias)
}

// gathers out of tables of a type. A row of activations is picked once: what is added
// to it is rounded each time.
func gathers(b *bench, t, tables device.Type, rows, cols int) []device.Buffer {
	entries, ids := 97, make([]int32, rows)
	for i := range ids {
		ids[i] = int32(i*i%(entries+1)) - 1
	}
	if tables == device.BF16 {
		entries = rows + 1
		for i := range ids {
			ids[i] = int32(rows - i)
		}
		if rows > 1 {
			ids[1] = -1
		}
	}
	at, table := b.ints(ids...), b.draw(tables, entries*cols)
	over, into, dtable := b.draw(t, rows*cols), b.draw(t, rows*cols), b.draw(tables, entries*cols)
	b.Gather(over, table, at, rows, cols, 0)
	b.Gather(into, table, at, rows, cols, 1)
	b.GatherBackward(dtable, b.draw(t, rows*cols), at, rows, cols)
	return []device.Buffer{over, into, dtable}
}

func attends(b *bench, t device.Type, lengths []int, heads, width int, causal bool) []device.Buffer {
	offsets, rows := []int32{0}, 0
	for _, n := range lengths {
		rows += n
		offsets = append(offsets, int32(rows))
	}
	a := device.AttentionShape{Rows: rows, Sequences: len(lengths), Longest: slices.Max(append([]int{0}, lengths...)), Width: width, Heads: heads, Causal: causal}
	qkv, at := b.draw(t, rows*3*width), b.ints(offsets...)
	out, lse, dqkv := b.alloc(t, rows*width), b.alloc(device.F32, rows*heads), b.draw(t, rows*3*width)
	b.Attention(out, lse, qkv, at, a)
	b.AttentionBackward(dqkv, b.draw(t, rows*width), out, lse, qkv, at, a)
	return []device.Buffer{out, lse, dqkv}
}

func adamwSteps(b *bench, n int) []device.Buffer {
	param, m, v, norm := b.draw(device.F32, n), b.zeros(n), b.zeros(n), b.zeros(1)
	for step := range 3 {
		grad := b.draw(device.F32, n)
		b.SquaredNorm(norm, grad)
		b.AdamW(param, grad, m, v, norm, device.AdamW{Rate: 1e-3, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Decay: 0.2, Clip: 1,
			Correct1: float32(1 - math.Pow(0.9, float64(step+1))), Correct2: float32(1 - math.Pow(0.98, float64(step+1)))})
	}
	return []device.Buffer{param, m, v}
}

// expectedShapes are the reference's results, by shape and type, for all the
// backends of a test process.
var expectedShapes = map[string][][]float32{}

func resultsOf(t *testing.T, d device.Device, s shape, typ device.Type) (rows [][]float32, types []device.Type) {
	b := &bench{Device: d, t: t}
	defer b.free()
	for _, x := range s.run(b, typ) {
		rows, types = append(rows, b.read(x)), append(types, x.Type)
	}
	return rows, types
}

// worstShapes keeps the largest error of each backend, operation and kind of
// result in this process.
var worstShapes = map[string]map[string]allowed{}

// checkShapes holds every operation at real shapes against package reference.
func checkShapes(t *testing.T, open func() device.Device) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	d := open()
	defer closeDevice(t, d)
	backend := strings.Fields(d.Name())[0]
	if backend == "reference" {
		t.Skip("it would be held against itself")
	}
	if worstShapes[backend] == nil {
		worstShapes[backend] = map[string]allowed{}
	}
	for _, s := range shapes() {
		may, known := tolerances[s.operation]
		if !known {
			t.Fatalf("no tolerance for %s", s.operation)
		}
		for _, typ := range s.types {
			name := fmt.Sprintf("%s, %s, %s", s.operation, s.size, typ)
			want := expectedShapes[name]
			if want == nil {
				truth := reference.New()
				want, _ = resultsOf(t, device.Strict{Device: truth}, s, typ)
				closeDevice(t, truth)
				expectedShapes[name] = want
			}
			got, types := resultsOf(t, d, s, typ)
			again, _ := resultsOf(t, d, s, typ)
			worst, ran := worstShapes[backend][s.operation]
			if !ran {
				worst = allowed{-1, -1, -1} // no result of the kind yet
			}
			for i := range got {
				e := largestError(got[i], want[i])
				limit, seen := may.f32, &worst.f32
				switch {
				case types[i] == device.BF16:
					limit, seen = may.bf16, &worst.bf16
				case typ == device.BF16:
					limit, seen = may.sums, &worst.sums
				}
				if *seen = max(*seen, e); e > limit {
					t.Errorf("%s: result %d differs by %.2g, %.2g allowed", name, i, e, limit)
				}
				if !slices.Equal(got[i], again[i]) {
					t.Errorf("%s: result %d differs from run to run", name, i)
				}
			}
			worstShapes[backend][s.operation] = worst
		}
	}
	reportShapes(t, backend)
}

func reportShapes(t *testing.T, backend string) {
	rows := [][]string{{"operation", "f32", "allowed", "bf16", "allowed", "f32 from bf16", "allowed"}}
	var names []string
	for name := range tolerances {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		may, worst := tolerances[name], worstShapes[backend][name]
		row := []string{name}
		for _, pair := range [][2]float64{{worst.f32, may.f32}, {worst.bf16, may.bf16}, {worst.sums, may.sums}} {
			if pair[0] < 0 {
				row = append(row, "", "")
				continue
			}
			row = append(row, fmt.Sprintf("%.1e", pair[0]), fmt.Sprintf("%.0e", pair[1]))
		}
		rows = append(rows, row)
	}
	Report(t, "real shapes, backend "+backend, rows,
		"Every operation at sizes of real models, past several tiles and with odd edges",
		"(300 x 257 x 511; sequences of 1, 19, 50, 77, 197 and 577 rows in one batch; one row;",
		"none), held against the reference backend, whose sums are in float64. The error is that",
		"of the worst element of any shape, against the larger of its own size and the root mean",
		"square of all. A result in bf16 is rounded once, by up to 2e-3, and may be rounded to the",
		"other side, 4e-3 or twice that where something before it was rounded too.")
}
