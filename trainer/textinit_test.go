package trainer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
)

// writeGPT2 makes a GPT-2 of one layer, as wide as vit-nano's text tower, with
// the vocabulary of gpt2/testdata, and returns the path of its weights.
func writeGPT2(t *testing.T, dir string, seed float64) string {
	t.Helper()
	const w = 64
	var tensors []checkpoint.Tensor
	add := func(name string, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		x := checkpoint.Tensor{Name: "transformer." + name, Shape: shape, Data: make([]float32, n)}
		for i := range x.Data {
			x.Data[i] = float32(0.1 * math.Sin(seed+float64(i*i%1009+len(tensors))))
		}
		tensors = append(tensors, x)
	}
	add("wte.weight", 279, w)
	add("wpe.weight", 80, w)
	for _, x := range []struct {
		name    string
		in, out int
	}{{"attn.c_attn", 1, 3}, {"attn.c_proj", 1, 1}, {"mlp.c_fc", 1, 4}, {"mlp.c_proj", 4, 1}} {
		add("h.0."+x.name+".weight", x.in*w, x.out*w)
		add("h.0."+x.name+".bias", x.out*w)
	}
	for _, name := range []string{"h.0.ln_1", "h.0.ln_2", "ln_f"} {
		add(name+".weight", w)
		for i := range w {
			tensors[len(tensors)-1].Data[i]++
		}
		add(name+".bias", w)
	}
	var b bytes.Buffer
	if err := checkpoint.Encode(&b, tensors, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "gpt2.safetensors")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vocab.json", "merges.txt"} {
		data, err := os.ReadFile(filepath.Join("gpt2", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestTextInit starts the text tower from a language model, stops, goes on
// without reading it again, and refuses another file.
func TestTextInit(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir, other, without, weights := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	for _, d := range []string{dir, other, without} {
		writeShards(t, d, 40)
	}
	o := small()
	train(t, without, o)
	o.TextInit = writeGPT2(t, weights, 1)
	run := func(dir string) (notices []string) {
		t.Helper()
		if _, err := Run(t.Context(), dir, o, func(s Step) {
			if strings.Contains(s.Notice, "GPT-2") {
				notices = append(notices, fmt.Sprint(s.Step, " ", s.Notice))
			}
		}); err != nil {
			t.Fatal(err)
		}
		return notices
	}
	const want = "1 the text tower starts from GPT-2's weights: layers 1 of 1 (1 of its own keep their draw), positions 77 of 80;"
	if got := run(dir); len(got) != 1 || !strings.HasPrefix(got[0], want) {
		t.Errorf("notices are %q, want one that begins %q", got, want)
	}
	o.StopAt = 7
	run(other)
	o.StopAt = 0
	if got := run(other); len(got) != 0 {
		t.Errorf("a resumed run says %q", got)
	}
	whole := lastTensors(t, dir)
	if !maps.Equal(whole, lastTensors(t, other)) {
		t.Error("a run that stopped ends with other tensors")
	}
	if maps.Equal(whole, lastTensors(t, without)) {
		t.Error("the file changes nothing")
	}

	writeGPT2(t, weights, 2)
	if _, err := Run(t.Context(), dir, o, nil); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "text_init was xxh64:") {
		t.Errorf("another file gives %v", err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(weights, moved); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), dir, o, nil); err == nil || !strings.Contains(err.Error(), "train.text_init: open "+o.TextInit) {
		t.Errorf("an absent file gives %v", err)
	}
	o.TextInit, o.Model, o.Replace = filepath.Join(moved, "gpt2.safetensors"), "vit-micro", true
	if _, err := Run(t.Context(), dir, o, nil); err == nil || !strings.Contains(err.Error(), "it is 64 wide, the text tower of vit-micro 128; take a model of that width: vit-nano, rn-nano") {
		t.Errorf("another width gives %v", err)
	}
}

func TestTextInitOptions(t *testing.T) {
	for _, tt := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Init = "x" }, "remove one of the two keys"},
		{func(o *Options) { o.Objective = clip.BagOfWords }, "bag_of_words has no text tower"},
		{func(o *Options) { o.Objective, o.Labels = clip.Supervised, "x" }, "supervised has no text tower"},
		{func(o *Options) { o.Objective = clip.Caption }, ""},
	} {
		o := small()
		o.TextInit = "gpt2.safetensors"
		tt.change(&o)
		if err := o.Validate(); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}
