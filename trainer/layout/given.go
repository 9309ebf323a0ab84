package layout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
	"github.com/pairloom/pairloom/trainer/token"
)

// Given is a model that no training of the folder at hand made: weights on the disk,
// and what lies beside them to say how they are used. It has open files until Close.
type Given struct {
	Path    string // as it was named
	Weights *checkpoint.Weights
	// Form is that of the names of the tensors, of clip.Places.
	Form string
	// Config is the model, told by the file From, or by [Given.Take]; nil where neither
	// has told it yet.
	Config *clip.Config
	From   string
	// Mean and Deviation are those that pictures are normalised with.
	Mean, Deviation [3]float64
	// Vocabulary says what tokens mean; it is read from VocabularyFile, or the public
	// one where that is "". It is nil where nothing tells.
	Vocabulary     *token.Vocabulary
	VocabularyFile string
	// Checkpoint is that of a training of pairloom's whose weights they are; nil for
	// those of others.
	Checkpoint *checkpoint.Checkpoint
}

// Unusable says that weights that somebody named are not there or cannot be used, and
// what to do.
type Unusable struct {
	Path string
	Err  error
}

func (e *Unusable) Error() string {
	text := e.Err.Error()
	if strings.HasPrefix(text, "read weights "+e.Path) {
		return text // it says so
	}
	return fmt.Sprintf("weights %s: %s", e.Path, text)
}

func (e *Unusable) Unwrap() error { return e.Err }

// Open looks at the weights at path, a safetensors file, an index of several or a
// folder that has one, and at what lies beside them. An error is an *[Unusable], but
// where the disk fails.
func Open(path string) (*Given, error) {
	g := &Given{Path: path, Mean: mean, Deviation: deviation}
	err := g.open()
	if err == nil {
		return g, nil
	}
	g.Close()
	return nil, &Unusable{path, err}
}

// Close gives the files back.
func (g *Given) Close() {
	if g.Weights != nil {
		g.Weights.Close()
	}
}

func (g *Given) open() error {
	file, err := weightsFile(g.Path)
	if err != nil {
		return err
	}
	if g.Weights, err = checkpoint.OpenWeights(file); err != nil {
		return err
	}
	shapes := g.Weights.Shapes()
	if _, g.Form, err = clip.Places(shapes); err != nil {
		return err
	}
	if err := g.describe(filepath.Dir(file), filepath.Base(file)); err != nil {
		return err
	}
	if g.Config != nil {
		if err := g.Config.Validate(); err != nil {
			return fmt.Errorf("%s: %w", g.From, err)
		}
	}
	return nil
}

// weightsNames are those under which weights lie in a folder, the first that is there
// counts.
var weightsNames = []string{
	"open_clip_model.safetensors", checkpoint.WeightsName, "open_clip_pytorch_model.safetensors", "model" + checkpoint.IndexSuffix,
}

// pickleNames are those of weights that can be converted; see [checkpoint.OpenTensors].
var pickleNames = []string{"open_clip_pytorch_model.bin", "pytorch_model.bin", "*.pt", "*.bin", "*.pth", "*.ckpt"}

// weightsFile finds the file of weights that a path stands for.
func weightsFile(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no such file or folder: %w", fs.ErrNotExist)
	}
	if err != nil || !info.IsDir() {
		return path, err
	}
	for _, name := range weightsNames {
		if file := filepath.Join(path, name); regular(file) {
			return file, nil
		}
	}
	found, err := filepath.Glob(filepath.Join(escaped(path), "*.safetensors"))
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		for _, pattern := range pickleNames {
			if found, _ := filepath.Glob(filepath.Join(escaped(path), pattern)); len(found) > 0 {
				return found[0], nil
			}
		}
		if steps, _ := filepath.Glob(filepath.Join(escaped(path), "step-*")); len(steps) > 0 {
			return "", fmt.Errorf("it is a folder of checkpoints; name one of them, such as %s", steps[len(steps)-1])
		}
		return "", fmt.Errorf("the folder has no weights: one of %s expected, or a single file whose name ends in .safetensors", strings.Join(weightsNames, ", "))
	}
	return "", fmt.Errorf("the folder has %d files of tensors, such as %s and %s; name the one that is meant", len(found), filepath.Base(found[0]), filepath.Base(found[1]))
}

