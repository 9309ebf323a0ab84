package trainer

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/conformance"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/device/reference"
	"github.com/pairloom/pairloom/trainer/nn"
	"github.com/pairloom/pairloom/trainer/token"
)

// The run of testdata/steps.py.
const goldenSteps = 20

// golden are the largest differences of a loss, absolute, of the gradient's norm and
// of the logit scale in F32. In BF16 the losses and norms of all steps differ by at
// most goldenPeer times as much, in the square mean, as those of open_clip's classes
// under PyTorch's autocast, which the file holds.
const (
	goldenLoss, goldenNorm, goldenScale = 1e-4, 1e-4, 1e-5
	goldenPeer                          = 1.5
)

// deviation is the root of the mean square of the differences, as shares of want with
// relative.
func deviation(got []float64, want []float32, relative bool) float64 {
	var sum float64
	for i, w := range want {
		e := got[i] - float64(w)
		if relative {
			e /= float64(w)
		}
		sum += e * e
	}
	return math.Sqrt(sum / float64(len(want)))
}

var goldenOptions = Options{Warmup: 2, WeightDecay: 0.2, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-6, GradClip: 1}

func readTensors(t *testing.T, path string) map[string]nn.Tensor {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := checkpoint.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]nn.Tensor{}
	for _, tensor := range list {
		set[tensor.Name] = tensor
	}
	return set
}

// goldenBatch takes the pairs of a step out of the file's.
func goldenBatch(set map[string]nn.Tensor, step int) (pictures []float32, captions *token.Captions) {
	captions = &token.Captions{}
	tokens := set["tokens"]
	pairs, context := tokens.Shape[0], tokens.Shape[1]
	size := len(set["pictures"].Data) / pairs
	for i := range pairs * 5 / 6 {
		row := (3*step + i) % pairs
		pictures = append(pictures, set["pictures"].Data[row*size:(row+1)*size]...)
		var ids []int32
		for _, id := range tokens.Data[row*context : (row+1)*context] {
			if id != 0 { // padding
				ids = append(ids, int32(id))
			}
		}
		captions.Append(ids)
	}
	return pictures, captions
}

