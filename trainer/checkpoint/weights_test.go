package checkpoint_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/reference"
	"github.com/pairloom/pairloom/trainer/nn"
)

// tiny is a ViT of the least of everything.
var tiny = clip.Config{Name: "tiny", Embed: 6, Resolution: 8, Patch: 4, Width: 12, Layers: 2, Heads: 3, TextWidth: 8, TextLayers: 2, TextHeads: 2, Context: 5}

// words of its vocabulary.
const words = 40

// drawn are the tensors of a model of tiny's shape, each value another.
func drawn(t *testing.T) map[string]nn.Tensor {
	t.Helper()
	set, next := map[string]nn.Tensor{}, float32(1)
	for _, q := range clip.New(tiny, words).Parameters.List {
		x := nn.Tensor{Name: q.Name, Shape: q.Shape, Data: make([]float32, q.Words())}
		for i := range x.Data {
			x.Data[i] = next / 64
			next++
		}
		set[q.Name] = x
	}
	return set
}

// theirs is the state of a Hugging Face CLIPModel that computes what a model of
// ours with the tensors in set does: each line is a tensor of theirs, ours, and
// which of ours' rows it has or that it lies the other way round.
func theirs(t *testing.T, c clip.Config, set map[string]nn.Tensor) map[string]nn.Tensor {
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

// write writes the tensors, of which those in types are of another type than F32.
func write(t *testing.T, path string, set map[string]nn.Tensor, types map[string]string) {
	t.Helper()
	type entry struct {
		Type    string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header, data := map[string]entry{}, []byte(nil)
	for _, name := range slices.Sorted(maps.Keys(set)) {
		x, from := set[name], len(data)
		kind := types[name]
		if kind == "" {
			kind = "F32"
		}
		for _, v := range x.Data {
			switch bits := math.Float32bits(v); kind {
			case "F32":
				data = binary.LittleEndian.AppendUint32(data, bits)
			case "BF16":
				data = binary.LittleEndian.AppendUint16(data, uint16(bits>>16))
			case "I64":
				data = binary.LittleEndian.AppendUint64(data, uint64(int64(v)))
			case "BOOL":
				data = append(data, 1)
			}
		}
		header[name] = entry{kind, append([]int{}, x.Shape...), [2]int{from, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	file := append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), data...)
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
}

// load reads weights into a model of tiny's shape, and its tensors back.
func load(t *testing.T, path string) (map[string]nn.Tensor, error) {
	t.Helper()
	w, err := checkpoint.OpenWeights(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	d := reference.New()
	defer d.Close()
	m := clip.New(tiny, words)
	if err := m.Parameters.Allocate(d, false); err != nil {
		t.Fatal(err)
	}
	defer m.Parameters.Free()
	if _, err := w.Load(d, &m.Parameters); err != nil {
		return nil, err
	}
	list, err := m.Parameters.Read(d, m.Parameters.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]nn.Tensor{}
	for _, x := range list {
		set[x.Name] = x
	}
	return set, nil
}

// prefixed are the tensors behind a prefix.
func prefixed(set map[string]nn.Tensor, prefix string, only ...string) map[string]nn.Tensor {
	out := map[string]nn.Tensor{}
	for name, x := range set {
		if len(only) == 0 || slices.ContainsFunc(only, func(o string) bool { return strings.HasPrefix(name, o) }) {
			name = prefix + name
		}
		out[name] = x
	}
	return out
}

func with(set map[string]nn.Tensor, more ...nn.Tensor) map[string]nn.Tensor {
	set = maps.Clone(set)
	for _, x := range more {
		set[x.Name] = x
	}
	return set
}

// TestLoadOfOthers loads the weights of a model under the names, in the types and in
// the number of files that others give them: they are the same.
func TestLoadOfOthers(t *testing.T) {
	ours := drawn(t)
	scalars := []nn.Tensor{{Name: "input_resolution", Data: []float32{8}}, {Name: "context_length", Data: []float32{5}}, {Name: "vocab_size", Data: []float32{words}}}
	long := map[string]string{"input_resolution": "I64", "context_length": "I64", "vocab_size": "I64", "attn_mask": "BOOL"}
	bias := nn.Tensor{Name: "logit_bias", Data: []float32{-9}}
	scale := ours["logit_scale"]
	scale.Shape = []int{1} // open_clip's nonscalar_logit_scale
	rounded, half := maps.Clone(ours), map[string]string{}
	for name, x := range rounded {
		x.Data = slices.Clone(x.Data)
		for i, v := range x.Data {
			x.Data[i] = math.Float32frombits(math.Float32bits(v) &^ 0xffff)
		}
		rounded[name], half[name] = x, "BF16"
	}
	for _, tt := range []struct {
		name  string
		set   map[string]nn.Tensor
		types map[string]string
		want  map[string]nn.Tensor
	}{
		{"open_clip", ours, nil, ours},
		{"open_clip, a scale of one dimension", with(ours, scale), nil, ours},
		{"open_clip, SigLIP's loss", with(ours, bias), nil, ours},
		{"open_clip, a text tower apart", prefixed(ours, "text.", "token_embedding", "positional_embedding", "transformer", "ln_final", "text_projection"), nil, ours},
		{"open_clip, saved by several processes", prefixed(ours, "module."), nil, ours},
		{"OpenAI", with(ours, append(scalars, nn.Tensor{Name: "attn_mask", Shape: []int{2}, Data: []float32{1, 1}})...), long, ours},
		{"bfloat16", rounded, half, rounded},
		{"Hugging Face", theirs(t, tiny, ours), map[string]string{"text_model.embeddings.position_ids": "I64"}, ours},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "model.safetensors")
			write(t, path, tt.set, tt.types)
			got, err := load(t, path)
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, tt.want)
		})
	}
	t.Run("in two files", func(t *testing.T) {
		folder := t.TempDir()
		index := divide(t, folder, theirs(t, tiny, ours))
		got, err := load(t, index)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, ours)
	})
}