// Hash stands for the content of the weights at path and of pairloom's vocabulary beside
// them, xxhash64. It does not ask whether they can be used.
func Hash(path string) (string, error) {
	file, err := weightsFile(path)
	if err != nil {
		return "", &Unusable{path, err}
	}
	files, err := checkpoint.WeightsFiles(file)
	if err != nil {
		return "", &Unusable{path, err}
	}
	h := xxhash.New()
	vocabulary := filepath.Join(filepath.Dir(file), checkpoint.VocabularyName)
	for _, name := range append(files, vocabulary) {
		f, err := os.Open(name)
		if name == vocabulary && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			_, err = io.Copy(h, f)
			f.Close()
		}
		if err != nil {
			return "", &Unusable{path, err}
		}
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// escaped is a path that a pattern takes as it stands.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// describe asks the files beside the weights what the model is, those of the form of
// the weights first.
func (g *Given) describe(folder, name string) error {
	c, err := checkpoint.At(folder)
	if err == nil {
		if _, own := c.State.Files[name]; own {
			return g.fromCheckpoint(c)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	forms := []struct {
		name string
		read func(folder string, text []byte) error
	}{{ConfigName, g.fromOpenCLIP}, {huggingFaceName, g.fromHuggingFace}}
	if g.Form == clip.HuggingFaceNames {
		forms[0], forms[1] = forms[1], forms[0]
	}
	for _, f := range forms {
		text, err := smallFile(filepath.Join(folder, f.name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		g.From = filepath.Join(folder, f.name)
		if err := f.read(folder, text); err != nil {
			return fmt.Errorf("%s: %w", g.From, err)
		}
		return nil
	}
	if preset, err := clip.Preset(g.Weights.Files[0].Metadata["model"]); err == nil { // pairloom writes it
		g.Config, g.From = &preset, g.Weights.Files[0].Path
	}
	return g.readVocabulary(folder)
}

func (g *Given) fromCheckpoint(c *checkpoint.Checkpoint) error {
	data, err := c.Vocabulary()
	if err != nil {
		return err
	}
	g.Checkpoint, g.Config, g.From = c, &c.State.Model, c.Path
	g.VocabularyFile = filepath.Join(c.Path, checkpoint.VocabularyName)
	if g.Vocabulary, err = token.Parse(data, 0); err != nil {
		return fmt.Errorf("%s: %w", g.VocabularyFile, err)
	}
	return nil
}

// Take says which model the weights are of where nothing beside them does. Where
// something does, it must be the same.
func (g *Given) Take(c clip.Config) error {
	switch {
	case g.Config == nil:
		if g.Form == clip.OpenAINames && !c.QuickGELU {
			return &Unusable{g.Path, fmt.Errorf("they are OpenAI's, which need QuickGELU, and %s has GELU; name the model %s", c.Name, c.WithActivation(true).Name)}
		}
		g.Config, g.From = &c, c.Name
	case !g.Config.SameShape(c):
		return &Unusable{g.Path, g.differs(c)}
	}
	return nil
}

// differs says in what the model that is told is not c, and which one to name.
func (g *Given) differs(c clip.Config) error {
	told, named := g.Config.Named()
	cure := "name the model " + told.Name
	if !named {
		cure = "no model of that shape is known by name"
	}
	if g.Config.WithActivation(c.QuickGELU).SameShape(c) {
		return fmt.Errorf("their activation is %s, says %s, and that of %s is %s, which would give other vectors; %s", g.Config.Activation(), g.From, c.Name, c.Activation(), cure)
	}
	return fmt.Errorf("they are not of %s, says %s: %s; %s", c.Name, g.From, difference(*g.Config, c), cure)
}

// difference names the first sizes in which two models differ.
func difference(told, c clip.Config) string {
	var list []string
	for _, s := range []struct {
		what string
		a, b any
	}{
		{"patches of pixels", told.Patch, c.Patch}, {"pixels", told.Resolution, c.Resolution}, {"width", told.Width, c.Width}, {"layers", told.Layers, c.Layers},
		{"blocks", told.Blocks, c.Blocks}, {"heads", told.Heads, c.Heads}, {"dimensions", told.Embed, c.Embed}, {"width of texts", told.TextWidth, c.TextWidth},
		{"layers of texts", told.TextLayers, c.TextLayers}, {"heads of texts", told.TextHeads, c.TextHeads}, {"tokens of a caption", told.Context, c.Context},
		{"activation", told.Activation(), c.Activation()},
	} {
		if s.a != s.b {
			list = append(list, fmt.Sprintf("%s %v, not %v", s.what, s.a, s.b))
		}
	}
	return strings.Join(list, ", ")
}

// Like tells whether the shapes of the tensors are those of a preset.
func (g *Given) Like(c clip.Config) bool {
	return slices.Contains(clip.Like(g.Weights.Shapes()), c.WithActivation(false))
}

// Untold says what to do where nothing tells which model the weights are of; key names
// the model.
func (g *Given) Untold(key string) error {
	var names []string
	for _, c := range clip.Like(g.Weights.Shapes()) {
		if g.Form != clip.OpenAINames {
			names = append(names, c.Name)
		}
		names = append(names, c.WithActivation(true).Name)
	}
	const files = "put the " + ConfigName + " or the " + huggingFaceName + " of the model beside them"
	if len(names) == 0 {
		return &Unusable{g.Path, fmt.Errorf("nothing says what model they are of, and their tensors are those of no model that is known by name; %s", files)}
	}
	return &Unusable{g.Path, fmt.Errorf("nothing says what model they are of: by their tensors it is %s, and tensors do not tell the activation; %s, or name the model by %s",
		strings.Join(names, " or "), files, key)}
}

// Ready holds that the model and what its tokens mean are known; key names the model
// where they are not.
func (g *Given) Ready(key string) error {
	if g.Config == nil {
		return g.Untold(key)
	}
	if g.Tokens() == 0 {
		return &Unusable{g.Path, errors.New("they have no text tower, whose token_embedding is missing; give the weights of a whole CLIP")}
	}
	if g.Vocabulary == nil {
		if err := g.public(g.Tokens()); err != nil {
			return &Unusable{g.Path, err}
		}
	}
	return nil
}

// Levels are the mean and the deviation of pictures, as a model takes them.
func (g *Given) Levels() (n device.Normalization) {
	for c := range 3 {
		n.Mean[c], n.Deviation[c] = float32(g.Mean[c]), float32(g.Deviation[c])
	}
	return n
}

// TrainedAlike tells whether pictures are normalised as here in training.
func (g *Given) TrainedAlike() bool { return g.Mean == mean && g.Deviation == deviation }

// Load copies the weights to the parameters of the model, and gives the hash of the
// files; see [checkpoint.Weights.Load].
func (g *Given) Load(d device.Device, p *nn.Parameters) (hash string, err error) {
	hash, err = g.Weights.Load(d, p)
	if c := g.Checkpoint; c != nil && err == nil {
		if want := c.State.Files[filepath.Base(g.Weights.Files[0].Path)].XXH64; hash != want {
			err = fmt.Errorf("its content is not what was written (xxhash64 %s, %s expected)", hash, want)
		}
	}
	if errors.Is(err, nn.ErrOtherModel) {
		var names []string
		for _, c := range clip.Like(g.Weights.Shapes()) {
			names = append(names, c.Name)
		}
		if names != nil {
			err = fmt.Errorf("%w; their tensors are those of %s", err, strings.Join(names, " or "))
		}
	}
	if err != nil {
		return "", &Unusable{g.Path, err}
	}
	return hash, nil
}

// normal holds a mean or a deviation of three colours to what can be.
func normal(name string, list []float64, least float64) (x [3]float64, err error) {
	if len(list) != len(x) {
		return x, fmt.Errorf("%s has %d numbers, one each for red, green and blue expected", name, len(list))
	}
	for i, v := range list {
		if math.IsNaN(v) || v < least || v > 1 {
			return x, fmt.Errorf("%s is %v, numbers from %g to 1 expected", name, list, least)
		}
		x[i] = v
	}
	return x, nil
}

// largestText is the limit of a file that describes a model, in bytes: the largest is
// a tokenizer.json, of some megabytes.
const largestText = 64 << 20

func smallFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > largestText {
		return nil, fmt.Errorf("%s is no file of at most %d MB", path, largestText>>20)
	}
	return os.ReadFile(path)
}
