package clip

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestPlaces finds where tensors belong by the names that others give them.
func TestPlaces(t *testing.T) {
	const text, image = "text_model.embeddings.token_embedding.weight", "vision_model.embeddings.patch_embedding.weight"
	for _, tt := range []struct {
		name, form, tensor string
		beside             []string // tensors by which the form is known
		want               Place
	}{
		{"open_clip", OpenCLIPNames, "visual.proj", []string{"visual.conv1.weight"}, Place{Name: "visual.proj", Parts: 1}},
		{"OpenAI", OpenAINames, "context_length", []string{"visual.conv1.weight"}, Place{Parts: 1}},
		{"saved by several processes", OpenCLIPNames, "module.visual.proj", []string{"module.visual.conv1.weight"}, Place{Name: "visual.proj", Parts: 1}},
		{"compiled, saved by several processes", OpenCLIPNames, "module._orig_mod.visual.proj", []string{"module._orig_mod.visual.conv1.weight"}, Place{Name: "visual.proj", Parts: 1}},
		{"a text tower apart", OpenCLIPNames, "text.transformer.resblocks.3.ln_1.bias", []string{"visual.conv1.weight", "text.token_embedding.weight"}, Place{Name: "transformer.resblocks.3.ln_1.bias", Parts: 1}},
		{"Hugging Face, keys", HuggingFaceNames, "vision_model.encoder.layers.11.self_attn.k_proj.weight", []string{text, image}, Place{Name: "visual.transformer.resblocks.11.attn.in_proj_weight", Part: 1, Parts: 3}},
		{"Hugging Face, a projection", HuggingFaceNames, "visual_projection.weight", []string{text, image}, Place{Name: "visual.proj", Parts: 1, Transposed: true}},
		{"Hugging Face, a counter", HuggingFaceNames, "text_model.embeddings.position_ids", []string{text, image}, Place{Parts: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := map[string]bool{tt.tensor: true}
			for _, name := range tt.beside {
				set[name] = true
			}
			places, form, err := Places(set)
			if err != nil || form != tt.form || places[tt.tensor] != tt.want || len(places) != len(set) {
				t.Errorf("got %+v in the form of %s, %v; want %+v, %s", places[tt.tensor], form, err, tt.want, tt.form)
			}
		})
	}
	for _, tt := range []struct {
		name    string
		tensors []string
		want    string
	}{
		{"SigLIP of open_clip", []string{"visual.trunk.patch_embed.proj.weight", "text.token_embedding.weight"}, "timm's, as SigLIP"},
		{"SigLIP of transformers", []string{text, image, "vision_model.head.probe"}, "a SigLIP of transformers"},
		{"CoCa", []string{"visual.conv1.weight", "text_decoder.resblocks.0.ln_1.weight"}, "it is a CoCa"},
		{"a text tower of transformers", []string{"visual.conv1.weight", "text.transformer.embeddings.word_embeddings.weight"}, "such as BERT"},
		{"GPT-2", []string{"h.0.attn.c_attn.weight", "wte.weight"}, "train.text_init takes"},
		{"something else", []string{"a", "b", "c", "d"}, "give the first layer, but a, b, c"},
		{"nothing", nil, "ErrForeign"},
		{"a tensor of another model", []string{text, image, "text_model.head.weight"}, "text_model.head.weight is none of Hugging Face's CLIPModel"},
		{"a layer's tensor of another model", []string{text, image, "text_model.encoder.layers.0.mlp.fc3.weight"}, "mlp.fc3.weight is none of"},
		{"one tensor by two names", []string{"visual.conv1.weight", "ln_final.bias", "text.ln_final.bias", "text.token_embedding.weight"}, "ln_final.bias and text.ln_final.bias are the same"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := map[string]bool{}
			for _, name := range tt.tensors {
				set[name] = true
			}
			if _, _, err := Places(set); err == nil || !strings.Contains(err.Error(), tt.want) && !(tt.want == "ErrForeign" && errors.Is(err, ErrForeign)) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// TestLike tells the preset from the shapes of a model's tensors.
func TestLike(t *testing.T) {
	for _, name := range Presets() {
		c, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		shapes := map[string][]int{}
		m := New(c, 700)
		for _, q := range slices.Concat(m.Parameters.List, m.Parameters.Buffers) {
			shapes[q.Name] = q.Shape
		}
		if got := Like(shapes); !slices.Equal(got, []Config{c}) {
			t.Errorf("the shapes of %s are those of %v", name, got)
		}
		shapes["visual.conv1.weight"] = []int{1, 2, 3, 4}
		if got := Like(shapes); got != nil {
			t.Errorf("with another first layer, the shapes of %s are those of %v", name, got)
		}
	}
}

// TestQuickGELU names each preset with the activation of OpenAI's released weights as
// open_clip does.
func TestQuickGELU(t *testing.T) {
	for _, name := range Presets() {
		plain, err := Preset(name)
		quick, errQuick := Preset(name + QuickSuffix)
		if err = errors.Join(err, errQuick); err != nil {
			t.Fatal(err)
		}
		if plain.QuickGELU || !quick.QuickGELU || quick.Name != name+"-quickgelu" {
			t.Errorf("%s is %+v and %+v", name, plain, quick)
		}
		if plain.SameShape(quick) || quick.WithActivation(false) != plain || plain.WithActivation(true) != quick {
			t.Errorf("%s: the two differ in more than the activation, or in nothing", name)
		}
	}
	if _, err := Preset("vit-b32-quickgelu"); err == nil || !strings.Contains(err.Error(), "the nearest name is vit-b-32-quickgelu") {
		t.Errorf("got %v", err)
	}
}

// TestValidate refuses sizes that nothing can be computed with.
func TestValidate(t *testing.T) {
	for _, name := range Presets() {
		if c, err := Preset(name); err != nil || c.Validate() != nil {
			t.Errorf("%s: %v, %v", name, err, c.Validate())
		}
	}
	for _, tt := range []struct {
		name   string
		from   string
		change func(*Config)
		want   string
	}{
		{"no width", "vit-b-32", func(c *Config) { c.Width = 0 }, "image tower is 0"},
		{"a width below 0", "vit-b-32", func(c *Config) { c.TextWidth = -64 }, "text tower is -64"},
		{"so wide that its memory overflows", "vit-b-32", func(c *Config) { c.Embed = 1 << 40 }, "1 to 16384"},
		{"heads that do not share", "vit-b-32", func(c *Config) { c.Heads = 7 }, "7 heads do not share"},
		{"heads of texts that do not share", "vit-b-32", func(c *Config) { c.TextHeads = 7 }, "7 heads do not share"},
		{"a patch that leaves pixels over", "vit-b-32", func(c *Config) { c.Patch = 15 }, "patches of 15"},
		{"no patch", "vit-b-32", func(c *Config) { c.Patch = 0 }, "patches of 0"},
		{"layers without end", "vit-b-32", func(c *Config) { c.Layers = 1 << 30 }, "1000 at most"},
		{"no layers", "vit-b-32", func(c *Config) { c.Layers = 0 }, "0 layers"},
		{"a ResNet without one of its layers", "rn50", func(c *Config) { c.Blocks[2] = 0 }, "blocks in each"},
		{"a ResNet with blocks without end", "rn50", func(c *Config) { c.Blocks[2] = 1 << 40 }, "1000 at most"},
		{"a ResNet of another size", "rn50", func(c *Config) { c.Resolution = 225 }, "225 pixels cannot be"},
	} {
		c, err := Preset(tt.from)
		if err != nil {
			t.Fatal(err)
		}
		tt.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q in it", tt.name, err, tt.want)
		}
	}
}
