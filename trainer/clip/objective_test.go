package clip

import (
	"math"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/device/reference"
	"github.com/pairloom/pairloom/trainer/token"
)

const lmWeight = 0.7

// objectives are tiny models with the loss that a step records.
var objectives = []struct {
	name   string
	config Config
	record func(r *run, t *autograd.Tape, loss device.Buffer, pictures []float32, captions *token.Captions)
}{
	{BagOfWords, Config{Objective: BagOfWords}, func(r *run, t *autograd.Tape, loss device.Buffer, pictures []float32, captions *token.Captions) {
		r.model.BagOfWordsLoss(t, loss, r.model.Planes(t, pictures), captions)
	}},
	{Caption, Config{Objective: Caption}, func(r *run, t *autograd.Tape, loss device.Buffer, pictures []float32, captions *token.Captions) {
		r.model.CaptionLoss(t, loss, r.model.Planes(t, pictures), captions)
	}},
	{ConVIRT, Config{Objective: ConVIRT}, func(r *run, t *autograd.Tape, loss device.Buffer, pictures []float32, captions *token.Captions) {
		t.Contrastive(loss, r.model.Images(t, r.model.Planes(t, pictures)), r.model.Texts(t, captions), r.model.LogitScale(), ConVIRTShare)
	}},
	{Supervised, Config{Objective: Supervised, Classes: 4}, func(r *run, t *autograd.Tape, loss device.Buffer, pictures []float32, _ *token.Captions) {
		r.model.SupervisedLoss(t, loss, r.model.Planes(t, pictures), []int32{2, -1, 0, 3, 2})
	}},
	{"language modelling beside", Config{}, recordBoth},
}

// recordBoth is the contrastive loss and language modelling, weighted; the loss
// is their sum.
func recordBoth(r *run, t *autograd.Tape, loss device.Buffer, pictures []float32, captions *token.Captions) {
	both := t.Floats([]float32{0, lmWeight}, 1, 2).Data
	x := r.model.Images(t, r.model.Planes(t, pictures))
	y := r.model.TextsPredicting(t, both.Slice(0, 1), captions, lmWeight)
	t.Contrastive(loss, x, y, r.model.LogitScale(), 0.5)
	r.dev.MatMul(loss, both.Slice(0, 1), both.Slice(1, 1), 1, 1, 1, false, false, 1)
}

func tinyWith(c Config) Config {
	made := tiny
	made.Objective, made.Classes = c.Objective, c.Classes
	return made
}

// TestObjectiveGradients moves each tensor of each objective along its own
// gradient and expects the loss to rise by the gradient's length.
func TestObjectiveGradients(t *testing.T) {
	const h = 2e-3
	for _, o := range objectives {
		t.Run(o.name, func(t *testing.T) {
			c := tinyWith(o.config)
			pictures, captions := fakeBatch(c, 5, 30)
			r := start(t, reference.New(), c, 30)
			r.stir(t)
			step := func() float64 {
				tape := autograd.New(r.dev, r.pool)
				r.dev.Fill(r.model.Parameters.Grad, 0)
				o.record(r, tape, device.Whole(r.loss, device.F32), pictures, captions)
				tape.Backward()
				return float64(r.read(t, device.Whole(r.loss, device.F32))[0])
			}
			measured := 0
			for _, p := range r.model.Parameters.List {
				step()
				x, g := r.read(t, p.Value.Data), r.read(t, p.Value.Grad)
				norm := 0.0
				for _, v := range g {
					norm += float64(v) * float64(v)
				}
				if norm = math.Sqrt(norm); norm < 1e-3 {
					continue // the loss is float32: too flat to measure
				}
				measured++
				moved := func(sign float64) float64 {
					y := slices.Clone(x)
					for i := range y {
						y[i] += float32(sign * h * float64(g[i]) / norm)
					}
					r.dev.Write(p.Value.Data, y)
					return step()
				}
				slope := (moved(1) - moved(-1)) / (2 * h)
				r.dev.Write(p.Value.Data, x)
				if math.Abs(slope-norm) > 0.02*norm+3e-6/h {
					t.Errorf("%s: the loss rises by %.5g, the gradient says %.5g", p.Name, slope, norm)
				}
			}
			if measured < len(r.model.Parameters.List)*2/3 {
				t.Errorf("only %d of %d tensors have a gradient", measured, len(r.model.Parameters.List))
			}
		})
	}
}

