package clip

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/device/reference"
	"github.com/pairloom/pairloom/trainer/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tiny is small enough for the reference backend.
var tiny = Config{Name: "tiny", Embed: 6, Resolution: 8, Patch: 4, Width: 12, Layers: 2, Heads: 3, TextWidth: 8, TextLayers: 2, TextHeads: 2, Context: 16}

// tinyResNet's last layer has a side of 2; width 4 gives two heads.
var tinyResNet = Config{Name: "tiny-resnet", Embed: 6, Resolution: 64, Blocks: [4]int{1, 2, 1, 1}, Width: 4, Heads: 2, TextWidth: 8, TextLayers: 1, TextHeads: 2, Context: 16}

type run struct {
	model *Model
	dev   device.Device
	pool  *device.Pool
	loss  device.Memory
}

func start(t testing.TB, d device.Device, c Config, vocabulary int) *run {
	t.Helper()
	r := &run{model: New(c, vocabulary), dev: d, pool: device.NewPool(d)}
	if err := r.model.Parameters.Allocate(d, true); err != nil {
		t.Fatal(err)
	}
	if err := r.model.Parameters.Draw(d, 5); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.loss, err = d.Alloc(4 * 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.pool.Close()
		r.loss.Free()
		r.model.Parameters.Free()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// stir moves every parameter a little, so that none of a ResNet's last gains is
// 0, behind which no gradient flows.
func (r *run) stir(t testing.TB) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, p := range r.model.Parameters.List {
		x := r.read(t, p.Value.Data)
		for i := range x {
			x[i] += float32(random.NormFloat64() * 0.1)
		}
		r.dev.Write(p.Value.Data, x)
	}
}

// step enqueues one forward and backward pass.
func (r *run) step(pictures []float32, captions *token.Captions) {
	tape := autograd.New(r.dev, r.pool)
	r.dev.Fill(r.model.Parameters.Grad, 0)
	r.model.Loss(tape, device.Whole(r.loss, device.F32), r.model.Planes(tape, pictures), captions)
	tape.Backward()
}

func (r *run) read(t testing.TB, b device.Buffer) []float32 {
	t.Helper()
	x := make([]float32, b.Len)
	if err := r.dev.Read(x, b); err != nil {
		t.Fatal(err)
	}
	return x
}

func fakeBatch(c Config, batch, vocabulary int) ([]float32, *token.Captions) {
	random := rand.New(rand.NewPCG(3, 4))
	pictures := make([]float32, batch*3*c.Resolution*c.Resolution)
	for i := range pictures {
		pictures[i] = float32(random.NormFloat64())
	}
	captions := &token.Captions{}
	for range batch {
		tokens := make([]int32, 2+random.IntN(min(24, c.Context)-2))
		for i := range tokens {
			tokens[i] = int32(random.IntN(vocabulary))
		}
		captions.Append(tokens)
	}
	return pictures, captions
}

// TestBackendsAgree holds the whole model's loss and every gradient on the CPU
// against the reference.
func TestBackendsAgree(t *testing.T) {
	quick := tiny
	quick.QuickGELU = true
	for _, c := range []Config{tiny, quick, tinyResNet} {
		pictures, captions := fakeBatch(c, 5, 30)
		want, got := start(t, reference.New(), c, 30), start(t, cpu.Open(1), c, 30)
		want.stir(t)
		got.stir(t)
		want.step(pictures, captions)
		got.step(pictures, captions)
		a, b := want.read(t, device.Whole(want.loss, device.F32))[0], got.read(t, device.Whole(got.loss, device.F32))[0]
		if math.Abs(float64(a-b)) > 1e-5 {
			t.Errorf("loss is %g, want %g", b, a)
		}
		for i, p := range want.model.Parameters.List {
			x, y := want.read(t, p.Value.Grad), got.read(t, got.model.Parameters.List[i].Value.Grad)
			var norm, difference float64
			for j := range x {
				norm += float64(x[j]) * float64(x[j])
				difference += float64(x[j]-y[j]) * float64(x[j]-y[j])
			}
			if math.Sqrt(difference) > 1e-5*math.Sqrt(norm)+1e-7 {
				t.Errorf("%s: gradient of %s differs by %.2g of %.2g", c.Name, p.Name, math.Sqrt(difference), math.Sqrt(norm))
			}
		}
	}
}

// TestGradientIsTheSlope moves each tensor along its own gradient and expects
// the loss to change by the gradient's squared length.
func TestGradientIsTheSlope(t *testing.T) {
	// A ReLU bends where it starts: the slope is the gradient near by only, and
	// the loss, a float32, is known to a few 1e-7.
	t.Run(tiny.Name, func(t *testing.T) { checkSlopes(t, tiny, 2e-3) })
	t.Run(tinyResNet.Name, func(t *testing.T) { checkSlopes(t, tinyResNet, 1.5e-4) })
}

func checkSlopes(t *testing.T, c Config, h float64) {
	pictures, captions := fakeBatch(c, 5, 30)
	r := start(t, cpu.Open(1), c, 30)
	r.stir(t)
	for _, p := range r.model.Parameters.List {
		r.step(pictures, captions)
		x, g := r.read(t, p.Value.Data), r.read(t, p.Value.Grad)
		var norm float64
		for _, v := range g {
			norm += float64(v) * float64(v)
		}
		norm = math.Sqrt(norm)
		if norm < 1e-3 {
			continue // the loss is float32: too flat to measure
		}
		moved := func(sign float64) float64 {
			y := slices.Clone(x)
			for i := range y {
				y[i] += float32(sign * h * float64(g[i]) / norm)
			}
			r.dev.Write(p.Value.Data, y)
			r.step(pictures, captions)
			return float64(r.read(t, device.Whole(r.loss, device.F32))[0])
		}
		slope := (moved(1) - moved(-1)) / (2 * h)
		if math.Abs(slope-norm) > 0.02*norm+3e-6/h {
			t.Errorf("%s: the loss rises by %.5g, the gradient says %.5g", p.Name, slope, norm)
		}
		r.dev.Write(p.Value.Data, x)
	}
}

// TestPackingIsExact embeds captions in one packed batch and one at a time.
func TestPackingIsExact(t *testing.T) {
	_, captions := fakeBatch(tiny, 6, 30)
	r := start(t, cpu.Open(1), tiny, 30)
	embed := func(c *token.Captions) []float32 {
		tape := autograd.Evaluate(r.dev, r.pool)
		x := r.read(t, r.model.Texts(tape, c).Data)
		tape.Reset()
		return x
	}
	together := embed(captions)
	for i := range captions.Len() {
		one := &token.Captions{}
		one.Append(captions.Tokens[captions.Offsets[i]:captions.Offsets[i+1]])
		for j, v := range embed(one) {
			if w := together[i*tiny.Embed+j]; math.Abs(float64(v-w)) > 1e-6 {
				t.Fatalf("caption %d: word %d is %g alone and %g in the batch", i, j, v, w)
			}
		}
	}
}

// TestStepsAllocateNothing holds the device's memory level after two steps.
func TestStepsAllocateNothing(t *testing.T) {
	for _, name := range []string{"vit-nano", "rn-nano"} {
		t.Run(name, func(t *testing.T) { checkLevel(t, name) })
	}
}

func checkLevel(t *testing.T, name string) {
	c, err := Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	pictures, captions := fakeBatch(c, 8, 100)
	r := start(t, cpu.Open(1), c, 100)
	r.step(pictures, captions)
	r.step(pictures, captions)
	if err := r.dev.Sync(); err != nil {
		t.Fatal(err)
	}
	before, allocations := r.dev.Bytes(), r.pool.Allocations()
	for range 3 {
		r.step(pictures, captions)
	}
	if err := r.dev.Sync(); err != nil {
		t.Fatal(err)
	}
	if r.dev.Bytes() != before || r.pool.Allocations() != allocations {
		t.Errorf("%d bytes and %d buffers after two steps, %d and %d after five", before, allocations, r.dev.Bytes(), r.pool.Allocations())
	}
}

func TestPreset(t *testing.T) {
	for _, tt := range []struct{ name, nearest string }{
		{"vit-b32", "vit-b-32"}, {"ViT-Micr", "vit-micro"}, {"nano", "rn-nano"},
	} {
		_, err := Preset(tt.name)
		if err == nil || !strings.Contains(err.Error(), "nearest name is "+tt.nearest+";") {
			t.Errorf("Preset(%q) gives %v, want the nearest to be %s", tt.name, err, tt.nearest)
		}
	}
	for _, name := range Presets() {
		c, err := Preset(name)
		if err != nil || (!c.IsResNet() && c.Resolution%c.Patch != 0) || c.Width%c.Heads != 0 || c.TextWidth%c.TextHeads != 0 {
			t.Errorf("preset %s: %+v, %v", name, c, err)
		}
	}
}

// BenchmarkStep times forward, backward and update of a batch of captions of
// 13 tokens on average.
//
//	go test ./trainer/clip -run '^$' -bench 'Step/model=(vit-micro|rn-small)' -v
func BenchmarkStep(b *testing.B) {
	for _, bench := range []struct {
		model string
		batch int
	}{{"vit-nano", 64}, {"vit-micro", 128}, {"rn-nano", 64}, {"rn-small", 64}, {"vit-small", 256}, {"vit-b-32", 64}, {"rn50", 64}} {
		b.Run(fmt.Sprintf("model=%s/batch=%d", bench.model, bench.batch), func(b *testing.B) {
			const vocabulary = 4096
			c, err := Preset(bench.model)
			if err != nil {
				b.Fatal(err)
			}
			pictures, captions := fakeBatch(c, bench.batch, vocabulary)
			r := start(b, cpu.Open(0), c, vocabulary)
			norm, err := r.dev.Alloc(4 * 1)
			if err != nil {
				b.Fatal(err)
			}
			defer norm.Free()
			p := &r.model.Parameters
			backend := r.dev.(*cpu.Device)
			for b.Loop() {
				r.step(pictures, captions)
				r.dev.SquaredNorm(device.Whole(norm, device.F32), p.Grad)
				r.dev.AdamW(p.Data, p.Grad, p.M, p.V, device.Whole(norm, device.F32), device.AdamW{Rate: 1e-4, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, Correct1: 1, Correct2: 1})
				if err := r.dev.Sync(); err != nil {
					b.Fatal(err)
				}
			}
			shares, err := backend.Profile()
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range shares {
				b.Logf("%5.1f%% %9.2f ms a step, %4d calls: %s", 100*s.Time.Seconds()/b.Elapsed().Seconds(), 1e3*s.Time.Seconds()/float64(b.N), s.Calls/int64(b.N), s.Operation)
			}
			seconds := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(float64(bench.batch)/seconds, "pairs/s")
			b.ReportMetric(r.model.Flops(bench.batch, captions)/seconds/1e9, "GFLOP/s")
			b.ReportMetric(float64(r.dev.Bytes())/1e6, "device-MB")
		})
	}
}
