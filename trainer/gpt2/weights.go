package gpt2

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
	"github.com/pairloom/pairloom/trainer/token"
)

// Names of the files beside the weights.
const (
	vocabularyName = "vocab.json"
	mergesName     = "merges.txt"
)

// Model is a GPT-2 on the host.
type Model struct {
	Width, Layers, Positions int

	path       string
	tensors    map[string]checkpoint.Tensor // names without the prefix
	vocabulary *vocabulary
}

// layerTensors are those of a layer, by their names in GPT-2 and in CLIP. Their
// shapes are in widths: [in,out] here, which is [out,in] there, or [out].
var layerTensors = []struct {
	theirs, ours string
	in, out      int
}{
	{"ln_1.weight", "ln_1.weight", 0, 1},
	{"ln_1.bias", "ln_1.bias", 0, 1},
	{"attn.c_attn.weight", "attn.in_proj_weight", 1, 3},
	{"attn.c_attn.bias", "attn.in_proj_bias", 0, 3},
	{"attn.c_proj.weight", "attn.out_proj.weight", 1, 1},
	{"attn.c_proj.bias", "attn.out_proj.bias", 0, 1},
	{"ln_2.weight", "ln_2.weight", 0, 1},
	{"ln_2.bias", "ln_2.bias", 0, 1},
	{"mlp.c_fc.weight", "mlp.c_fc.weight", 1, 4},
	{"mlp.c_fc.bias", "mlp.c_fc.bias", 0, 4},
	{"mlp.c_proj.weight", "mlp.c_proj.weight", 4, 1},
	{"mlp.c_proj.bias", "mlp.c_proj.bias", 0, 1},
}

// Read reads a safetensors file of a GPT-2 and the vocabulary beside it.
func Read(path string) (*Model, error) {
	tensors, err := checkpoint.ReadWeights(path)
	if err != nil {
		return nil, err
	}
	m := &Model{path: path, tensors: map[string]checkpoint.Tensor{}}
	for name, t := range tensors {
		name = strings.TrimPrefix(name, "transformer.")
		m.tensors[name] = t
		if layer, found := strings.CutPrefix(name, "h."); found {
			number, _, _ := strings.Cut(layer, ".")
			if n, err := strconv.Atoi(number); err == nil {
				m.Layers = max(m.Layers, n+1)
			}
		}
	}
	size, err := m.checkTensors()
	if err != nil {
		return nil, fmt.Errorf("read weights %s: %w; give the safetensors file of a GPT-2", path, err)
	}
	m.vocabulary, err = readVocabulary(filepath.Dir(path), size)
	return m, err
}

// checkTensors finds the sizes and holds every tensor against them.
func (m *Model) checkTensors() (vocabulary int, err error) {
	for _, table := range []struct {
		name string
		rows *int
	}{{"wte.weight", &vocabulary}, {"wpe.weight", &m.Positions}} {
		shape := m.tensors[table.name].Shape
		if len(shape) != 2 || shape[0] == 0 || shape[1] == 0 {
			return 0, fmt.Errorf("tensor %s of rank 2 is missing", table.name)
		}
		*table.rows, m.Width = shape[0], shape[1]
	}
	w := m.Width
	if err := m.check("wte.weight", vocabulary, w); err != nil {
		return 0, err
	}
	for i := range m.Layers {
		for _, t := range layerTensors {
			shape := []int{t.in * w, t.out * w}
			if t.in == 0 {
				shape = shape[1:]
			}
			if err := m.check(fmt.Sprintf("h.%d.%s", i, t.theirs), shape...); err != nil {
				return 0, err
			}
		}
	}
	if err := m.check("ln_f.weight", w); err != nil {
		return 0, err
	}
	return vocabulary, m.check("ln_f.bias", w)
}

func (m *Model) check(name string, shape ...int) error {
	t, there := m.tensors[name]
	if !there {
		return fmt.Errorf("tensor %s is missing", name)
	}
	if !slices.Equal(t.Shape, shape) {
		return fmt.Errorf("tensor %s has shape %v, %v expected", name, t.Shape, shape)
	}
	return nil
}

// Account tells what a text tower has from a GPT-2.
type Account struct {
	Layers, OfLayers       int // taken, of GPT-2's
	Drawn                  int // layers of the tower that GPT-2 lacks
	Positions, OfPositions int
	Single, Mean, None     int // tokens with one embedding of GPT-2, the mean of several, and their own draw
}

