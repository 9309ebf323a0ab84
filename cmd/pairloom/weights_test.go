package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/trainer/evaluate"
)

// othersWeights is a folder with the model of a finished dataset as open_clip knows
// it, without what says that pairloom trained it, and the path of its checkpoint.
func othersWeights(t *testing.T, dir string) (given, checkpoint string) {
	t.Helper()
	steps, err := filepath.Glob(filepath.Join(dir, "checkpoints", "step-*"))
	if err != nil || len(steps) == 0 {
		t.Fatalf("%s has no checkpoint: %v", dir, err)
	}
	checkpoint, given = steps[len(steps)-1], t.TempDir()
	for _, name := range []string{"model.safetensors", "open_clip_config.json", "merges.txt", "vocab.json"} {
		text, err := os.ReadFile(filepath.Join(checkpoint, name))
		if err := errors.Join(err, os.WriteFile(filepath.Join(given, name), text, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return given, checkpoint
}

// evaluationOf reads eval.json.
func evaluationOf(t *testing.T, dir string) (r evaluate.Result) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "evaluation", "eval.json"))
	if err := errors.Join(err, json.Unmarshal(text, &r)); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWeightsOfOthers uses a model that no training of the folder made: in an empty
// folder, and in a dataset whose checkpoints are gone. Its answers are those of the
// training's own checkpoint, whose weights it has.
func TestWeightsOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	t.Setenv(asProgram, "1") // for the children that decode pictures
	dir := finished(t)
	before := evaluationOf(t, dir)
	given, checkpoint := othersWeights(t, dir)
	empty, fox := t.TempDir(), filepath.Join("testdata", "fox.png")
	labels := filepath.Join(empty, "labels.txt")
	if err := os.WriteFile(labels, []byte("fox\nplot\nbear\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		Model    string `json:"model_hash"`
		Pictures []classified
	}
	classify := func(args ...string) (a answer) {
		t.Helper()
		out := must(t, append([]string{"classify", fox, "--labels", labels, "--template", "A photo of a {label}.", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	own := classify("-C", dir)
	for _, args := range [][]string{{"-C", empty, "--weights", given}, {"-C", dir, "--weights", filepath.Join(given, "model.safetensors")}} {
		if got := classify(args...); !reflect.DeepEqual(got.Pictures, own.Pictures) || got.Model == own.Model {
			t.Errorf("with %v it gives %+v, want %+v by another model", args, got, own)
		}
	}
	if got := classify("-C", empty, "--weights", checkpoint); !reflect.DeepEqual(got, own) {
		t.Errorf("by the folder of the checkpoint it gives %+v, want %+v", got, own)
	}
	out := filepath.Join(empty, "fox.arrow")
	must(t, "embed", "pictures", "testdata", "-C", empty, "--weights", given, "--out", out)
	if info, err := os.Stat(out); err != nil || info.Size() == 0 {
		t.Errorf("there is no file of vectors: %v", err)
	}

	if err := os.RemoveAll(filepath.Join(dir, "checkpoints")); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := pairloom(t, "embed", "pictures", "-C", dir)
	if code != exitConfiguration || !strings.Contains(stderr, "name other weights by --weights") {
		t.Errorf("without a checkpoint: exit %d\n%s", code, stderr)
	}
	must(t, "embed", "pictures", "-C", dir, "--weights", given)
	if found := must(t, "search", "a red fox", "-C", dir, "--weights", given, "--top", "2"); strings.Count(found, " row ") != 2 {
		t.Errorf("search finds %s", found)
	}
	said := must(t, "eval", "-C", dir, "--weights", given)
	text, err := os.ReadFile(filepath.Join(given, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	hash := fmt.Sprintf("%016x", xxhash.Sum64(text))
	r := evaluationOf(t, dir)
	if r.Weights != given || r.File != hash || r.Checkpoint != "" || r.Step != 0 || r.Model != "vit-nano" {
		t.Errorf("eval.json names %q (%s) of checkpoint %q, step %d, a %s; want %q (%s)", r.Weights, r.File, r.Checkpoint, r.Step, r.Model, given, hash)
	}
	if r.Seen.Known || !strings.Contains(r.Seen.Note, "it is not known what the model was trained on, since someone else trained it") {
		t.Errorf("of what it was trained on eval.json says %+v", r.Seen)
	}
	for _, want := range []string{"judged are the weights " + given, hash} {
		if !strings.Contains(said, want) {
			t.Errorf("eval says\n%s\nwant %q in it", said, want)
		}
	}
	if before.Seen.Pairs == 0 && !reflect.DeepEqual(r.ImageToText, before.ImageToText) {
		t.Errorf("eval finds %+v, by the same weights as %+v", r.ImageToText, before.ImageToText)
	}
	// The same by the configuration, relative to its folder.
	if err := os.Rename(given, filepath.Join(dir, "given")); err != nil {
		t.Fatal(err)
	}
	setKey(t, dir, "weights: last", "weights: given")
	must(t, "eval", "-C", dir)
	if again := evaluationOf(t, dir); again.ModelHash != r.ModelHash || again.File != hash {
		t.Errorf("by eval.weights the model is %s, by --weights %s", again.ModelHash, r.ModelHash)
	}
	if code, _, stderr := pairloom(t, "export", "model", "-C", dir, "--to", filepath.Join(empty, "out")); code != exitConfiguration || !strings.Contains(stderr, "only what was trained here is exported") {
		t.Errorf("export of weights of others: exit %d\n%s", code, stderr)
	}
}

// setKey changes a line of pairloom.yaml.
func setKey(t *testing.T, dir, from, to string) {
	t.Helper()
	name := filepath.Join(dir, "pairloom.yaml")
	text, err := os.ReadFile(name)
	if err == nil && strings.Count(string(text), from) != 1 {
		err = fmt.Errorf("%s has the line %q %d times", name, from, strings.Count(string(text), from))
	}
	if err := errors.Join(err, os.WriteFile(name, []byte(strings.Replace(string(text), from, to, 1)), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestInitOfOthers begins a training with the weights of another program: those that
// would give other vectors, or cannot be read, end it before it begins.
func TestInitOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	dir := finished(t)
	given, _ := othersWeights(t, dir)
	config := filepath.Join(given, "open_clip_config.json")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	setKey(t, dir, `  init: ""`, "  init: "+given)
	for _, tt := range []struct {
		name, quick, model string
		want               string // of the error; "" for none
	}{
		{"QuickGELU, for a model with GELU", "true", "vit-nano", "their activation is quick_gelu, says " + config},
		{"GELU, for a model with QuickGELU", "false", "vit-nano-quickgelu", "name the model vit-nano"},
		{"for another model", "false", "vit-micro", "name the model vit-nano"},
		{"QuickGELU for QuickGELU", "true", "vit-nano-quickgelu", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(config, []byte(strings.Replace(string(text), `"quick_gelu": false`, `"quick_gelu": `+tt.quick, 1)), 0o644); err != nil {
				t.Fatal(err)
			}
			setKey(t, dir, "model: vit-nano", "model: "+tt.model)
			defer setKey(t, dir, "model: "+tt.model, "model: vit-nano")
			code, _, stderr := pairloom(t, "train", "-C", dir, "--replace")
			if tt.want == "" && code != exitDone || tt.want != "" && (code != exitConfiguration || !strings.Contains(stderr, tt.want)) {
				t.Errorf("exit %d, want %q:\n%s", code, tt.want, stderr)
			}
		})
	}
	// The checkpoint says the activation to the next who reads it.
	steps, err := filepath.Glob(filepath.Join(dir, "checkpoints", "step-*", "open_clip_config.json"))
	if err != nil || len(steps) == 0 {
		t.Fatalf("no checkpoint: %v", err)
	}
	if text, err := os.ReadFile(steps[len(steps)-1]); err != nil || !strings.Contains(string(text), `"quick_gelu": true`) {
		t.Errorf("the checkpoint of a model with QuickGELU says %s, %v", text, err)
	}
}

// TestBadWeights names files that are no weights of a CLIP: the program says what they
// are, and ends as it does for a bad configuration.
func TestBadWeights(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	header := `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  `
	for _, tt := range []struct{ name, path, want string }{
		{"absent", filepath.Join(dir, "absent"), "there is no such file or folder"},
		{"a word that is none", "lats", "eval.weights takes last, average, best, initial or the path"},
		{"a pickle", write("a.pt", "PK\x03\x04archive/data.pkl"), "this command makes one:"},
		{"a pointer", write("b.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 605\n"), "git lfs pull"},
		{"of something else", write("c.safetensors", string(rune(len(header)))+"\x00\x00\x00\x00\x00\x00\x00"+header+"\x00\x00\x80\x3f"), "it is no CLIP with a ViT or a modified ResNet"},
		{"an empty folder", t.TempDir(), "the folder has no weights"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, _, stderr := pairloom(t, "embed", "texts", write("texts.txt", "a fox\n"), "-C", dir, "--weights", tt.path)
			if code != exitConfiguration || !strings.Contains(stderr, tt.want) || !strings.Contains(stderr, filepath.Base(tt.path)) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, exitConfiguration, tt.want, stderr)
			}
		})
	}
}
