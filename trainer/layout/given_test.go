package layout_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/readers"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/layout"
	"github.com/pairloom/pairloom/trainer/token"
)

// plain are texts that open_clip and transformers read alike.
var plain = []string{"a red fox in the snow", "Two cats, asleep on a sofa!", "the cat's whiskers; it's 12 o'clock", "雪の中の狐", "", strings.Repeat("a very long caption that goes on ", 20)}

// TestGiven reads models that open_clip and transformers wrote, each in the folder that
// they made, and holds vectors of pictures and texts against theirs.
func TestGiven(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	python := readers.Python(t)
	dir := t.TempDir()
	pictures := drawPictures(t, dir)[2:] // gray ones, of which both make the same pixels
	writeCase(t, dir, map[string]any{"pictures": pictures, "texts": plain, "eos": 49407})
	script, err := os.ReadFile(filepath.Join("testdata", "given.py"))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(readers.Script(t, dir, string(script)))

	const quick = "open_clip quickgelu"
	for _, tt := range []struct {
		folder, file string
		like         string // the folder whose vectors they give
		from         string // the file that tells the model
		fromPickle   bool
	}{
		{quick, "", quick, "open_clip_config.json", false},
		{quick, "open_clip_model.safetensors", quick, "open_clip_config.json", false},
		{"open_clip", "", "open_clip", "open_clip_config.json", false},
		{"open_clip resnet", "", "open_clip resnet", "open_clip_config.json", false},
		{"open_clip other mean", "", "open_clip other mean", "open_clip_config.json", false},
		{"open_clip text tower apart", "", "open_clip text tower apart", "open_clip_config.json", false},
		{"transformers", "", "transformers", "config.json", false},
		{"transformers old", "", "transformers", "config.json", false},
		{"transformers gelu", "", "transformers gelu", "config.json", false},
		{"transformers half", "", "transformers half", "config.json", false},
		{"transformers bfloat16", "", "transformers bfloat16", "config.json", false},
		{"transformers in pieces", "", "transformers in pieces", "config.json", false},
		{"transformers in pieces", "model.safetensors.index.json", "transformers in pieces", "config.json", false},
		{"pickles", "epoch_3.pt", quick, "open_clip_config.json", true},
		{"pickles", "openai.pt", quick, "open_clip_config.json", true},
	} {
		t.Run(tt.folder+"/"+tt.file, func(t *testing.T) {
			path := filepath.Join(dir, tt.folder, tt.file)
			if tt.fromPickle {
				path = converted(t, python, path, filepath.Join(dir, quick, layout.ConfigName))
			}
			g, err := layout.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			g.Close()
			if filepath.Base(g.From) != tt.from {
				t.Errorf("the model is told by %s, %s expected", g.From, tt.from)
			}
			e, c, err := evaluate.Load("", evaluate.Options{Weights: path, Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if !c.Foreign || len(e.File) < 16 {
				t.Errorf("it is not said to be others' (%v), or its hash is %q", c.Foreign, e.File)
			}
			want, err := checkpoint.ReadWeights(filepath.Join(dir, tt.like+".vectors.safetensors"))
			if err != nil {
				t.Fatal(err)
			}
			v, err := e.Pictures(t.Context(), &evaluate.FilePictures{Paths: pictures}, 0, len(pictures))
			if err != nil || len(v.Bad) > 0 {
				t.Fatal(err, v.Bad)
			}
			texts, err := e.Texts(t.Context(), plain, 4)
			if err != nil {
				t.Fatal(err)
			}
			a, b := apart(v.Rows, want["pictures"].Data), apart(texts, want["texts"].Data)
			if t.Logf("pictures differ by %.2g, texts by %.2g", a, b); !(a <= 1e-5) || !(b <= 1e-5) {
				t.Errorf("pictures differ by %g, texts by %g, at most 1e-5 expected", a, b)
			}
			p, scale := e.Probabilities([]float64{0.01, 0}), float64(want["scale"].Data[0])
			if x := math.Exp(0.01*scale) / (1 + math.Exp(0.01*scale)); math.Abs(p[0]-x) > 1e-6 {
				t.Errorf("the probability of a label is %g by its temperature, %g expected", p[0], x)
			}
		})
	}
}

// TestWeightsAreNotHeldTwice fills a model with the weights of a checkpoint, and of the
// files that transformers reads, and counts all memory that is asked for meanwhile: it
// is a small part of theirs. That of the model lies outside.
func TestWeightsAreNotHeldTwice(t *testing.T) {
	folder := t.TempDir()
	c := save(t, filepath.Join(folder, "checkpoints"), "vit-micro", token.Public(), false)
	exported := filepath.Join(folder, "out")
	if _, err := layout.Export(c, false, layout.FormatHuggingFace, exported); err != nil {
		t.Fatal(err)
	}
	g, err := layout.Open(exported)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	d := cpu.Open(1)
	defer d.Close()
	m := clip.New(c.State.Model, token.PublicSize)
	defer m.Parameters.Free()
	if err := m.Parameters.Allocate(d, false); err != nil {
		t.Fatal(err)
	}
	for name, load := range map[string]func() error{
		"a checkpoint": func() error { return c.Load(d, &m.Parameters, false) },
		"transformers": func() error { _, err := g.Load(d, &m.Parameters); return err },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := load(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		all, asked := uint64(4*m.Parameters.Words()), after.TotalAlloc-before.TotalAlloc
		if t.Logf("%s: %d kB asked for, for weights of %d kB", name, asked>>10, all>>10); asked > all/4 {
			t.Errorf("%s: %d bytes are asked for to read weights of %d", name, asked, all)
		}
	}
}

// converted runs the command that the error of a pickle names, and gives the file that
// it makes, beside a configuration.
func converted(t *testing.T, python, path, config string) string {
	t.Helper()
	_, err := layout.Open(path)
	if err == nil || !errors.Is(err, checkpoint.ErrNotSafetensors) {
		t.Fatalf("a pickle gives %v", err)
	}
	_, command, _ := strings.Cut(err.Error(), "\n")
	command = strings.Replace(strings.TrimSpace(command), "python ", python+" ", 1)
	if out, err := exec.Command("bash", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s\n%v: %s", command, err, out)
	}
	text, err := os.ReadFile(config)
	if err := errors.Join(err, os.WriteFile(filepath.Join(filepath.Dir(path), layout.ConfigName), text, 0o644)); err != nil {
		t.Fatal(err)
	}
	return path + ".safetensors"
}

// apart is the norm of the difference over that of what is wanted.
func apart(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var d, n float64
	for i, w := range want {
		d += (float64(got[i]) - float64(w)) * (float64(got[i]) - float64(w))
		n += float64(w) * float64(w)
	}
	return math.Sqrt(d / n)
}

// writeCase writes what the script reads: case.json, and the public tokenizer.
func writeCase(t *testing.T, dir string, content map[string]any) {
	t.Helper()
	text, err := json.Marshal(content)
	files, errFiles := layout.HuggingFace(preset(t, "vit-nano"), token.Public())
	if err = errors.Join(err, errFiles, os.Mkdir(filepath.Join(dir, "public"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string][]byte{"case.json": text, "public/vocab.json": files["vocab.json"], "public/merges.txt": files["merges.txt"]} {
		if err := os.WriteFile(filepath.Join(dir, path), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