// divide writes tensors into two files, in turn, and their index.
func divide(t *testing.T, folder string, set map[string]nn.Tensor) string {
	t.Helper()
	halves := []map[string]nn.Tensor{{}, {}}
	in := map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(set)) {
		halves[i%2][name] = set[name]
		in[name] = fmt.Sprintf("model-0000%d-of-00002.safetensors", i%2+1)
	}
	for i, half := range halves {
		write(t, filepath.Join(folder, fmt.Sprintf("model-0000%d-of-00002.safetensors", i+1)), half, nil)
	}
	text, err := json.Marshal(map[string]any{"metadata": map[string]int{"total_size": 1}, "weight_map": in})
	index := filepath.Join(folder, "model.safetensors.index.json")
	if err := errors.Join(err, os.WriteFile(index, text, 0o644)); err != nil {
		t.Fatal(err)
	}
	return index
}

func same(t *testing.T, got, want map[string]nn.Tensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d tensors, %d expected", len(got), len(want))
	}
	for name, x := range want {
		if !slices.Equal(got[name].Data, x.Data) {
			t.Errorf("%s is otherwise", name)
		}
	}
}

// TestLoadFaults names the tensors for which a model has no place, and those that it
// lacks, before a word is written.
func TestLoadFaults(t *testing.T) {
	type set = map[string]nn.Tensor
	for _, tt := range []struct {
		name   string
		change func(ours, theirs set) set
		want   []string
	}{
		{"missing", func(ours, _ set) set { delete(ours, "visual.proj"); delete(ours, "ln_final.bias"); return ours }, []string{"2 missing: visual.proj, ln_final.bias"}},
		{"too many", func(ours, _ set) set { return with(ours, nn.Tensor{Name: "visual.extra", Data: []float32{1}}) }, []string{"1 too many: visual.extra"}},
		{"many too many", func(ours, _ set) set {
			for i := range 9 {
				ours = with(ours, nn.Tensor{Name: fmt.Sprintf("visual.extra%d", i), Data: []float32{1}})
			}
			return ours
		}, []string{"9 too many: visual.extra0, visual.extra1, visual.extra2, visual.extra3 and 5 more"}},
		{"another shape", func(ours, _ set) set {
			return with(ours, nn.Tensor{Name: "ln_final.bias", Shape: []int{3}, Data: make([]float32, 3)})
		}, []string{"1 of another shape: ln_final.bias is [3], [8] expected"}},
		{"all at once", func(ours, _ set) set {
			delete(ours, "visual.proj")
			return with(ours, nn.Tensor{Name: "x", Data: []float32{1}}, nn.Tensor{Name: "ln_final.bias", Shape: []int{3}, Data: make([]float32, 3)})
		}, []string{"1 missing: visual.proj", "1 too many: x", "1 of another shape: ln_final.bias"}},
		{"no keys", func(_, theirs set) set {
			delete(theirs, "text_model.encoder.layers.1.self_attn.k_proj.bias")
			return theirs
		}, []string{"1 missing: transformer.resblocks.1.attn.in_proj_bias"}},
		{"values of another width", func(_, theirs set) set {
			return with(theirs, nn.Tensor{Name: "vision_model.encoder.layers.0.self_attn.v_proj.weight", Shape: []int{12, 3}, Data: make([]float32, 36)})
		}, []string{"v_proj.weight is [12 3], [12 12] expected"}},
		{"a query without rows", func(_, theirs set) set {
			return with(theirs, nn.Tensor{Name: "vision_model.encoder.layers.0.self_attn.q_proj.weight", Data: []float32{1}})
		}, []string{"q_proj.weight is [], [12 12] expected"}},
		{"a projection that is no matrix", func(_, theirs set) set {
			return with(theirs, nn.Tensor{Name: "visual_projection.weight", Shape: []int{72}, Data: make([]float32, 72)})
		}, []string{"visual_projection.weight is [72], [6 12] expected"}},
		{"not finite", func(ours, _ set) set {
			x := ours["ln_final.bias"]
			x.Data[3] = float32(math.Inf(-1))
			return ours
		}, []string{"tensor ln_final.bias holds -Inf"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours := drawn(t)
			path := filepath.Join(t.TempDir(), "model.safetensors")
			write(t, path, tt.change(ours, theirs(t, tiny, ours)), nil)
			_, err := load(t, path)
			for _, want := range tt.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

// TestIndexFaults reads an index that does not tell what is there, or would lead out
// of its folder.
func TestIndexFaults(t *testing.T) {
	for _, tt := range []struct {
		name, index, want string
	}{
		{"no JSON", "{", "unexpected end"},
		{"no files", `{"weight_map": {}}`, "names no file"},
		{"a file that is not there", `{"weight_map": {"a": "b.safetensors"}}`, "b.safetensors"},
		{"a file of another folder", `{"weight_map": {"a": "../a.safetensors"}}`, "the name of a file beside it expected"},
		{"a whole path", `{"weight_map": {"a": "/etc/passwd"}}`, "the name of a file beside it expected"},
		{"the folder above", `{"weight_map": {"a": ".."}}`, "the name of a file beside it expected"},
		{"a tensor that the file lacks", `{"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}`, `tensor "b" is not in one.safetensors`},
		{"a tensor in two files", `{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}`, `tensor "a" is in one.safetensors, too`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			write(t, filepath.Join(folder, "one.safetensors"), map[string]nn.Tensor{"a": {Data: []float32{1}}}, nil)
			write(t, filepath.Join(folder, "two.safetensors"), map[string]nn.Tensor{"a": {Data: []float32{1}}, "b": {Data: []float32{1}}}, nil)
			index := filepath.Join(folder, "model.safetensors.index.json")
			if err := os.WriteFile(index, []byte(tt.index), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := checkpoint.OpenWeights(index); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

// TestNoSafetensors gives files of other kinds where safetensors are read: the error
// says what they are, and what makes them safetensors.
func TestNoSafetensors(t *testing.T) {
	const python = `python -c 'import sys, torch, safetensors.torch as s; p = sys.argv[1]; w = `
	for _, tt := range []struct {
		name, data string
		want       []string
	}{
		{"weights.pt", "PK\x03\x04\x00\x00\x08\x08archive/data.pkl", []string{"pickle", python + `torch.load(p, `, "'PATH'"}},
		{"pytorch_model.bin", "PK\x03\x04\x00\x00\x08\x08archive/data.pkl", []string{"pickle", python + `torch.load(p, `}},
		{"old.bin", "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", []string{"pickle", python + `torch.load(p, `}},
		{"ViT-B-32.pt", "PK\x03\x04\x00\x00\x08\x08ViT-B-32/data.pkl" + strings.Repeat("x", 3<<20) + "ViT-B-32/code/__torch__/clip.py", []string{"pickle", python + `torch.jit.load(p, map_location="cpu").state_dict()`}},
		{"misnamed.safetensors", "PK\x03\x04\x00\x00\x08\x08archive/data.pkl", []string{"pickle"}},
		{"model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 605247071\n", []string{"git-lfs's pointer", "git lfs pull"}},
		{"page.safetensors", "\n<!DOCTYPE html>\n<html>", []string{"a web page"}},
		{"text.safetensors", "some words of a text", []string{"its header is not that of a safetensors file"}},
		{"empty.safetensors", "", []string{"cut short"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.name)
			if err := os.WriteFile(path, []byte(tt.data), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := checkpoint.OpenWeights(path)
			if !errors.Is(err, checkpoint.ErrNotSafetensors) {
				t.Fatalf("got %v, want %v", err, checkpoint.ErrNotSafetensors)
			}
			for _, want := range tt.want {
				if want = strings.ReplaceAll(want, "PATH", path); !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
}

// TestEach hands on tensors in pieces, each word once, and the hash of the file.
func TestEach(t *testing.T) {
	big := nn.Tensor{Name: "b", Shape: []int{1 << 9, 1<<10 + 1}, Data: make([]float32, 1<<9*(1<<10+1))}
	for i := range big.Data {
		big.Data[i] = float32(i)
	}
	var b bytes.Buffer
	if err := checkpoint.Encode(&b, []nn.Tensor{{Name: "a", Data: []float32{7}}, big, {Name: "c", Shape: []int{0}}, {Name: "d", Data: []float32{8}}}, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.safetensors")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := checkpoint.OpenTensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var hashes []string
	for _, skipped := range []string{"", "b"} {
		got := map[string][]float32{}
		hash, err := f.Each(func(i int) bool { return f.Tensors[i].Name == skipped }, func(i, from int, words []float32) error {
			name := f.Tensors[i].Name
			if from != len(got[name]) {
				t.Fatalf("%s comes from word %d after %d", name, from, len(got[name]))
			}
			got[name] = append(got[name], words...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, hash)
		want := map[string][]float32{"a": {7}, "b": big.Data, "d": {8}}
		delete(want, skipped)
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("without %q, %d tensors come, or with other words", skipped, len(got))
		}
	}
	if hashes[0] != hashes[1] {
		t.Errorf("the hash is %s, and %s without a tensor", hashes[0], hashes[1])
	}
	if _, err := f.Each(nil, func(int, int, []float32) error { return io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the visitor's error", err)
	}
	// The file becomes shorter while it is read.
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Each(nil, func(int, int, []float32) error { return nil }); err == nil {
		t.Error("a file that was cut since is read to its end")
	}
}
