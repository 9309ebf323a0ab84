package layout_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/layout"
	"github.com/pairloom/pairloom/trainer/token"
)

// modelFile is a safetensors file of a preset, all of its values 0.
func modelFile(t *testing.T, c clip.Config, vocabulary int, more ...checkpoint.Tensor) []byte {
	t.Helper()
	for _, q := range clip.New(c, vocabulary).Parameters.List {
		more = append(more, checkpoint.Tensor{Name: q.Name, Shape: q.Shape, Data: make([]float32, q.Words())})
	}
	var b bytes.Buffer
	if err := checkpoint.Encode(&b, more, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fill writes files into a new folder; a nil one is left out.
func fill(t *testing.T, files map[string][]byte) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if text != nil {
			if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}

// TestGivenFaults looks at weights whose configuration asks for what is not here, or
// contradicts the weights: each is refused by the name of the file and of the key.
func TestGivenFaults(t *testing.T) {
	nano, own := preset(t, "vit-nano"), learned(t, 600)
	weights := modelFile(t, nano, own.Size())
	openCLIP, err := layout.OpenCLIP(nano, own, false)
	huggingFace, errHuggingFace := layout.HuggingFace(nano, own)
	if err := errors.Join(err, errHuggingFace); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		of     map[string][]byte // beside the weights
		file   string            // of which from becomes to; "" from is all of it
		from   string
		to     string
		faults []string // nil for none
	}{
		{"as pairloom writes it", openCLIP, "", "", "", nil},
		{"as pairloom writes it for transformers", huggingFace, "", "", "", nil},
		{"keys that change nothing", openCLIP, layout.ConfigName, `"head_width": 32,`, `"head_width": 32, "patch_dropout": 0.5, "mlp_ratio": 4.0, "pool_type": "tok", "ls_init_value": null, "attentional_pool": false, "norm_kwargs": {"eps": 1e-5},`, nil},
		{"a wider perceptron", openCLIP, layout.ConfigName, `"layers": 2,`, `"layers": 2, "mlp_ratio": 4.3637,`, []string{"vision_cfg: mlp_ratio is 4.3637, which pairloom has not"}},
		{"another pool", openCLIP, layout.ConfigName, `"layers": 2,`, `"layers": 2, "pool_type": "avg",`, []string{`vision_cfg: pool_type is "avg"`}},
		{"a tower of timm", openCLIP, layout.ConfigName, `"layers": 2,`, `"layers": 2, "timm_model_name": "vit_base_patch16_siglip_224",`, []string{`timm_model_name is "vit_base_patch16_siglip_224"`}},
		{"texts that see what follows", openCLIP, layout.ConfigName, `"context_length"`, `"no_causal_mask": true, "context_length"`, []string{"text_cfg: no_causal_mask is true"}},
		{"a key of a later version", openCLIP, layout.ConfigName, `"context_length"`, `"rotary": true, "context_length"`, []string{"text_cfg: rotary is true"}},
		{"a decoder", openCLIP, layout.ConfigName, `"embed_dim"`, `"multimodal_cfg": {"layers": 2}, "embed_dim"`, []string{"model_cfg: multimodal_cfg is"}},
		{"another interpolation", openCLIP, layout.ConfigName, `"bicubic"`, `"bilinear"`, []string{`preprocess_cfg: interpolation is "bilinear"`}},
		{"squeezed pictures", openCLIP, layout.ConfigName, `"shortest"`, `"squash"`, []string{`preprocess_cfg: resize_mode is "squash"`}},
		{"pictures of another size", openCLIP, layout.ConfigName, `"size": 32`, `"size": 64`, []string{"preprocess_cfg: size is 64, and the model looks at 32 pixels"}},
		{"pictures that are no square", openCLIP, layout.ConfigName, `"image_size": 32`, `"image_size": [32, 64]`, []string{"one number or two equal ones"}},
		{"a deviation of 0", openCLIP, layout.ConfigName, `0.26862954`, `0`, []string{"the deviation of pictures is [0 "}},
		{"a mean of two colours", openCLIP, layout.ConfigName, `0.48145466,`, ``, []string{"the mean of pictures has 2 numbers"}},
		{"heads that do not share", openCLIP, layout.ConfigName, `"head_width": 32`, `"head_width": 20`, []string{"3 heads do not share"}},
		{"heads of no width", openCLIP, layout.ConfigName, `"head_width": 32`, `"head_width": 0`, []string{"head_width is 0"}},
		{"a vocabulary that is not there", openCLIP, layout.ConfigName, `"hf_tokenizer_name": "vit-nano",`, ``, []string{"its vocabulary has 600 tokens, and nothing beside it says what they are"}},
		{"texts cleaned otherwise", openCLIP, layout.ConfigName, `"lower"`, `"canonicalize"`, []string{"clean: canonicalize"}},
		{"no configuration", openCLIP, layout.ConfigName, "", `{"vision_cfg": {}}`, []string{"it has no model_cfg"}},
		{"no JSON", openCLIP, layout.ConfigName, "", `{`, []string{layout.ConfigName, "unexpected end"}},
		{"merges of other tokens", openCLIP, "merges.txt", "", "#version\nt h\n", []string{"vocab.json: it has 600 words, 515 expected by the merges"}},
		{"words in another order", openCLIP, "vocab.json", `"!": 0`, `"!": 1`, []string{`vocab.json: the word "!" is not number 0`}},
		{"another kind of model", huggingFace, "config.json", `"model_type": "clip",`, `"model_type": "siglip",`, []string{`its model_type is "siglip", clip expected`}},
		{"another activation", huggingFace, "config.json", `"hidden_act": "gelu"`, `"hidden_act": "gelu_new"`, []string{`hidden_act is "gelu_new"`}},
		{"another epsilon", huggingFace, "config.json", `"layer_norm_eps": 0.00001`, `"layer_norm_eps": 0.000001`, []string{"layer_norm_eps is 1e-06, 1e-5 expected"}},
		{"a narrower perceptron", huggingFace, "config.json", `"intermediate_size": 256`, `"intermediate_size": 128`, []string{"intermediate_size is 128, 4 times hidden_size (64)"}},
		{"another end of texts", huggingFace, "config.json", `"eos_token_id": 599`, `"eos_token_id": 7`, []string{"eos_token_id is 7, the last token (599) expected"}},
		{"gray pictures", huggingFace, "config.json", `"num_channels": 3`, `"num_channels": 1`, []string{"num_channels is 1"}},
		{"squeezed pictures of transformers", huggingFace, "preprocessor_config.json", `"shortest_edge": 32`, `"height": 32, "width": 32`, []string{"preprocessor_config.json", "squeezed to a square"}},
		{"pictures that are not cut", huggingFace, "preprocessor_config.json", `"do_center_crop": true`, `"do_center_crop": false`, []string{"do_center_crop"}},
		{"pictures of another size for transformers", huggingFace, "preprocessor_config.json", `"shortest_edge": 32`, `"shortest_edge": 64`, []string{"not that of the model, 32 pixels"}},
		{"another filter", huggingFace, "preprocessor_config.json", `"resample": 3`, `"resample": 2`, []string{"resample is 2, bicubic (3) expected"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := maps.Clone(tt.of)
			files[checkpoint.WeightsName] = weights
			switch {
			case tt.from != "":
				if !bytes.Contains(files[tt.file], []byte(tt.from)) {
					t.Fatalf("%s has no %q:\n%s", tt.file, tt.from, files[tt.file])
				}
				files[tt.file] = bytes.ReplaceAll(files[tt.file], []byte(tt.from), []byte(tt.to))
			case tt.file != "":
				files[tt.file] = []byte(tt.to)
			}
			folder := fill(t, files)
			g, err := layout.Open(folder)
			if err == nil {
				g.Close()
			}
			var unusable *layout.Unusable
			if (err != nil) != (tt.faults != nil) || err != nil && (!errors.As(err, &unusable) || !strings.Contains(err.Error(), folder)) {
				t.Fatalf("got %v, want %q", err, tt.faults)
			}
			for _, want := range tt.faults {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

// TestGivenModel holds which model weights are taken for, told by what lies beside them
// or by a name.
func TestGivenModel(t *testing.T) {
	nano, own := preset(t, "vit-nano"), learned(t, 600)
	quick := preset(t, "vit-nano-quickgelu")
	weights := modelFile(t, nano, own.Size())
	openAI := modelFile(t, nano, own.Size(), checkpoint.Tensor{Name: "vocab_size", Data: []float32{600}})
	files, err := layout.OpenCLIP(quick, own, false)
	if err != nil {
		t.Fatal(err)
	}
	other := nano
	other.Resolution = 64
	strange, err := layout.OpenCLIP(other, own, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		weights, told []byte // and the configuration
		model         string // that is named; "" for none
		want          string // the model, or what the fault says
		fault         bool
	}{
		{"told, with QuickGELU", weights, files[layout.ConfigName], "", "vit-nano-quickgelu", false},
		{"told, and named alike", weights, files[layout.ConfigName], "vit-nano-quickgelu", "vit-nano-quickgelu", false},
		{"told, and named with another activation", weights, files[layout.ConfigName], "vit-nano", "their activation is quick_gelu, says", true},
		{"told, and named otherwise", weights, files[layout.ConfigName], "vit-micro", "width 64, not 128", true},
		{"told, of no preset", weights, strange[layout.ConfigName], "", "vit-8-64-2x64", false},
		{"named", weights, nil, "vit-nano-quickgelu", "vit-nano-quickgelu", false},
		{"neither told nor named", weights, nil, "", "by their tensors it is vit-nano or vit-nano-quickgelu, and tensors do not tell the activation", true},
		{"of OpenAI, not named", openAI, nil, "", "by their tensors it is vit-nano-quickgelu,", true},
		{"of OpenAI, named", openAI, nil, "vit-nano-quickgelu", "vit-nano-quickgelu", false},
		{"of OpenAI, named with GELU", openAI, nil, "vit-nano", "they are OpenAI's, which need QuickGELU", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := layout.Open(fill(t, map[string][]byte{checkpoint.WeightsName: tt.weights, layout.ConfigName: tt.told, "merges.txt": own.Encode()}))
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if tt.model != "" {
				err = g.Take(preset(t, tt.model))
			}
			if err == nil {
				err = g.Ready("--model")
			}
			switch {
			case tt.fault && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q in it", err, tt.want)
			case !tt.fault && (err != nil || g.Config.Name != tt.want):
				t.Errorf("got %+v, %v, want %s", g.Config, err, tt.want)
			}
		})
	}
}

// TestGivenVocabulary reads what tokens mean from whichever file is there.
func TestGivenVocabulary(t *testing.T) {
	nano, own := preset(t, "vit-nano"), learned(t, 600)
	files, err := layout.OpenCLIP(nano, own, false)
	if err != nil {
		t.Fatal(err)
	}
	fast := fastTokenizer(t, own, "</w>")
	for _, tt := range []struct {
		name   string
		tokens int
		beside map[string][]byte
		public bool
		fault  string
	}{
		{"pairloom's", 600, map[string][]byte{"vocabulary.txt": own.Encode()}, false, ""},
		{"merges alone", 600, map[string][]byte{"merges.txt": files["merges.txt"]}, false, ""},
		{"merges without an end of the last line", 600, map[string][]byte{"merges.txt": bytes.TrimSpace(files["merges.txt"]), "vocab.json": files["vocab.json"]}, false, ""},
		{"tokenizer.json", 600, map[string][]byte{"tokenizer.json": fast}, false, ""},
		{"gzipped merges", 600, map[string][]byte{"bpe_vocabulary.txt.gz": files["bpe_vocabulary.txt.gz"]}, false, ""},
		{"none, of the public size", token.PublicSize, nil, true, ""},
		{"none, of the public size, beside another tokenizer", token.PublicSize, map[string][]byte{"vocab.txt": []byte("the\n")}, true, ""},
		{"none", 600, nil, false, "its vocabulary has 600 tokens, and nothing beside it says what they are"},
		{"of another size", 601, map[string][]byte{"merges.txt": files["merges.txt"]}, false, "the weights have rows for 601 tokens"},
		{"SentencePiece", 32000, map[string][]byte{"spiece.model": []byte("x")}, false, "one of SentencePiece, which pairloom has not"},
		{"tokenizer.json of SentencePiece", 32000, map[string][]byte{"tokenizer.json": []byte(`{"model": {"type": "Unigram", "vocab": []}}`)}, false, "tokenizer.json"},
		{"tokenizer.json of GPT-2", 600, map[string][]byte{"tokenizer.json": fastTokenizer(t, own, "")}, false, "whose words end in </w>"},
		{"merges of nothing", 600, map[string][]byte{"merges.txt": []byte("#version\nab\n")}, false, "merges.txt: read vocabulary: line 2"},
		{"gzipped merges, cut", 600, map[string][]byte{"bpe_vocabulary.txt.gz": files["bpe_vocabulary.txt.gz"][:99]}, false, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			beside := map[string][]byte{checkpoint.WeightsName: modelFile(t, nano, tt.tokens)}
			maps.Copy(beside, tt.beside)
			g, err := layout.Open(fill(t, beside))
			if err == nil {
				defer g.Close()
				if err = g.Take(nano); err == nil {
					err = g.Ready("--model")
				}
			}
			switch {
			case tt.fault != "":
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got %v, want %q in it", err, tt.fault)
				}
			case err != nil:
				t.Error(err)
			case g.Vocabulary.IsPublic() != tt.public, !tt.public && !bytes.Equal(g.Vocabulary.Encode(), own.Encode()):
				t.Error("it is another vocabulary")
			}
		})
	}
}

// fastTokenizer is a vocabulary as transformers' tokenizer.json has it.
func fastTokenizer(t *testing.T, v *token.Vocabulary, suffix string) []byte {
	t.Helper()
	files, err := layout.HuggingFace(preset(t, "vit-nano"), v)
	if err != nil {
		t.Fatal(err)
	}
	_, merges, _ := strings.Cut(strings.TrimSpace(string(v.Encode())), "\n")
	var pairs []string
	for i, line := range strings.Split(merges, "\n") {
		line = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(line)
		if i%2 == 0 { // both ways are found
			line = strings.Replace(line, " ", `","`, 1)
			pairs = append(pairs, `["`+line+`"]`)
			continue
		}
		pairs = append(pairs, `"`+line+`"`)
	}
	return []byte(`{"model": {"type": "BPE", "end_of_word_suffix": "` + suffix + `", "vocab": ` + string(files["vocab.json"]) + `, "merges": [` + strings.Join(pairs, ",") + `]}}`)
}

// TestGivenPath finds the weights of a folder, and says what is missing in one.
func TestGivenPath(t *testing.T) {
	nano, own := preset(t, "vit-nano"), learned(t, 600)
	weights := modelFile(t, nano, own.Size())
	for _, tt := range []struct {
		name  string
		files map[string][]byte
		want  string // the file, or what the fault says
		fault bool
	}{
		{"of open_clip beside transformers'", map[string][]byte{"model.safetensors": weights, "open_clip_model.safetensors": weights}, "open_clip_model.safetensors", false},
		{"of transformers", map[string][]byte{"model.safetensors": weights, "optimizer.safetensors": weights}, "model.safetensors", false},
		{"the only one", map[string][]byte{"step 9.safetensors": weights, "notes.txt": []byte("x")}, "step 9.safetensors", false},
		{"one of two", map[string][]byte{"a.safetensors": weights, "b.safetensors": weights}, "a.safetensors and b.safetensors; name the one", true},
		{"a pickle", map[string][]byte{"pytorch_model.bin": []byte("PK\x03\x04archive/data.pkl")}, "a pickle of PyTorch's", true},
		{"nothing", map[string][]byte{"notes.txt": []byte("x")}, "the folder has no weights", true},
		{"a pointer", map[string][]byte{"model.safetensors": []byte("version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 605\n")}, "git lfs pull", true},
		{"a SigLIP", map[string][]byte{"model.safetensors": tensors(t, "vision_model.embeddings.patch_embedding.weight", "vision_model.head.probe")}, "it is a SigLIP of transformers", true},
		{"a GPT-2", map[string][]byte{"model.safetensors": tensors(t, "wte.weight", "h.0.attn.c_attn.weight")}, "train.text_init takes", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := fill(t, tt.files)
			g, err := layout.Open(folder)
			if err == nil {
				defer g.Close()
			}
			switch {
			case tt.fault && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), folder)):
				t.Errorf("got %v, want %q and the folder in it", err, tt.want)
			case !tt.fault && (err != nil || g.Weights.Files[0].Path != filepath.Join(folder, tt.want)):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, err := layout.Open(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
	folder := t.TempDir()
	c := save(t, filepath.Join(folder, "checkpoints"), "vit-nano", own, false)
	if _, err := layout.Open(filepath.Join(folder, "checkpoints")); err == nil || !strings.Contains(err.Error(), "name one of them, such as "+c.Path) {
		t.Errorf("a folder of checkpoints gives %v", err)
	}
	g, err := layout.Open(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if g.Checkpoint == nil || *g.Config != c.State.Model || g.Vocabulary.Size() != own.Size() {
		t.Errorf("a checkpoint gives %+v", g)
	}
}

// tensors is a file of scalars.
func tensors(t testing.TB, names ...string) []byte {
	t.Helper()
	var list []checkpoint.Tensor
	for _, name := range names {
		list = append(list, checkpoint.Tensor{Name: name, Data: []float32{1}})
	}
	var b bytes.Buffer
	if err := checkpoint.Encode(&b, list, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
