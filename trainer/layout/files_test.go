package layout_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/layout"
	"github.com/pairloom/pairloom/trainer/token"
)

func preset(t *testing.T, name string) clip.Config {
	t.Helper()
	c, err := clip.Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestOpenCLIPConfig holds model_cfg against that of open_clip's own models of the
// same names (model_configs/ViT-B-32.json, RN50.json, RN50x4.json), and against what
// small ones and those with a vocabulary of their own need beside.
func TestOpenCLIPConfig(t *testing.T) {
	own, public := learned(t, 600), token.Public()
	for _, tt := range []struct {
		preset     string
		vocabulary *token.Vocabulary
		bias       bool
		want       string // model_cfg
	}{
		{"vit-b-32", public, false, `{"embed_dim": 512, "quick_gelu": false,
			"vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "head_width": 64, "patch_size": 32},
			"text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}}`},
		{"rn50", public, false, `{"embed_dim": 1024, "quick_gelu": false,
			"vision_cfg": {"image_size": 224, "layers": [3, 4, 6, 3], "width": 64, "head_width": 64},
			"text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12}}`},
		{"rn50x4", public, false, `{"embed_dim": 640, "quick_gelu": false,
			"vision_cfg": {"image_size": 288, "layers": [4, 6, 10, 6], "width": 80, "head_width": 64},
			"text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 640, "heads": 10, "layers": 12}}`},
		{"vit-micro", own, true, `{"embed_dim": 128, "quick_gelu": false, "init_logit_bias": -10,
			"vision_cfg": {"image_size": 64, "layers": 4, "width": 128, "head_width": 32, "patch_size": 8},
			"text_cfg": {"context_length": 77, "vocab_size": 600, "width": 128, "heads": 4, "layers": 3,
				"hf_tokenizer_name": "vit-micro", "tokenizer_kwargs": {"clean": "lower"}}}`},
	} {
		t.Run(tt.preset, func(t *testing.T) {
			files, err := layout.OpenCLIP(preset(t, tt.preset), tt.vocabulary, tt.bias)
			if err != nil {
				t.Fatal(err)
			}
			var got, want map[string]any
			if err := errors.Join(json.Unmarshal(files[layout.ConfigName], &got), json.Unmarshal([]byte(tt.want), &want)); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got["model_cfg"], any(want)) {
				t.Errorf("got %v, want %v", got["model_cfg"], want)
			}
		})
	}
}

// TestSimpleVocabulary holds the gzipped merges: the lines of the public file, the
// last one without a newline, and none where its reader would cut the vocabulary.
func TestSimpleVocabulary(t *testing.T) {
	for _, v := range []*token.Vocabulary{token.Public(), learned(t, 600), learned(t, token.Smallest)} {
		files, err := layout.OpenCLIP(preset(t, "vit-nano"), v, false)
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(files["bpe_vocabulary.txt.gz"]))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(unpacked)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		if want := 1 + v.Size() - token.Smallest; len(lines) != want || slices.Contains(lines, "") {
			t.Errorf("of %d tokens: %d lines, %d expected, none of them empty", v.Size(), len(lines), want)
		}
		if string(files["merges.txt"]) != string(text)+"\n" {
			t.Errorf("of %d tokens: merges.txt has other lines", v.Size())
		}
		var words map[string]int32
		if err := json.Unmarshal(files["vocab.json"], &words); err != nil {
			t.Fatal(err)
		}
		if len(words) != v.Size() || words["<|startoftext|>"] != v.Start() || words["<|endoftext|>"] != v.End() || words["!"] != 0 || words["!</w>"] != 256 {
			t.Errorf("of %d tokens: vocab.json has %d words, start %d, end %d", v.Size(), len(words), words["<|startoftext|>"], words["<|endoftext|>"])
		}
	}
}

