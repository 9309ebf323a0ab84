package gpt2

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// texts are those of testdata/gpt2.py.
var texts = []string{"a photo of a red fox", "two bears", "", "a fox of a photo of a red fox of two red bears"}

// tolerance is the largest relative error of a text's rows.
const tolerance = 1e-5

// tower is a small model whose text tower is that of testdata.
func tower(width, layers int) clip.Config {
	return clip.Config{Name: "tower", Embed: width, Resolution: 16, Patch: 8, Width: 16, Layers: 1, Heads: 2,
		TextWidth: width, TextLayers: layers, TextHeads: 4, Context: 24}
}

// words is a vocabulary in which every word of the texts is one token.
func words(t *testing.T) *token.Vocabulary {
	t.Helper()
	lines, known := "#version\n", map[string]bool{}
	for _, word := range strings.Fields(strings.Join(texts, " ")) {
		left := word[:1]
		for i, r := range word[1:] {
			line := left + " " + string(r)
			if i == len(word)-2 {
				line += "</w>"
			}
			if !known[line] {
				known[line] = true
				lines += line + "\n"
			}
			left += string(r)
		}
	}
	v, err := token.Parse([]byte(lines), 0)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// drawn is a model on a device, drawn from a seed.
func drawn(t *testing.T, d device.Device, c clip.Config, v *token.Vocabulary) *clip.Model {
	t.Helper()
	model := clip.New(c, v.Size())
	if err := errors.Join(model.Parameters.Allocate(d, false), model.Parameters.Draw(d, 1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		model.Parameters.Free()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return model
}

// named are the parameters of a model.
func named(t *testing.T, d device.Device, model *clip.Model) map[string]nn.Tensor {
	t.Helper()
	list, err := model.Parameters.Read(d, model.Parameters.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]nn.Tensor{}
	for _, x := range list {
		set[x.Name] = x
	}
	return set
}

// rows are those of the text tower: each beginning of a text is a caption of its
// own, and a projection that is the identity leaves the row of its last token.
func rows(t *testing.T, d device.Device, model *clip.Model, v *token.Vocabulary, text string) []float32 {
	t.Helper()
	w := model.Config.TextWidth
	identity := make([]float32, w*w)
	for i := range w {
		identity[i*w+i] = 1
	}
	for _, q := range model.Parameters.List {
		if q.Name == "text_projection" {
			d.Write(q.Value.Data, identity)
		}
	}
	captions, ids := &token.Captions{}, v.NewEncoder().Append(nil, text, model.Config.Context)
	for n := range ids {
		captions.Append(ids[:n+1])
	}
	pool := device.NewPool(d)
	defer pool.Close()
	tape := autograd.Evaluate(d, pool)
	defer tape.Reset()
	y := model.Texts(tape, captions)
	x := make([]float32, y.Data.Len)
	if err := d.Read(x, y.Data); err != nil {
		t.Fatal(err)
	}
	return x
}

// backends are held against PyTorch.
var backends = map[string]func() device.Device{
	"reference": func() device.Device { return reference.New() }, "cpu": func() device.Device { return cpu.Open(1) },
}

// TestForward holds the text tower against a GPT-2 in PyTorch, after each number
// of layers, and says what GPT-2's own activation would have given.
func TestForward(t *testing.T) {
	truth, err := checkpoint.ReadWeights("testdata/truth.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Read("testdata/gpt2.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	v := words(t)
	worst, activation := 0.0, 0.0
	for name, open := range backends {
		for layers := 1; layers <= m.Layers; layers++ {
			d := open()
			model := drawn(t, d, tower(32, layers), v)
			if _, err := m.Load(d, model, v); err != nil {
				t.Fatal(err)
			}
			for n, text := range texts {
				got := rows(t, d, model, v, text)
				e := conformance.RelativeError(got, truth[fmt.Sprintf("exact/%d/%d", layers, n)].Data)
				if !(e <= tolerance) {
					t.Errorf("%s: %q after %d layers differs by %.2g", name, text, layers, e)
				}
				worst = max(worst, e)
				activation = max(activation, conformance.RelativeError(got, truth[fmt.Sprintf("new/%d/%d", layers, n)].Data))
			}
		}
	}
	t.Logf("rows differ by %.1e at most; by %.1e from those with GPT-2's own activation", worst, activation)
}

// TestLoad holds what is taken, and what keeps its draw.
func TestLoad(t *testing.T) {
	m, err := Read("testdata/gpt2.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	v := words(t)
	d := reference.New()
	model := drawn(t, d, tower(32, 5), v)
	before := named(t, d, model)
	a, err := m.Load(d, model, v)
	if err != nil {
		t.Fatal(err)
	}
	after := named(t, d, model)
	if a.Layers != 3 || a.OfLayers != 3 || a.Drawn != 2 || a.Positions != 24 || a.OfPositions != 40 {
		t.Errorf("the account is %+v", a)
	}
	if a.Single != v.Size() || a.Mean != 0 || a.None != 0 {
		t.Errorf("each of %d tokens is one of GPT-2's, but the account is %+v", v.Size(), a)
	}
	if want := "layers 3 of 3 (2 of its own keep their draw), positions 24 of 40; tokens with the embedding of one of GPT-2's tokens: 529,"; !strings.Contains(a.String(), want) {
		t.Errorf("%q is not in %q", want, a)
	}
	for name := range before {
		taken := !strings.HasPrefix(name, "visual.") && name != "text_projection" && name != "logit_scale" &&
			!strings.Contains(name, "resblocks.3") && !strings.Contains(name, "resblocks.4")
		if changed := !slices.Equal(before[name].Data, after[name].Data); changed != taken {
			t.Errorf("%s: changed is %v, %v expected", name, changed, taken)
		}
	}
}

// made is a vocabulary of GPT-2's kind with all bytes but one and the given
// tokens, which merge from left to right.
func made(tokens ...string) *vocabulary {
	v := &vocabulary{ids: map[string]int32{}, ranks: map[[2]string]int{}}
	for b := range 256 {
		if b != 0xF5 {
			v.ids[string([]byte{byte(b)})] = int32(b)
		}
	}
	for _, text := range tokens {
		for i := 1; i < len(text); i++ {
			if _, there := v.ids[text[:i+1]]; !there || v.ranks[[2]string{text[:i], text[i : i+1]}] == 0 {
				v.ids[text[:i+1]] = int32(1000 + len(v.ids))
				v.ranks[[2]string{text[:i], text[i : i+1]}] = 1 + len(v.ranks)
			}
		}
	}
	return v
}

func TestCounterparts(t *testing.T) {
	v := made(" fox", " Paris", "ing", " élan", "'s", "!!", "Rome", " NYC")
	texts := map[int32]string{}
	for text, id := range v.ids {
		texts[id] = text
	}
	for _, tt := range []struct {
		name, token string
		want        []string
	}{
		{"ends a word", "fox ", []string{" fox"}},
		{"begins a word or is inside", "fox", []string{" fox"}},
		{"GPT-2 has it with a capital", "paris ", []string{" Paris"}},
		{"capital without space", "rome ", []string{"Rome"}},
		{"all capitals", "nyc ", []string{" NYC"}},
		{"the end of a word", "ing ", []string{"ing"}},
		{"the inside of a word", "ing", []string{"ing"}},
		{"two bytes a letter", "élan ", []string{" élan"}},
		{"a contraction", "'s ", []string{"'s"}},
		{"punctuation has no space before it", "!! ", []string{"!!"}},
		{"several tokens, with space", "foxing ", []string{" fox", "ing"}},
		{"several tokens, without", "ingx", []string{"ing", "x"}},
		{"bytes alone", "zq ", []string{" ", "z", "q"}},
		{"half a character", "\xC3", []string{"\xC3"}},
		{"half a character that ends", "\xA9 ", []string{"\xA9"}},
		{"the byte of the space", " ", []string{" "}},
		{"the byte of the space, ending", "  ", []string{" "}},
		{"a byte that is missing", "a\xF5", nil},
	} {
		var got []string
		for _, id := range v.counterparts(tt.token) {
			got = append(got, texts[id])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q is %q, %q expected", tt.name, tt.token, got, tt.want)
		}
	}
}

// FuzzMerges holds that a text, whatever the merges, is cut into tokens that
// make the text again.
func FuzzMerges(f *testing.F) {
	data, err := os.ReadFile("testdata/" + mergesName)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, "a red fox of two bears")
	f.Add([]byte("f o\nĠ fo\r\n\n"), " fofo\xff")
	f.Add([]byte("#version\nĠ\n"), "")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		v := made(" fox", "red", "of a")
		v.ids["\xF5"] = 0xF5
		clear(v.ranks)
		if len(text) > 1000 || v.readMerges(data, 0) != nil {
			return
		}
		texts := map[int32]string{}
		for text, id := range v.ids {
			texts[id] = text
		}
		again := ""
		for _, id := range v.encode(text) {
			again += texts[id]
		}
		if again != text {
			t.Errorf("%q becomes %q", text, again)
		}
	})
}

// TestMean holds the embedding of tokens that GPT-2 cuts in several.
func TestMean(t *testing.T) {
	v := made("ab")
	m := &Model{Width: 2, vocabulary: v, tensors: map[string]checkpoint.Tensor{"wte.weight": {Data: make([]float32, 2*4000)}}}
	wte := m.tensors["wte.weight"].Data
	for id := range 4000 {
		wte[2*id], wte[2*id+1] = float32(id), float32(-id)
	}
	ours, err := token.Parse([]byte("#version\nx y</w>\n"), 0)
	if err != nil {
		t.Fatal(err)
	}
	table, a := make([]float32, 2*ours.Size()), Account{}
	m.embed(table, ours, &a)
	want := float32(' '+'x'+'y') / 3
	if got := table[2*512:][:2]; math.Abs(float64(got[0]-want)) > 1e-4 || got[1] != -got[0] {
		t.Errorf("the embedding is %v, the mean of the bytes %v", got, want)
	}
	if a.Mean == 0 || a.None != 2 || a.Single+a.Mean+a.None != ours.Size() {
		t.Errorf("the account is %+v; only the byte 0xF5, inside and at the end of words, has none", a)
	}
}

// TestFaults reads files that are damaged or do not belong together.
func TestFaults(t *testing.T) {
	weights, err := checkpoint.ReadWeights("testdata/gpt2.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	original := map[string][]byte{}
	for _, name := range []string{vocabularyName, mergesName} {
		if original[name], err = os.ReadFile("testdata/" + name); err != nil {
			t.Fatal(err)
		}
	}
	encode := func(change func(map[string]checkpoint.Tensor)) []byte {
		set := maps.Clone(weights)
		change(set)
		var b bytes.Buffer
		var list []checkpoint.Tensor
		for name, x := range set {
			x.Name = name
			list = append(list, x)
		}
		if err := checkpoint.Encode(&b, list, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	tokens := func(change func(map[string]int32)) []byte {
		var set map[string]int32
		if err := json.Unmarshal(original[vocabularyName], &set); err != nil {
			t.Fatal(err)
		}
		change(set)
		data, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	reshape := func(name string, shape ...int) []byte {
		return encode(func(set map[string]checkpoint.Tensor) {
			x := set[name]
			x.Shape = shape
			set[name] = x
		})
	}
	const file = "gpt2.safetensors"
	whole := encode(func(map[string]checkpoint.Tensor) {})
	for _, tt := range []struct {
		name, file string
		data       []byte // nil removes the file
		want       string
	}{
		{"as published by others", file, encode(func(set map[string]checkpoint.Tensor) {
			for name, x := range weights {
				delete(set, name)
				set["transformer."+name] = x
			}
			set["lm_head.weight"] = weights["wte.weight"]
		}), ""},
		{"without masks", file, encode(func(set map[string]checkpoint.Tensor) {
			maps.DeleteFunc(set, func(name string, _ checkpoint.Tensor) bool {
				return strings.HasSuffix(name, ".attn.bias") || strings.HasSuffix(name, "masked_bias")
			})
		}), ""},
		{"no weights", file, nil, "no such file"},
		{"weights cut short", file, whole[:len(whole)-100], "cut short"},
		{"a tensor is missing", file, encode(func(set map[string]checkpoint.Tensor) { delete(set, "h.1.mlp.c_fc.bias") }), "h.1.mlp.c_fc.bias is missing; give the safetensors file of a GPT-2"},
		{"a layer is missing", file, encode(func(set map[string]checkpoint.Tensor) {
			maps.DeleteFunc(set, func(name string, _ checkpoint.Tensor) bool { return strings.HasPrefix(name, "h.1.") })
		}), "h.1.ln_1.weight is missing"},
		{"no embeddings", file, encode(func(set map[string]checkpoint.Tensor) { delete(set, "wte.weight") }), "wte.weight of rank 2 is missing"},
		{"already transposed", file, reshape("h.0.attn.c_attn.weight", 96, 32), "h.0.attn.c_attn.weight has shape [96 32], [32 96] expected"},
		{"another width", file, reshape("wpe.weight", 80, 16), "wte.weight has shape"},
		{"no vocabulary", vocabularyName, nil, "in the same folder"},
		{"no merges", mergesName, nil, "in the same folder"},
		{"vocabulary of another size", vocabularyName, tokens(func(set map[string]int32) { delete(set, "!") }), fmt.Sprintf("it has %d tokens, and wte.weight %d rows", weights["wte.weight"].Shape[0]-1, weights["wte.weight"].Shape[0])},
		{"vocabulary cut short", vocabularyName, original[vocabularyName][:100], "JSON"},
		{"an id twice", vocabularyName, tokens(func(set map[string]int32) { set["!"] = 1 }), "has id 1"},
		{"an id out of range", vocabularyName, tokens(func(set map[string]int32) { set["!"] = 1e6 }), "has id 1000000"},
		{"no end of text", vocabularyName, tokens(func(set map[string]int32) {
			set["other"] = set[endOfText]
			delete(set, endOfText)
		}), "no <|endoftext|>"},
		{"a character of no byte", vocabularyName, tokens(func(set map[string]int32) {
			set["狐"] = set["!"]
			delete(set, "!")
		}), "stands for no byte"},
		{"merges of another vocabulary", mergesName, []byte("#version: 0.2\nĠ a\nx y\n"), `line 3: "x y" is no merge`},
		{"a line without two sides", mergesName, []byte("#version: 0.2\nĠa\n"), "line 2"},
		{"an empty side", mergesName, []byte("a \n"), "line 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			files := map[string][]byte{file: whole}
			maps.Copy(files, original)
			files[tt.file] = tt.data
			for name, data := range files {
				if data == nil {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Read(filepath.Join(dir, file))
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), filepath.Join(dir, tt.file)) {
				t.Errorf("got %v, want %q and the path in it", err, tt.want)
			}
		})
	}
}

// TestOtherTower refuses towers that do not fit.
func TestOtherTower(t *testing.T) {
	m, err := Read("testdata/gpt2.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	words := words(t)
	none := tower(32, 1)
	none.Objective = clip.BagOfWords
	for _, tt := range []struct {
		config clip.Config
		want   string
	}{{tower(64, 1), "it is 32 wide, the text tower of tower 64"}, {none, "bag_of_words has none"}} {
		d := reference.New()
		if _, err := m.Load(d, drawn(t, d, tt.config, words), words); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	if got := cure(768); got != "take a model of that width: vit-l-14, vit-l-14-336, rn50x16" {
		t.Errorf("a width of 768: %s", got)
	}
}

// TestHash tells other content from the same content elsewhere.
func TestHash(t *testing.T) {
	seen := map[string]string{}
	for _, changed := range []string{"", "gpt2.safetensors", vocabularyName, mergesName} {
		dir := t.TempDir()
		for _, name := range []string{"gpt2.safetensors", vocabularyName, mergesName} {
			content := name
			if name == changed {
				content += "x"
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		hash, err := Hash(filepath.Join(dir, "gpt2.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if before, there := seen[hash]; there {
			t.Errorf("a change of %q has the hash of a change of %q", changed, before)
		}
		seen[hash] = changed
	}
	if _, err := Hash("testdata/absent"); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("an absent file gives %v", err)
	}
}

// TestGELU measures how far the tower's activations are from GPT-2's.
func TestGELU(t *testing.T) {
	exact := func(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }
	quick := func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) }
	theirs := func(x float64) float64 {
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	for _, tt := range []struct {
		name   string
		ours   func(float64) float64
		at     float64 // doc.go says so
		digits float64
	}{{"GELU", exact, 4.8e-4, 1e-5}, {"QuickGELU", quick, 0.021, 1e-3}} {
		most, where := 0.0, 0.0
		for i := -100000; i <= 100000; i++ {
			x := float64(i) * 1e-4
			if e := math.Abs(tt.ours(x) - theirs(x)); e > most {
				most, where = e, x
			}
		}
		t.Logf("%s differs from GPT-2's activation by %.3g at most, at %.2f", tt.name, most, where)
		if most > tt.at || most < tt.at-tt.digits {
			t.Errorf("%s differs by %g; doc.go says %g", tt.name, most, tt.at)
		}
	}
}
