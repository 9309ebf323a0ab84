package clip_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// goldenTolerance is the largest relative error of a tensor, conformance.RelativeError.
const goldenTolerance = 1e-5

// The models of testdata/golden.py.
var (
	goldenViT = clip.Config{Name: "golden-vit", Embed: 16, Resolution: 32, Patch: 8, Width: 24, Layers: 2, Heads: 3,
		TextWidth: 16, TextLayers: 2, TextHeads: 2, Context: 24}
	goldenResNet = clip.Config{Name: "golden-resnet", Embed: 16, Resolution: 64, Blocks: [4]int{1, 2, 1, 1}, Width: 4, Heads: 2,
		TextWidth: 16, TextLayers: 1, TextHeads: 2, Context: 24}
)

// truth is a file of testdata.
type truth map[string]nn.Tensor

func readTruth(t *testing.T, name string) truth {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := checkpoint.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	set := truth{}
	for _, tensor := range list {
		set[tensor.Name] = tensor
	}
	return set
}

func (s truth) captions() *token.Captions {
	captions, tokens := &token.Captions{}, s["tokens"]
	for row := range slices.Chunk(tokens.Data, tokens.Shape[1]) {
		var ids []int32
		for _, id := range row {
			if id != 0 { // padding
				ids = append(ids, int32(id))
			}
		}
		captions.Append(ids)
	}
	return captions
}

// golden is a model with the weights of a file.
type golden struct {
	*testing.T
	truth
	dev   device.Device
	pool  *device.Pool
	model *clip.Model
	loss  device.Memory
	kind  string
	worst struct{ loss, logits, gradient, embedding float64 }
}

func newGolden(t *testing.T, d device.Device, c clip.Config, set truth, kind string) *golden {
	g := &golden{T: t, truth: set, dev: d, pool: device.NewPool(d), model: clip.New(c, set["weights/token_embedding.weight"].Shape[0]), kind: kind}
	if err := g.model.Parameters.Allocate(d, true); err != nil {
		t.Fatal(err)
	}
	var err error
	if g.loss, err = d.Alloc(4 * 1); err != nil {
		t.Fatal(err)
	}
	if err := g.model.Parameters.Load(d, g.model.Parameters.Data, set, "weights/"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.pool.Close()
		g.loss.Free()
		g.model.Parameters.Free()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *golden) read(b device.Buffer) []float32 {
	g.Helper()
	x := make([]float32, b.Len)
	if err := g.dev.Read(x, b); err != nil {
		g.Fatal(err)
	}
	return x
}

// check holds one tensor against the file's and keeps the worst error.
func (g *golden) check(name string, got []float32, worst *float64) {
	g.Helper()
	want, there := g.truth[g.kind+"/"+name]
	if !there {
		g.Fatalf("the golden file has no %s/%s; write it anew with golden.py", g.kind, name)
	}
	e := conformance.RelativeError(got, want.Data)
	if e > goldenTolerance {
		g.Errorf("%s differs by %.2g", name, e)
	}
	*worst = max(*worst, e)
}

// embeddings are of the pictures and captions of the file.
func (g *golden) embeddings(tape *autograd.Tape) (images, texts []float32) {
	x, y := g.model.Images(tape, g.truth["pictures"].Data), g.model.Texts(tape, g.captions())
	images, texts = g.read(x.Data), g.read(y.Data)
	tape.Reset()
	return images, texts
}

// step holds loss, gradients and running statistics of one step in training
// mode.
func (g *golden) step() {
	p := &g.model.Parameters
	tape := autograd.New(g.dev, g.pool)
	g.dev.Fill(p.Grad, 0)
	g.model.Loss(tape, device.Whole(g.loss, device.F32), g.truth["pictures"].Data, g.captions())
	tape.Backward()
	g.check("loss", g.read(device.Whole(g.loss, device.F32)), &g.worst.loss)
	gradients, err := p.Read(g.dev, p.Grad, "")
	if err != nil {
		g.Fatal(err)
	}
	var whole float64
	for _, tensor := range gradients {
		whole += length(g.truth[g.kind+"/gradient/"+tensor.Name].Data)
	}
	for _, tensor := range gradients {
		// Where the gradient is zero but for rounding, as that of the attention
		// pool's key bias, ours is compared to the whole gradient.
		want := g.truth[g.kind+"/gradient/"+tensor.Name]
		if length(want.Data) < 1e-12*whole && want.Data != nil {
			if e := length(tensor.Data) / whole; e > goldenTolerance {
				g.Errorf("the gradient of %s is %.2g of the whole, and should be 0", tensor.Name, e)
			}
			continue
		}
		g.check("gradient/"+tensor.Name, tensor.Data, &g.worst.gradient)
	}
	for _, b := range p.Buffers {
		g.check("after/"+b.Name, g.read(b.Value.Data), &g.worst.embedding)
	}
}

func length(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// logits holds exp(scale) X Y^t, which the device never stores.
func (g *golden) logits() {
	x, y := g.embeddings(autograd.New(g.dev, g.pool))
	scale, dim := math.Exp(float64(g.read(g.model.Scale())[0])), g.model.Config.Embed
	var got []float32
	for a := range slices.Chunk(x, dim) {
		for b := range slices.Chunk(y, dim) {
			var sum float64
			for i := range a {
				sum += float64(a[i]) * float64(b[i])
			}
			got = append(got, float32(scale*sum))
		}
	}
	g.check("logits", got, &g.worst.logits)
}

// TestGolden holds each family of models against open_clip's own classes in
// float64, from the same weights: loss, every gradient, running statistics,
// embeddings in evaluation mode, logits.
func TestGolden(t *testing.T) {
	rows := [][]string{{"model", "backend", "logits", "loss", "gradient of any parameter", "embeddings, running statistics"}}
	for _, tt := range []struct {
		name, file, kind string
		config           clip.Config
	}{
		{"ViT, GELU", "vit", "gelu", goldenViT},
		{"ViT, QuickGELU", "vit", "quick", goldenViT},
		{"modified ResNet", "resnet", "gelu", goldenResNet},
	} {
		set := readTruth(t, tt.file)
		tt.config.QuickGELU = tt.kind == "quick"
		for _, backend := range []struct {
			name string
			open func() device.Device
		}{
			{"reference", func() device.Device { return reference.New() }},
			{"cpu", func() device.Device { return cpu.Open(2) }},
		} {
			t.Run(tt.name+"/"+backend.name, func(t *testing.T) {
				g := newGolden(t, backend.open(), tt.config, set, tt.kind)
				g.step()
				images, texts := g.embeddings(autograd.Evaluate(g.dev, g.pool))
				g.check("images", images, &g.worst.embedding)
				g.check("texts", texts, &g.worst.embedding)
				g.logits()
				w := g.worst
				t.Logf("logits differ by %.1e, the loss by %.1e, gradients by %.1e, embeddings by %.1e", w.logits, w.loss, w.gradient, w.embedding)
				rows = append(rows, []string{tt.name, backend.name, fmt.Sprintf("%.1e", w.logits), fmt.Sprintf("%.1e", w.loss), fmt.Sprintf("%.1e", w.gradient), fmt.Sprintf("%.1e", w.embedding)})
			})
		}
	}
	conformance.Report(t, "families of models", rows)
}
