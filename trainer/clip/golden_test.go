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

// goldenTolerance is the largest relative error of a tensor in F32,
// conformance.RelativeError.
const goldenTolerance = 1e-5

// In BF16 the error of embeddings, loss, logits and of the whole gradient is at most
// bf16Tolerance, or bf16Peer times that of open_clip's classes under PyTorch's
// autocast, which the files hold: what is left of seven bits of fraction after so
// many layers is theirs as well, most of all behind batch norms over few pictures.
const (
	bf16Tolerance = 1e-2
	bf16Peer      = 1.5
)

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
	worst struct{ loss, logits, gradient, embedding, whole float64 }
}

func newGolden(t *testing.T, d device.Device, activations device.Type, c clip.Config, set truth, kind string) *golden {
	g := &golden{T: t, truth: set, dev: d, pool: device.NewPool(d), model: clip.New(c, set["weights/token_embedding.weight"].Shape[0]), kind: kind}
	g.model.Parameters.Type = activations
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

// typed gives a tape the type of the model's activations.
func (g *golden) typed(tape *autograd.Tape) *autograd.Tape {
	tape.Type = g.model.Parameters.Type
	return tape
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
	e, limit := conformance.RelativeError(got, want.Data), goldenTolerance
	if g.bf16() {
		limit = g.peer(name)
	}
	if e > limit {
		g.Errorf("%s differs by %.2g, %.2g allowed", name, e, limit)
	}
	*worst = max(*worst, e)
}

// peer is the limit of an error in BF16.
func (g *golden) peer(name string) float64 {
	limit := bf16Tolerance
	if e, there := g.truth[g.kind+"/autocast/"+name]; there {
		limit = max(limit, bf16Peer*float64(e.Data[0]))
	}
	return limit
}

func (g *golden) bf16() bool { return g.model.Parameters.Type == device.BF16 }

// embeddings are of the pictures and captions of the file.
func (g *golden) embeddings(tape *autograd.Tape) (images, texts []float32) {
	x, y := g.model.Images(tape, g.model.Planes(tape, g.truth["pictures"].Data)), g.model.Texts(tape, g.captions())
	images, texts = g.read(x.Data), g.read(y.Data)
	tape.Reset()
	return images, texts
}

// step holds loss, gradients and running statistics of one step in training
// mode.
func (g *golden) step() {
	p := &g.model.Parameters
	tape := g.typed(autograd.New(g.dev, g.pool))
	g.dev.Fill(p.Grad, 0)
	g.model.Loss(tape, device.Whole(g.loss, device.F32), g.model.Planes(tape, g.truth["pictures"].Data), g.captions())
	tape.Backward()
	g.check("loss", g.read(device.Whole(g.loss, device.F32)), &g.worst.loss)
	gradients, err := p.Read(g.dev, p.Grad, "")
	if err != nil {
		g.Fatal(err)
	}
	var whole float64
	var got, want []float32 // all of them
	for _, tensor := range gradients {
		truth := g.truth[g.kind+"/gradient/"+tensor.Name].Data
		got, want = append(got, tensor.Data...), append(want, truth...)
		whole += length(truth)
	}
	g.worst.whole = conformance.RelativeError(got, want)
	if limit := g.peer("gradient"); g.bf16() && g.worst.whole > limit {
		g.Errorf("the gradient differs by %.2g, %.2g allowed", g.worst.whole, limit)
	}
	for _, tensor := range gradients {
		if g.bf16() {
			continue // of one parameter alone, such as a batch norm's shift, little may be left
		}
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
	x, y := g.embeddings(g.typed(autograd.New(g.dev, g.pool)))
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

// goldenBackends are held against open_clip.
var goldenBackends = []goldenBackend{
	{"reference", func() device.Device { return reference.New() }},
	{"cpu", func() device.Device { return cpu.Open(2) }},
}

type goldenBackend struct {
	name string
	open func() device.Device
}

// TestGolden holds each family of models against open_clip's own classes in
// float64, from the same weights: loss, every gradient, running statistics,
// embeddings in evaluation mode, logits.
func TestGolden(t *testing.T) {
	rows := [][]string{{"model", "backend", "activations", "logits", "loss", "whole gradient", "gradient of any parameter", "embeddings, running statistics"}}
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
		for _, backend := range goldenBackends {
			for _, activations := range []device.Type{device.F32, device.BF16} {
				t.Run(tt.name+"/"+backend.name+"/"+activations.String(), func(t *testing.T) {
					g := newGolden(t, backend.open(), activations, tt.config, set, tt.kind)
					g.step()
					images, texts := g.embeddings(g.typed(autograd.Evaluate(g.dev, g.pool)))
					g.check("images", images, &g.worst.embedding)
					g.check("texts", texts, &g.worst.embedding)
					g.logits()
					w := g.worst
					row := []string{tt.name, backend.name, activations.String()}
					for _, e := range []float64{w.logits, w.loss, w.whole, w.gradient, w.embedding} {
						row = append(row, fmt.Sprintf("%.1e", e))
					}
					if g.bf16() {
						row[6] = ""
					}
					t.Logf("errors of logits, loss, whole gradient, gradients, embeddings: %v", row[3:])
					rows = append(rows, row)
				})
			}
		}
		peer := []string{tt.name, "open_clip", "autocast to bf16"}
		for _, name := range []string{"logits", "loss", "gradient", "", "images"} {
			figure := ""
			if name != "" {
				e := set[tt.kind+"/autocast/"+name].Data[0]
				if name == "images" {
					e = max(e, set[tt.kind+"/autocast/texts"].Data[0])
				}
				figure = fmt.Sprintf("%.1e", e)
			}
			peer = append(peer, figure)
		}
		rows = append(rows, peer)
	}
	conformance.Report(t, "families of models", rows)
}