func floats(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// TestGoldenSteps trains 20 steps beside PyTorch's AdamW in float64: groups,
// warm-up and cosine, clipping, the clamp of the scale. A ReLU whose input is 0
// but for rounding may go either way: with two thirds of the pairs a step, one
// of layer1 does, and the losses part by 5e-4. These pairs have none.
func TestGoldenSteps(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	rows := [][]string{{"model", "backend", "activations", "loss, absolute, worst of 20 steps", "norm of the gradient", "logit scale"}}
	want := readTensors(t, filepath.Join("testdata", "steps.safetensors"))
	for _, tt := range []struct {
		name   string
		rate   float64
		scale  float32 // the first logit scale; that of the ViT is above its limit
		config clip.Config
	}{
		{"vit", 1e-3, 4.61, clip.Config{Embed: 16, Resolution: 32, Patch: 8, Width: 24, Layers: 2, Heads: 3, TextWidth: 16, TextLayers: 2, TextHeads: 2, Context: 24}},
		{"resnet", 1e-4, 2.5, clip.Config{Embed: 16, Resolution: 64, Blocks: [4]int{1, 2, 1, 1}, Width: 4, Heads: 2, TextWidth: 16, TextLayers: 1, TextHeads: 2, Context: 24}},
	} {
		set := readTensors(t, filepath.Join("clip", "testdata", tt.name+".safetensors"))
		set["weights/logit_scale"] = nn.Tensor{Data: []float32{tt.scale}}
		for _, backend := range goldenBackends {
			for _, activations := range []device.Type{device.F32, device.BF16} {
				t.Run(tt.name+"/"+backend.name+"/"+activations.String(), func(t *testing.T) {
					got := goldenRun(t, backend.open(), activations, tt.config, set, tt.rate)
					row := []string{tt.name, backend.name, activations.String()}
					for _, figure := range []struct {
						name     string
						relative bool
						limit    float64
					}{{"loss", false, goldenLoss}, {"norm", true, goldenNorm}, {"scale", true, goldenScale}} {
						truth := want[tt.name+"/"+figure.name].Data
						if len(truth) != goldenSteps {
							t.Fatalf("testdata/steps.safetensors has no %d steps of %s/%s", goldenSteps, tt.name, figure.name)
						}
						worst := 0.0
						for i, w := range truth {
							e := math.Abs(float64(w) - got[figure.name][i])
							if figure.relative {
								e /= float64(w)
							}
							worst = max(worst, e)
						}
						row = append(row, fmt.Sprintf("%.1e", worst))
						if activations == device.F32 {
							if !(worst <= figure.limit) {
								t.Errorf("the %s differs by %.1e, %.1e allowed", figure.name, worst, figure.limit)
							}
							continue
						}
						ours := deviation(got[figure.name], truth, figure.relative)
						theirs := deviation(floats(want[tt.name+"/autocast/"+figure.name].Data), truth, figure.relative)
						if !(ours <= goldenPeer*theirs) {
							t.Errorf("the %s differs by %.1e over all steps, that of autocast by %.1e", figure.name, ours, theirs)
						}
					}
					t.Logf("loss, norm and scale differ by %v", row[3:])
					rows = append(rows, row)
				})
			}
		}
		peer := []string{tt.name, "open_clip", "autocast to bf16"}
		for i, name := range []string{"loss", "norm", "scale"} {
			worst := 0.0
			for k, w := range want[tt.name+"/"+name].Data {
				e := math.Abs(float64(w) - float64(want[tt.name+"/autocast/"+name].Data[k]))
				if i > 0 {
					e /= float64(w)
				}
				worst = max(worst, e)
			}
			peer = append(peer, fmt.Sprintf("%.1e", worst))
		}
		rows = append(rows, peer)
	}
	conformance.Report(t, "training of 20 steps", rows)
}

// goldenBackends are held against PyTorch.
var goldenBackends = []goldenBackend{
	{"reference", func() device.Device { return reference.New() }},
	{"cpu", func() device.Device { return cpu.Open(2) }},
}

type goldenBackend struct {
	name string
	open func() device.Device
}

// goldenRun returns loss, norm and scale of each step.
func goldenRun(t *testing.T, d device.Device, activations device.Type, c clip.Config, set map[string]nn.Tensor, rate float64) map[string][]float64 {
	pool, model := device.NewPool(d), clip.New(c, set["weights/token_embedding.weight"].Shape[0])
	p := &model.Parameters
	p.Type = activations
	if err := p.Allocate(d, true); err != nil {
		t.Fatal(err)
	}
	memory, err := d.Alloc(4 * 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		pool.Close()
		memory.Free()
		p.Free()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := p.Load(d, p.Data, set, "weights/"); err != nil {
		t.Fatal(err)
	}
	figures, tape := device.Whole(memory, device.F32), autograd.New(d, pool)
	tape.Type = activations
	out := map[string][]float64{}
	for step := range goldenSteps {
		pictures, captions := goldenBatch(set, step)
		d.Fill(p.Grad, 0)
		model.Loss(tape, figures.Slice(0, 1), model.Planes(tape, pictures), captions)
		tape.Backward()
		d.SquaredNorm(figures.Slice(1, 1), p.Grad)
		o, n := goldenOptions, float64(step+1)
		o.LearningRate = rate
		a := device.AdamW{
			Rate: float32(o.rate(int64(step), goldenSteps)), Beta1: float32(o.Beta1), Beta2: float32(o.Beta2), Epsilon: float32(o.Epsilon),
			Decay: float32(o.WeightDecay), Clip: float32(o.GradClip),
			Correct1: float32(1 - math.Pow(o.Beta1, n)), Correct2: float32(1 - math.Pow(o.Beta2, n)),
		}
		p.Update(d, figures.Slice(1, 1), a)
		model.ClampScale(d)
		read := make([]float32, 3)
		for _, err := range []error{d.Read(read[:2], figures), d.Read(read[2:], model.Scale())} {
			if err != nil {
				t.Fatal(err)
			}
		}
		out["loss"] = append(out["loss"], float64(read[0]))
		out["norm"] = append(out["norm"], math.Sqrt(float64(read[1])))
		out["scale"] = append(out["scale"], float64(read[2]))
	}
	return out
}