// TestLanguageModellingAdds holds the gradient of both losses against the sum
// of the gradients of each alone.
func TestLanguageModellingAdds(t *testing.T) {
	pictures, captions := fakeBatch(tiny, 5, 30)
	r := start(t, reference.New(), tiny, 30)
	r.stir(t)
	gradient := func(record func(tape *autograd.Tape, loss device.Buffer)) ([]float32, float64) {
		tape := autograd.New(r.dev, r.pool)
		r.dev.Fill(r.model.Parameters.Grad, 0)
		record(tape, device.Whole(r.loss, device.F32))
		tape.Backward()
		return r.read(t, r.model.Parameters.Grad), float64(r.read(t, device.Whole(r.loss, device.F32))[0])
	}
	both, loss := gradient(func(tape *autograd.Tape, loss device.Buffer) { recordBoth(r, tape, loss, pictures, captions) })
	alone, contrastive := gradient(func(tape *autograd.Tape, loss device.Buffer) {
		r.model.Loss(tape, loss, r.model.Planes(tape, pictures), captions)
	})
	words, lm := gradient(func(tape *autograd.Tape, loss device.Buffer) {
		y := r.model.TextsPredicting(tape, loss, captions, 1)
		zeros := tape.Floats(make([]float32, y.Rows*y.Cols), y.Rows, y.Cols)
		tape.Seed(y, zeros.Data)
	})
	if math.Abs(loss-contrastive-lmWeight*lm) > 1e-5 {
		t.Errorf("the loss is %g, want %g + %g*%g", loss, contrastive, lmWeight, lm)
	}
	for i := range both {
		if want := float64(alone[i]) + lmWeight*float64(words[i]); math.Abs(float64(both[i])-want) > 2e-6+1e-5*math.Abs(want) {
			t.Fatalf("word %d of the gradient is %g, want %g", i, both[i], want)
		}
	}
}

// TestLikelihoods holds log-likelihoods against the captioning loss, which is
// their mean over tokens, and expects captions to be independent of one another.
func TestLikelihoods(t *testing.T) {
	c := tinyWith(Config{Objective: Caption})
	pictures, captions := fakeBatch(c, 5, 30)
	r := start(t, reference.New(), c, 30)
	r.stir(t)
	tape := autograd.Evaluate(r.dev, r.pool)
	r.model.CaptionLoss(tape, device.Whole(r.loss, device.F32), r.model.Planes(tape, pictures), captions)
	loss := float64(r.read(t, device.Whole(r.loss, device.F32))[0])
	prefixes := r.read(t, r.model.Prefixes(tape, r.model.Planes(tape, pictures)).Data)
	tape.Reset()
	together, err := r.model.LogLikelihoods(tape, prefixes, captions, []int32{0, 1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	sum, tokens := 0.0, 0
	for i, l := range together {
		n := int(captions.Offsets[i+1]-captions.Offsets[i]) - 1
		sum, tokens = sum+l*float64(n), tokens+n
		one := &token.Captions{}
		one.Append(captions.Tokens[captions.Offsets[i]:captions.Offsets[i+1]])
		alone, err := r.model.LogLikelihoods(tape, prefixes, one, []int32{int32(i)})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(alone[0]-l) > 1e-5 {
			t.Errorf("caption %d has the likelihood %g alone and %g among others", i, alone[0], l)
		}
	}
	if got := -sum / float64(tokens); math.Abs(got-loss) > 1e-5 {
		t.Errorf("likelihoods say a loss of %g, the loss is %g", got, loss)
	}
}

func TestWords(t *testing.T) {
	c := &token.Captions{}
	c.Append([]int32{90, 5, 7, 5, 91})
	c.Append([]int32{90, 91})
	c.Append([]int32{90, 7, 91})
	words, offsets := Words(c)
	if !slices.Equal(words, []int32{5, 7, 7}) || !slices.Equal(offsets, []int32{0, 2, 2, 3}) {
		t.Errorf("words are %v at %v", words, offsets)
	}
}

// TestObjectiveFlops counts the products of a tiny model by hand.
func TestObjectiveFlops(t *testing.T) {
	captions := &token.Captions{}
	captions.Append([]int32{28, 1, 2, 3, 29})
	tower, first := New(tiny, 30).image.flops()
	text := func(rows float64) float64 { return 2 * (2*rows*12*8*8 + 2*rows*rows*8) }
	for _, tt := range []struct {
		config Config
		want   float64
	}{
		{Config{Objective: BagOfWords}, tower + 2*6*30},
		{Config{Objective: Supervised, Classes: 4}, tower + 2*6*4},
		{Config{Objective: Caption}, tower + 2*6*8 + text(4) + 2*4*8*30},
		{Config{}, tower + text(5) + 2*8*6 + 2*6},
		{Config{Objective: ConVIRT}, tower + text(5) + 2*8*6 + 2*6 + 2*2*6*6},
	} {
		if got := New(tinyWith(tt.config), 30).Flops(1, captions); got != 3*tt.want-first {
			t.Errorf("%q: %g operations, want %g", tt.config.Objective, got, 3*tt.want-first)
		}
	}
}

// TestObjectivesAllocateNothing holds the device's memory level after two steps.
func TestObjectivesAllocateNothing(t *testing.T) {
	for _, o := range objectives {
		t.Run(o.name, func(t *testing.T) {
			c := tinyWith(o.config)
			pictures, captions := fakeBatch(c, 5, 30)
			r := start(t, cpu.Open(1), c, 30)
			var before int64
			for step := range 5 {
				tape := autograd.New(r.dev, r.pool)
				o.record(r, tape, device.Whole(r.loss, device.F32), pictures, captions)
				tape.Backward()
				if err := r.dev.Sync(); err != nil {
					t.Fatal(err)
				}
				if step == 1 {
					before = r.dev.Bytes()
				}
			}
			if after := r.dev.Bytes(); after != before {
				t.Errorf("the device holds %d bytes after 2 steps and %d after 5", before, after)
			}
		})
	}
}