func (a Account) String() string {
	return fmt.Sprintf("the text tower starts from GPT-2's weights: layers %d of %d (%d of its own keep their draw), positions %d of %d; tokens with the embedding of one of GPT-2's tokens: %d, with the mean of several: %d, with their own draw: %d",
		a.Layers, a.OfLayers, a.Drawn, a.Positions, a.OfPositions, a.Single, a.Mean, a.None)
}

// Load writes the text tower of a model that is allocated and drawn, whose
// vocabulary is v. The model must have a text tower of the same width.
func (m *Model) Load(d device.Device, model *clip.Model, v *token.Vocabulary) (Account, error) {
	c, p := model.Config, &model.Parameters
	byName := map[string]*nn.Parameter{}
	for _, q := range p.List {
		byName[q.Name] = q
	}
	if byName["token_embedding.weight"] == nil {
		return Account{}, fmt.Errorf("start the text tower from %s: the objective %s has none", m.path, c.Objective)
	}
	if c.TextWidth != m.Width {
		return Account{}, fmt.Errorf("start the text tower from %s: it is %d wide, the text tower of %s %d; %s", m.path, m.Width, c.Name, c.TextWidth, cure(m.Width))
	}
	a := Account{
		Layers: min(m.Layers, c.TextLayers), OfLayers: m.Layers, Drawn: max(0, c.TextLayers-m.Layers),
		Positions: min(m.Positions, c.Context), OfPositions: m.Positions,
	}
	write := func(name string, x []float32) { d.Write(p.Of(p.Data, byName[name]).Slice(0, len(x)), x) }
	for i := range a.Layers {
		for _, t := range layerTensors {
			x := m.tensors[fmt.Sprintf("h.%d.%s", i, t.theirs)].Data
			if t.in > 0 {
				x = transpose(x, t.in*m.Width, t.out*m.Width)
			}
			write(fmt.Sprintf("transformer.resblocks.%d.%s", i, t.ours), x)
		}
	}
	write("positional_embedding", m.tensors["wpe.weight"].Data[:a.Positions*m.Width])
	write("ln_final.weight", m.tensors["ln_f.weight"].Data)
	write("ln_final.bias", m.tensors["ln_f.bias"].Data)
	table := make([]float32, v.Size()*m.Width)
	if err := d.Read(table, p.Of(p.Data, byName["token_embedding.weight"])); err != nil {
		return a, err
	}
	m.embed(table, v, &a)
	write("token_embedding.weight", table)
	return a, d.Sync()
}

// embed gives the rows of our tokens their first values, and counts them.
func (m *Model) embed(table []float32, v *token.Vocabulary, a *Account) {
	w, theirs := m.Width, m.tensors["wte.weight"].Data
	for id := range v.Size() {
		from := []int32{m.vocabulary.endOfText}
		if id := int32(id); id != v.Start() && id != v.End() {
			from = m.vocabulary.counterparts(v.Decode([]int32{id}))
		}
		switch len(from) {
		case 0:
			a.None++
			continue
		case 1:
			a.Single++
		default:
			a.Mean++
		}
		row := table[id*w : (id+1)*w]
		clear(row)
		for _, t := range from {
			for i, x := range theirs[int(t)*w : int(t+1)*w] {
				row[i] += x / float32(len(from))
			}
		}
	}
}

// cure names the presets whose text tower has a width.
func cure(width int) string {
	var names []string
	for _, name := range clip.Presets() {
		if c, err := clip.Preset(name); err == nil && c.TextWidth == width {
			names = append(names, name)
		}
	}
	if names == nil {
		return "no preset has that width; those of 768 go with the smallest GPT-2, rn50x64 with the next"
	}
	return "take a model of that width: " + strings.Join(names, ", ")
}

// transpose makes [cols,rows] of x[rows,cols].
func transpose(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for r := range rows {
		for c, v := range x[r*cols : (r+1)*cols] {
			y[c*rows+r] = v
		}
	}
	return y
}

// Hash stands for the content of the weights in path and of the vocabulary
// beside them. It reads the files once, in little memory.
func Hash(path string) (string, error) {
	hash := xxhash.New()
	folder := filepath.Dir(path)
	for _, name := range []string{path, filepath.Join(folder, vocabularyName), filepath.Join(folder, mergesName)} {
		f, err := os.Open(name)
		if err != nil {
			return "", missing(err)
		}
		n, err := io.Copy(hash, f)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("read %s: %w", name, err)
		}
		fmt.Fprintln(hash, n) // where one file ends and the next begins
	}
	return fmt.Sprintf("xxh64:%016x", hash.Sum64()), nil
}

// missing says what belongs together.
func missing(err error) error {
	return fmt.Errorf("%w; a GPT-2 is a safetensors file with its %s and %s in the same folder", err, vocabularyName, mergesName)
}