// TestExport writes into new and empty folders alone, and what the other program
// has no model for not at all.
func TestExport(t *testing.T) {
	folder := t.TempDir()
	vit := save(t, filepath.Join(folder, "vit"), "vit-nano", learned(t, 600), true)
	resnet := save(t, filepath.Join(folder, "resnet"), "rn-nano", learned(t, 600), false)
	words := *vit
	words.State.Model.Objective = clip.BagOfWords
	occupied := filepath.Join(folder, "occupied")
	empty := filepath.Join(folder, "empty")
	killed := filepath.Join(folder, "killed")
	theirs := filepath.Join(folder, "theirs") // somebody has a folder of the name that is written first
	if err := errors.Join(os.MkdirAll(filepath.Join(occupied, "cats"), 0o755), os.Mkdir(empty, 0o755),
		os.MkdirAll(killed+".writing", 0o755), os.WriteFile(killed+".writing/vocab.json.writing", nil, 0o644),
		os.MkdirAll(theirs+".writing", 0o755), os.WriteFile(theirs+".writing/novel.txt", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	tokenizer := []string{"merges.txt", "model.safetensors", "tokenizer_config.json", "vocab.json"}
	forHuggingFace := append([]string{"config.json", "preprocessor_config.json"}, tokenizer...)
	forOpenCLIP := append([]string{"bpe_vocabulary.txt.gz", "open_clip_config.json"}, tokenizer...)
	for _, tt := range []struct {
		name    string
		c       *checkpoint.Checkpoint
		average bool
		format  string
		to      string
		files   []string
		fault   error
		says    string
	}{
		{"a ViT", vit, false, layout.FormatHuggingFace, filepath.Join(folder, "a", "b"), forHuggingFace, nil, ""},
		{"into an empty folder", vit, false, layout.FormatHuggingFace, empty + "/", forHuggingFace, nil, ""},
		{"where a kill left something", vit, false, layout.FormatOpenCLIP, killed, forOpenCLIP, nil, ""},
		{"a ResNet for open_clip", resnet, false, layout.FormatOpenCLIP, filepath.Join(folder, "c"), forOpenCLIP, nil, ""},
		{"a ResNet for transformers", resnet, false, layout.FormatHuggingFace, filepath.Join(folder, "d"), nil, layout.ErrNoModel, "modified ResNet"},
		{"a bag of words for transformers", &words, false, layout.FormatHuggingFace, filepath.Join(folder, "e"), nil, layout.ErrNoModel, "objective is bag_of_words"},
		{"a bag of words for open_clip", &words, false, layout.FormatOpenCLIP, filepath.Join(folder, "f"), nil, layout.ErrNoModel, "objective is bag_of_words"},
		{"an average that is not there", vit, true, layout.FormatHuggingFace, filepath.Join(folder, "g"), nil, layout.ErrNoAverage, "train.ema"},
		{"beside somebody's folder", vit, false, layout.FormatHuggingFace, theirs, nil, layout.ErrOccupied, "novel.txt lies there"},
		{"into a folder with something", vit, false, layout.FormatHuggingFace, occupied, nil, layout.ErrOccupied, "cats lies there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := layout.Export(tt.c, tt.average, tt.format, tt.to)
			if !errors.Is(err, tt.fault) || tt.fault != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v, want %v with %q", err, tt.fault, tt.says)
			}
			var there []string
			entries, err := os.ReadDir(tt.to)
			if err != nil && tt.fault == nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				there = append(there, e.Name())
			}
			slices.Sort(tt.files)
			slices.Sort(got)
			if tt.to != occupied && (!slices.Equal(there, tt.files) || !slices.Equal(got, tt.files)) {
				t.Errorf("there are %v, named %v, want %v", there, got, tt.files)
			}
			if _, err := os.Stat(filepath.Clean(tt.to) + ".writing"); (err == nil) != (tt.to == theirs) {
				t.Error("an unfinished folder is left, or somebody's is gone")
			}
		})
	}
}

// TestHuggingFaceWeights holds that exported weights are those of the checkpoint
// under other names.
func TestHuggingFaceWeights(t *testing.T) {
	folder := t.TempDir()
	c := save(t, filepath.Join(folder, "checkpoints"), "vit-nano", learned(t, 600), true)
	to := filepath.Join(folder, "out")
	if _, err := layout.Export(c, false, layout.FormatHuggingFace, to); err != nil {
		t.Fatal(err)
	}
	g, err := layout.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	d := cpu.Open(1)
	defer d.Close()
	m := clip.New(*g.Config, g.Vocabulary.Size())
	defer m.Parameters.Free()
	if err := m.Parameters.Allocate(d, false); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Load(d, &m.Parameters); err != nil {
		t.Fatal(err)
	}
	list, err := m.Parameters.Read(d, m.Parameters.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]checkpoint.Tensor{}
	for _, x := range list {
		got[x.Name] = x
	}
	want, err := c.Weights()
	if err != nil {
		t.Fatal(err)
	}
	delete(want, "logit_bias") // CLIPModel has none
	if !maps.EqualFunc(got, want, func(a, b checkpoint.Tensor) bool {
		return slices.Equal(a.Shape, b.Shape) && slices.Equal(a.Data, b.Data)
	}) {
		t.Errorf("%d tensors come back as %d others, or with other values", len(want), len(got))
	}
}
