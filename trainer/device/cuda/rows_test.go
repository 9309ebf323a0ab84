//go:build cuda

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// A desk holds the operands of one call on one device; the same draws give the same numbers
// on another.
type desk struct {
	device.Device
	t      *testing.T
	random *rand.Rand
	held   []device.Memory
	askew  bool // buffers begin one element into their memory
}

func newDesk(t *testing.T, d device.Device, askew bool) *desk {
	b := &desk{Device: d, t: t, random: rand.New(rand.NewPCG(1, 2)), askew: askew}
	t.Cleanup(func() {
		for _, m := range b.held {
			m.Free()
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *desk) room(t device.Type, n int) device.Buffer {
	before := 0
	if b.askew {
		before = 1
	}
	m, err := b.Alloc((before + n) * t.Bytes())
	if err != nil {
		b.t.Fatal(err)
	}
	b.held = append(b.held, m)
	return device.Whole(m, t).Slice(before, n)
}

// draw is a buffer of n normal numbers.
func (b *desk) draw(t device.Type, n int) device.Buffer {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(b.random.NormFloat64())
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

func (b *desk) ints(values []int32) device.Buffer {
	x := b.room(device.I32, len(values))
	b.WriteInts(x, values)
	return x
}

func (b *desk) read(x device.Buffer) []float32 {
	if x.Type == device.BF16 {
		wide := b.room(device.F32, x.Len)
		b.Convert(wide, x)
		x = wide
	}
	values := make([]float32, x.Len)
	if err := b.Read(values, x); err != nil {
		b.t.Fatal(err)
	}
	return values
}

func card(t *testing.T) *Device {
	d, err := Open(0, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRows holds operations on rows against the reference backend where the conformance
// suite does not go: every path of each kernel, chosen by width and by whether addresses
// are multiples of 16, and sums over many parts.
func TestRows(t *testing.T) {
	type buffers = []device.Buffer
	type operation struct {
		name string
		f32  float64
		bf16 float64 // of results in bf16 and those taken of them; 0 where it takes F32 alone
		run  func(b *desk, t device.Type) buffers
	}
	var list []operation
	for _, s := range [][2]int{{9, 1024}, {3, 1280}, {2, 4096}, {2, 4104}, {2, 4099}, {70, 64}} {
		rows, cols := s[0], s[1]
		list = append(list, operation{fmt.Sprintf("layer norm of %d by %d", rows, cols), 1e-5, 8e-3, func(b *desk, t device.Type) buffers {
			x, gain, shift := b.draw(t, rows*cols), b.draw(device.F32, cols), b.draw(device.F32, cols)
			y, stats := b.room(t, rows*cols), b.room(device.F32, 2*rows)
			b.LayerNorm(y, stats, x, gain, shift, rows, cols, 1e-5)
			dy, dx, dgain, dshift := b.draw(t, rows*cols), b.draw(t, rows*cols), b.draw(device.F32, cols), b.draw(device.F32, cols)
			b.LayerNormBackward(dx, dgain, dshift, dy, stats, x, gain, rows, cols, 1)
			return buffers{y, stats, dx, dgain, dshift}
		}})
	}
	for _, s := range [][2]int{{5000, 4}, {700, 264}, {65, 3}} {
		rows, cols := s[0], s[1]
		list = append(list, operation{fmt.Sprintf("bias of %d by %d", rows, cols), 1e-6, 4e-3, func(b *desk, t device.Type) buffers {
			y, dbias := b.draw(t, rows*cols), b.draw(device.F32, cols)
			b.BiasBackward(dbias, y, rows, cols)
			b.Bias(y, b.draw(device.F32, cols), rows, cols)
			return buffers{dbias, y}
		}})
	}
	for _, side := range []int{1, 5, 12, 100} {
		list = append(list, operation{fmt.Sprintf("pixels of %d", side), 0, 4e-3, func(b *desk, t device.Type) buffers {
			count := 3 * 3 * side * side
			values := make([]byte, count)
			for i := range values {
				values[i] = byte(b.random.Uint32())
			}
			pictures, out := b.room(device.U8, count), b.room(t, count)
			b.WriteBytes(pictures, values)
			b.Pixels(out, pictures, 3, side, device.Normalization{Mean: [3]float32{0.48145466, 0.4578275, 0.40821073}, Deviation: [3]float32{0.26862954, 0.26130258, 0.27577711}})
			return buffers{out}
		}})
	}
	for _, n := range []int{0, 1, 5, 50_001} {
		list = append(list, operation{fmt.Sprintf("update of %d", n), 1e-5, 0, func(b *desk, t device.Type) buffers {
			param, grad, m, v, norm := b.draw(t, n), b.draw(t, n), b.room(t, n), b.room(t, n), b.room(t, 1)
			b.Fill(m, 0.1)
			b.Fill(v, 0.01)
			b.SquaredNorm(norm, grad)
			b.AdamW(param, grad, m, v, norm, device.AdamW{Rate: 0.1, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Decay: 0.2, Clip: 3, Correct1: 0.19, Correct2: 0.04})
			return buffers{norm, param, m, v}
		}})
	}
	for _, s := range [][2]int{{3, 4000}, {2, 1001}} {
		rows, classes := s[0], s[1]
		list = append(list, operation{fmt.Sprintf("cross entropy of %d by %d", rows, classes), 1e-5, 0, func(b *desk, t device.Type) buffers {
			// No target, 300 of which one comes twice, and one.
			targets, offsets := []int32{7}, []int32{0, 0, 301, 302}
			for i := range int32(300) {
				targets = append(targets, i*3)
			}
			targets = append(targets, int32(classes-1))
			logits, loss, lse := b.draw(t, rows*classes), b.room(t, 1), b.room(t, rows)
			targets[300] = 7
			ids, at := b.ints(targets), b.ints(offsets[:rows+1])
			b.CrossEntropy(loss, lse, logits, ids, at, rows, classes)
			b.CrossEntropyBackward(logits, lse, logits, ids, at, rows, classes, 0.5)
			return buffers{loss, lse, logits}
		}})
	}
	for _, op := range list {
		for _, typ := range []device.Type{device.F32, device.BF16} {
			if typ == device.BF16 && op.bf16 == 0 {
				continue
			}
			for _, askew := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, askew %v", op.name, typ, askew), func(t *testing.T) {
					truth, b := newDesk(t, reference.New(), false), newDesk(t, device.Strict{Device: card(t)}, askew)
					wanted, got := op.run(truth, typ), op.run(b, typ)
					for i := range wanted {
						limit := op.f32
						if typ == device.BF16 {
							limit = op.bf16
						}
						near(t, fmt.Sprintf("result %d", i), b.read(got[i]), truth.read(wanted[i]), limit)
					}
				})
			}
		}
	}
}

// near holds each number to the larger of its own size and the root mean square of all.
func near(t *testing.T, what string, got, want []float32, limit float64) {
	t.Helper()
	var squares float64
	for _, w := range want {
		squares += float64(w) * float64(w)
	}
	rms := math.Sqrt(squares / float64(max(1, len(want))))
	for i, w := range want {
		if got[i] == w {
			continue
		}
		if e := math.Abs(float64(got[i])-float64(w)) / max(math.Abs(float64(w)), rms); !(e <= limit) {
			t.Fatalf("%s: element %d is %g, want %g (off by %.2g, %.2g allowed)", what, i, got[i], w, e, limit)
		}
	}
}

// TestGatherBackwardIsInOrder holds that the rows of each id are added up, whatever share of the
// rows have it and wherever chunks and tiles end, and always to the same bits.
func TestGatherBackwardIsInOrder(t *testing.T) {
	for _, tt := range []struct {
		name                       string
		rows, cols, entries, chunk int
		id                         func(i int) int
	}{
		{"one row", 1, 5, 3, 32, func(int) int { return 2 }},
		{"no id", 100, 5, 3, 32, func(int) int { return -1 }},
		{"one id", 2500, 4, 1, 32, func(int) int { return 0 }},
		{"one id and none", 200, 4, 300, 32, func(i int) int { return 299 - 300*(i%2) }},
		{"positions", 4500, 6, 50, 96, func(i int) int { return i % 50 }},
		{"positions by chunks of their number", 320, 132, 10, 32, func(i int) int { return i % 10 }},
		{"words", 2100, 8, 49408, 32, func(i int) int { return i * 7919 % 49408 }},
		{"words, backwards, with many ends", 2100, 8, 49408, 64, func(i int) int { return max(49406+i%3*i%2, 49407-i) }},
		{"three digits", 64, 1, 70_000, 32, func(i int) int { return (63 - i) * 1100 }},
		{"the last id of a digit", 70, 1, 256, 32, func(i int) int { return 255 - i%2*256 }},
	} {
		for _, typ := range []device.Type{device.F32, device.BF16} {
			t.Run(tt.name+", "+typ.String(), func(t *testing.T) {
				ids := make([]int32, tt.rows)
				for i := range ids {
					ids[i] = int32(tt.id(i))
				}
				run := func(b *desk, backward func(table, dy, at device.Buffer)) []float32 {
					table, dy, at := b.draw(device.F32, tt.entries*tt.cols), b.draw(typ, tt.rows*tt.cols), b.ints(ids)
					backward(table, dy, at)
					return b.read(table)
				}
				truth := newDesk(t, reference.New(), false)
				want := run(truth, func(table, dy, at device.Buffer) { truth.GatherBackward(table, dy, at, tt.rows, tt.cols) })
				again := func(chunk int) []float32 {
					d := card(t)
					return run(newDesk(t, d, false), func(table, dy, ids device.Buffer) {
						d.gatherBackward("gather backward", at("table", table, table.Len), typ, active("dy", typ, dy, dy.Len), atInts("ids", ids, ids.Len), tt.rows, tt.cols, tt.entries, chunk)
					})
				}
				got := again(tt.chunk)
				near(t, "table", got, want, 2e-5)
				if !slices.Equal(got, again(tt.chunk)) {
					t.Error("the table differs from run to run")
				}
			})
		}
	}
}
