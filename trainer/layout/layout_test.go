package layout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/internal/readers"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/layout"
	"github.com/pairloom/pairloom/trainer/token"
)

var captions = []string{
	"a red fox in the snow", "Two cats, asleep on a sofa!", "the cat's whiskers; it's 12 o'clock", "  spaces   and\ttabs ",
	"una niña con un paraguas", "雪の中の狐", "emoji 🦊🦊 in a row", "", "!", "1234567890 numbers",
	strings.Repeat("a very long caption that goes on and on ", 20),
	// What open_clip repairs and transformers leaves, and a sigma that ends a word
	// in capitals.
	"caf&eacute; &amp; bar", "“curly” quotes…", "ΣΊΣΥΦΟΣ pushes a stone",
}

// otherwise are the numbers of those that transformers reads otherwise.
var otherwise = []int{11, 12, 13}

func learned(t testing.TB, size int) *token.Vocabulary {
	t.Helper()
	v, err := token.Train(func(yield func(string, error) bool) {
		for range 2 {
			for _, text := range captions {
				if !yield(text, nil) {
					return
				}
			}
		}
	}, size)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// save makes a checkpoint of a model with drawn weights, of which none is at a
// value that hides a tensor in a wrong place.
func save(t *testing.T, folder, preset string, v *token.Vocabulary, siglip bool) *checkpoint.Checkpoint {
	t.Helper()
	config, err := clip.Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	d := cpu.Open(2)
	defer d.Close()
	m := clip.New(config, v.Size())
	defer m.Parameters.Free()
	if err := errors.Join(m.Parameters.Allocate(d, false), m.Draw(d, 7, siglip)); err != nil {
		t.Fatal(err)
	}
	weights, err := m.Parameters.Read(d, m.Parameters.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, w := range weights {
		if len(w.Shape) == 1 && !strings.HasSuffix(w.Name, "num_batches_tracked") {
			for i := range w.Data {
				w.Data[i] += 0.1 * random.Float32()
			}
		}
	}
	if siglip {
		weights = append(weights, checkpoint.Tensor{Name: "logit_bias", Data: []float32{-9}})
	}
	c := checkpoint.Content{State: checkpoint.State{Model: config, Vocabulary: v.Size(), Step: 1, Total: 1, Scale: math.Log(1 / 0.07)}, Weights: weights, Vocabulary: v.Encode()}
	if c.Others, err = layout.OpenCLIP(config, v, siglip); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(folder, c, 1); err != nil {
		t.Fatal(err)
	}
	latest, err := checkpoint.Latest(folder)
	if err != nil {
		t.Fatal(err)
	}
	return latest
}

// drawPictures writes gray JPEGs, larger and smaller than the models' sides, upright
// and lying, beside photographs in colour.
func drawPictures(t *testing.T, folder string) []string {
	t.Helper()
	paths := []string{"../batch/testdata/astronaut.jpg", "../batch/testdata/chelsea.jpg"}
	for i, size := range []image.Point{{300, 200}, {97, 131}, {64, 64}, {40, 56}, {229, 226}} {
		m := image.NewGray(image.Rectangle{Max: size})
		for y := range size.Y {
			for x := range size.X {
				m.SetGray(x, y, color.Gray{uint8(127 + 120*math.Sin(float64(x)*0.07+float64(y)*0.01*float64(i+1)))})
			}
		}
		var b bytes.Buffer
		path := filepath.Join(folder, fmt.Sprintf("%d.jpg", i))
		if err := errors.Join(jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}), os.WriteFile(path, b.Bytes(), 0o644)); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// embed writes what the model of a checkpoint makes of pictures and captions, for
// equal.py, and where it finds that model.
func embed(t *testing.T, folder string, c *checkpoint.Checkpoint, pictures []string, models map[string]string) {
	t.Helper()
	e, err := evaluate.Open(c, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	side, dim := c.State.Model.Resolution, e.Dim()
	v, err := e.Pictures(context.Background(), &evaluate.FilePictures{Paths: pictures}, 0, len(pictures))
	if err != nil || len(v.Bad) > 0 {
		t.Fatal(err, v.Bad)
	}
	texts, err := e.Texts(context.Background(), captions, 4)
	if err != nil {
		t.Fatal(err)
	}
	pixels := make([]float32, len(pictures)*3*side*side)
	for i, path := range pictures {
		data, err := os.ReadFile(path)
		if err == nil {
			err = centre(pixels[i*3*side*side:][:3*side*side], data, side)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	weights, err := c.Weights()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	err = checkpoint.Encode(&b, []checkpoint.Tensor{
		{Name: "pictures", Shape: []int{len(pictures), dim}, Data: v.Rows}, {Name: "texts", Shape: []int{len(captions), dim}, Data: texts},
		{Name: "pixels", Shape: []int{len(pictures), 3 * side * side}, Data: pixels},
		{Name: "scale", Shape: []int{1}, Data: []float32{float32(math.Exp(float64(weights["logit_scale"].Data[0])))}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"pictures": pictures, "texts": captions, "otherwise": otherwise, "models": models})
	if err := errors.Join(err, os.WriteFile(filepath.Join(folder, "vectors.safetensors"), b.Bytes(), 0o644), os.WriteFile(filepath.Join(folder, "case.json"), text, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// centre is batch.Centre, as the public models want it: three planes, normalised.
func centre(dst []float32, data []byte, side int) error {
	rgb := make([]byte, 3*side*side)
	if err := batch.Centre(rgb, data, side); err != nil {
		return err
	}
	for i, v := range rgb {
		dst[i%3*side*side+i/3] = (float32(v)/255 - clip.Public.Mean[i%3]) / clip.Public.Deviation[i%3]
	}
	return nil
}

// TestOthersRead holds the vectors of pictures and texts, and what comes before
// them, against open_clip and transformers, which read the files that lie in a
// checkpoint or were exported of one.
func TestOthersRead(t *testing.T) {
	if testing.Short() {
		t.Skip("its subject is numbers")
	}
	readers.Python(t)
	pictures := drawPictures(t, t.TempDir())
	type model struct {
		preset     string
		vocabulary *token.Vocabulary
		siglip     bool
	}
	small := learned(t, 700)
	list := []model{{"rn-micro", small, false}, {"rn-nano", token.Public(), true}, {"vit-micro", small, true}, {"vit-small", token.Public(), false}, {"vit-nano-quickgelu", small, false}, {"rn-nano-quickgelu", small, false}}
	if os.Getenv("PAIRLOOM_LONG") != "" {
		list = append(list, model{"vit-b-32", small, false}, model{"rn50", small, false})
	}
	var folders []string
	for _, m := range list {
		folder := t.TempDir()
		c := save(t, filepath.Join(folder, "checkpoints"), m.preset, m.vocabulary, m.siglip)
		models := map[string]string{"open_clip": c.Path, "open_clip, exported": filepath.Join(folder, "a"), "transformers": filepath.Join(folder, "b")}
		if _, err := layout.Export(c, false, layout.FormatOpenCLIP, models["open_clip, exported"]); err != nil {
			t.Fatal(err)
		}
		if c.State.Model.IsResNet() {
			delete(models, "transformers")
		} else if _, err := layout.Export(c, false, layout.FormatHuggingFace, models["transformers"]); err != nil {
			t.Fatal(err)
		}
		embed(t, folder, c, pictures, models)
		folders = append(folders, folder)
	}
	script, err := os.ReadFile(filepath.Join("testdata", "equal.py"))
	if err != nil {
		t.Fatal(err)
	}
	arguments, err := json.Marshal(folders)
	if err != nil {
		t.Fatal(err)
	}
	out := readers.Script(t, ".", fmt.Sprintf("import sys\nsys.argv[1:] = %s\n%s", arguments, script))
	var found []map[string]map[string]float64
	if err := json.Unmarshal([]byte(out), &found); err != nil || len(found) != len(list) {
		t.Fatalf("%v in %s", err, out)
	}
	for i, m := range list {
		t.Run(fmt.Sprintf("%s/tokens=%d/siglip=%v", m.preset, m.vocabulary.Size(), m.siglip), func(t *testing.T) {
			want := map[string][]string{"open_clip": {"pixels", "pictures", "texts", "texts by SimpleTokenizer", "scale"}}
			want["open_clip, exported"] = want["open_clip"]
			if strings.HasPrefix(m.preset, "vit") {
				want["transformers"] = []string{"tensors that do not fit", "pictures", "texts", "scale"}
			}
			for program, results := range want {
				for _, name := range results {
					if d, there := found[i][program][name]; !there || !(d <= 1e-5) {
						t.Errorf("%s: %s differ by %g (given: %v), at most 1e-5 expected", program, name, d, there)
					}
				}
				t.Log(program, found[i][program])
			}
		})
	}
}
