package clip

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device/reference"
	"github.com/pairloom/pairloom/trainer/nn"
	"github.com/pairloom/pairloom/trainer/token"
)

// theirs is the state of a Hugging Face CLIPModel that computes what a model of
// ours with the tensors in set does: each line is a tensor of theirs, ours, and
// which of ours' rows it has or that it lies the other way round.
func theirs(t *testing.T, c Config, set map[string]nn.Tensor) map[string]nn.Tensor {
	t.Helper()
	lines := `logit_scale logit_scale
		text_model.embeddings.token_embedding.weight token_embedding.weight
		text_model.embeddings.position_embedding.weight positional_embedding
		text_model.final_layer_norm.weight ln_final.weight
		text_model.final_layer_norm.bias ln_final.bias
		text_projection.weight text_projection T
		vision_model.embeddings.class_embedding visual.class_embedding
		vision_model.embeddings.patch_embedding.weight visual.conv1.weight
		vision_model.embeddings.position_embedding.weight visual.positional_embedding
		vision_model.pre_layrnorm.weight visual.ln_pre.weight
		vision_model.pre_layrnorm.bias visual.ln_pre.bias
		vision_model.post_layernorm.weight visual.ln_post.weight
		vision_model.post_layernorm.bias visual.ln_post.bias
		visual_projection.weight visual.proj T
	`
	for _, tower := range []struct {
		theirs, ours string
		layers       int
	}{{"text_model", "transformer", c.TextLayers}, {"vision_model", "visual.transformer", c.Layers}} {
		for i := range tower.layers {
			for _, kind := range []string{"weight", "bias"} {
				for _, pair := range []string{
					"self_attn.q_proj. attn.in_proj_ 0", "self_attn.k_proj. attn.in_proj_ 1", "self_attn.v_proj. attn.in_proj_ 2",
					"self_attn.out_proj. attn.out_proj.", "layer_norm1. ln_1.", "layer_norm2. ln_2.", "mlp.fc1. mlp.c_fc.", "mlp.fc2. mlp.c_proj.",
				} {
					f := append(strings.Fields(pair), "")
					lines += fmt.Sprintf("%s.encoder.layers.%d.%s%s %s.resblocks.%d.%s%s %s\n", tower.theirs, i, f[0], kind, tower.ours, i, f[1], kind, f[2])
				}
			}
		}
	}
	out := map[string]nn.Tensor{
		"text_model.embeddings.position_ids":   {Shape: []int{1, 2}, Data: []float32{0, 1}},
		"vision_model.embeddings.position_ids": {Shape: []int{1, 2}, Data: []float32{0, 1}},
	}
	for line := range strings.Lines(lines) {
		f := append(strings.Fields(line), "")
		if len(f) < 3 {
			continue
		}
		x, there := set[f[1]]
		if !there {
			t.Fatalf("ours has no %s", f[1])
		}
		switch f[2] {
		case "T":
			turned := nn.Tensor{Shape: []int{x.Shape[1], x.Shape[0]}}
			for c := range x.Shape[1] {
				for r := range x.Shape[0] {
					turned.Data = append(turned.Data, x.Data[r*x.Shape[1]+c])
				}
			}
			x = turned
		case "0", "1", "2":
			third, part := len(x.Data)/3, int(f[2][0]-'0')
			x.Shape = slices.Clone(x.Shape)
			x.Shape[0] /= 3
			x.Data = x.Data[part*third : (part+1)*third]
		}
		x.Name = f[0]
		out[f[0]] = x
	}
	return out
}

// TestNamesOfOthers reads the weights of a model under the names that others give
// them: it embeds pictures and texts as before.
func TestNamesOfOthers(t *testing.T) {
	const words = 40
	drawn := start(t, reference.New(), tiny, words)
	drawn.stir(t)
	list, err := drawn.model.Parameters.Read(drawn.dev, drawn.model.Parameters.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]nn.Tensor{}
	for _, x := range list {
		ours[x.Name] = x
	}
	openAI := maps.Clone(ours)
	for _, name := range []string{"input_resolution", "context_length", "vocab_size"} {
		openAI[name] = nn.Tensor{Name: name, Data: []float32{7}}
	}
	pictures := make([]float32, 2*3*tiny.Resolution*tiny.Resolution)
	for i := range pictures {
		pictures[i] = float32(i%17)/8 - 1
	}
	var captions token.Captions
	captions.Append([]int32{38, 3, 5, 39})
	captions.Append([]int32{38, 20, 39})
	embed := func(r *run) []float32 {
		tape := autograd.Evaluate(r.dev, r.pool)
		x, err := tape.Read(r.model.Images(tape, r.model.Planes(tape, pictures)))
		if err != nil {
			t.Fatal(err)
		}
		y, err := tape.Read(r.model.Texts(tape, &captions))
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat(x, y, r.read(t, r.model.Scale()))
	}
	want := embed(drawn)
	for _, tt := range []struct {
		name string
		set  map[string]nn.Tensor
	}{{"open_clip", ours}, {"OpenAI", openAI}, {"Hugging Face", theirs(t, tiny, ours)}} {
		t.Run(tt.name, func(t *testing.T) {
			set, err := PublicNames(tt.set)
			if err != nil {
				t.Fatal(err)
			}
			other := start(t, reference.New(), tiny, words)
			p := &other.model.Parameters
			if err := p.Load(other.dev, p.Data, set, ""); err != nil {
				t.Fatal(err)
			}
			if got := embed(other); !slices.Equal(got, want) {
				t.Errorf("it embeds otherwise:\n%v\nwant\n%v", got, want)
			}
		})
	}
	for _, tt := range []struct {
		name   string
		change func(set map[string]nn.Tensor)
		want   string
	}{
		{"a tensor of another model", func(set map[string]nn.Tensor) { set["text_model.head.weight"] = nn.Tensor{} }, "text_model.head.weight is none of Hugging Face's CLIPModel"},
		{"a layer's tensor of another model", func(set map[string]nn.Tensor) {
			set["text_model.encoder.layers.0.mlp.fc3.weight"] = nn.Tensor{}
		}, "mlp.fc3.weight is none of"},
		{"no key", func(set map[string]nn.Tensor) { delete(set, "text_model.encoder.layers.1.self_attn.k_proj.bias") }, "layers.1.self_attn.k_proj.bias is missing"},
		{"a value of another width", func(set map[string]nn.Tensor) {
			set["vision_model.encoder.layers.0.self_attn.v_proj.weight"] = nn.Tensor{Shape: []int{12, 3}, Data: make([]float32, 36)}
		}, "v_proj.weight has the shape [12 3]"},
		{"a query without rows", func(set map[string]nn.Tensor) {
			set["vision_model.encoder.layers.0.self_attn.q_proj.weight"] = nn.Tensor{Data: make([]float32, 1)}
		}, "q_proj.weight has no rows"},
		{"a projection that is no matrix", func(set map[string]nn.Tensor) {
			set["visual_projection.weight"] = nn.Tensor{Name: "visual_projection.weight", Shape: []int{72}}
		}, "visual_projection.weight has the shape [72]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := theirs(t, tiny, ours)
			tt.change(set)
			if _, err := PublicNames(set); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}
