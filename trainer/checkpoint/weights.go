package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
)

// IndexSuffix ends the name of the JSON that says which of several files has which
// tensor, as Hugging Face divides large models.
const IndexSuffix = ".safetensors.index.json"

// Weights are the tensors of a model, in one file or divided between several. They stay
// on the disk until Load.
type Weights struct {
	Files []*TensorFile
}

// OpenWeights opens a safetensors file that stands alone, or those that an index names.
func OpenWeights(path string) (*Weights, error) {
	paths, index, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	w := &Weights{}
	in := map[string]string{}
	for _, p := range paths {
		f, err := OpenTensors(p)
		if err != nil {
			w.Close()
			return nil, err
		}
		w.Files = append(w.Files, f)
		for _, s := range f.Tensors {
			if other, there := in[s.Name]; there {
				w.Close()
				return nil, fmt.Errorf("read weights %s: tensor %q is in %s, too", p, s.Name, other)
			}
			in[s.Name] = filepath.Base(p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(index)) {
		if in[name] != index[name] {
			w.Close()
			return nil, fmt.Errorf("read weights %s: tensor %q is not in %s, as it says; get all the files again", path, name, index[name])
		}
	}
	return w, nil
}

// WeightsFiles are the files that OpenWeights opens.
func WeightsFiles(path string) ([]string, error) {
	paths, _, err := readIndex(path)
	return paths, err
}

// readIndex lists the files of an index, by name, and which tensor each has. What is
// no index stands for itself.
func readIndex(path string) (paths []string, index map[string]string, err error) {
	if !strings.HasSuffix(path, IndexSuffix) {
		return []string{path}, nil, nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("read weights %s: %w", path, err)
		}
	}()
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	var content struct {
		Files map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &content); err != nil {
		return nil, nil, err
	}
	if len(content.Files) == 0 {
		return nil, nil, errors.New("its weight_map names no file")
	}
	names := slices.Compact(slices.Sorted(maps.Values(content.Files)))
	for _, name := range names {
		if name != filepath.Base(name) || name == ".." || name == "." {
			return nil, nil, fmt.Errorf("its weight_map names %q, the name of a file beside it expected", name)
		}
		paths = append(paths, filepath.Join(filepath.Dir(path), name))
	}
	return paths, content.Files, nil
}

// Close gives the files back.
func (w *Weights) Close() error {
	var faults []error
	for _, f := range w.Files {
		faults = append(faults, f.Close())
	}
	return errors.Join(faults...)
}

// Shapes are those of the tensors, by name.
func (w *Weights) Shapes() map[string][]int {
	shapes := map[string][]int{}
	for _, f := range w.Files {
		for _, s := range f.Tensors {
			shapes[s.Name] = s.Shape
		}
	}
	return shapes
}

// Load copies the tensors to the parameters of a model, to which they must belong
// one to one; nothing is written otherwise, and the error, which wraps
// [nn.ErrOtherModel], names the tensors. Their names may be any that [clip.Places]
// knows. Each file is read once, in order, a piece at a time. The hash stands for what
// is in the files, xxhash64: of a single file it is the file's.
func (w *Weights) Load(d device.Device, p *nn.Parameters) (hash string, err error) {
	shapes := w.Shapes()
	places, _, err := clip.Places(shapes)
	if err != nil {
		return "", err
	}
	byName, err := fit(p, shapes, places)
	if err != nil {
		return "", err
	}
	var hashes []string
	for _, f := range w.Files {
		target := func(i int) *nn.Parameter { return byName[places[f.Tensors[i].Name].Name] }
		var whole []float32 // of a tensor that lies the other way round
		hash, err := f.Each(func(i int) bool { return target(i) == nil }, func(i, from int, words []float32) error {
			s, q := f.Tensors[i], target(i)
			if err := finite(s.Name, words); err != nil {
				return err
			}
			place := places[s.Name]
			if !place.Transposed {
				d.Write(p.Of(p.Data, q).Slice(place.Part*s.Words+from, len(words)), words)
				return d.Sync() // before the words are others
			}
			if whole = append(whole, words...); len(whole) < s.Words {
				return nil
			}
			d.Write(p.Of(p.Data, q), turned(whole, q.Shape[1], q.Shape[0]))
			whole = whole[:0]
			return d.Sync()
		})
		if err != nil {
			return "", fmt.Errorf("read weights %s: %w", f.Path, err)
		}
		hashes = append(hashes, hash)
	}
	p.Filled(d)
	return strings.Join(hashes, "+"), d.Sync()
}

// fit finds the parameter of each tensor, by our names, or names the tensors for which
// there is none, and the parameters for which there is no tensor.
func fit(p *nn.Parameters, shapes map[string][]int, places map[string]clip.Place) (map[string]*nn.Parameter, error) {
	all := slices.Concat(p.List, p.Buffers)
	byName, parts, of := map[string]*nn.Parameter{}, map[string]int{}, map[string]int{} // by our names
	for _, q := range all {
		byName[q.Name], of[q.Name] = q, 1
	}
	var extra, other, missing []string
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		place := places[name]
		q := byName[place.Name]
		switch {
		case q == nil && (place.Name == "" || clip.Optional(place.Name)):
		case q == nil:
			extra = append(extra, name)
		default:
			parts[q.Name], of[q.Name] = parts[q.Name]+1, place.Parts
			if want := place.Shape(q.Shape); !slices.Equal(shapes[name], want) && !(scalar(q.Shape) && scalar(shapes[name])) {
				other = append(other, fmt.Sprintf("%s is %v, %v expected", name, shapes[name], want))
			}
		}
	}
	for _, q := range all {
		if parts[q.Name] < of[q.Name] && !clip.Optional(q.Name) {
			missing = append(missing, q.Name)
		}
	}
	var faults []string
	for _, f := range []struct {
		what string
		list []string
	}{{"missing", missing}, {"too many", extra}, {"of another shape", other}} {
		if len(f.list) > 0 {
			faults = append(faults, some(f.what, f.list))
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%w: tensors %s", nn.ErrOtherModel, strings.Join(faults, "; "))
	}
	return byName, nil
}

// scalar tells whether a shape is that of one value.
func scalar(shape []int) bool { return !slices.ContainsFunc(shape, func(n int) bool { return n != 1 }) }

// some names the first of a list, and counts the others.
func some(what string, list []string) string {
	const shown = 4
	text := fmt.Sprintf("%d %s: %s", len(list), what, strings.Join(list[:min(shown, len(list))], ", "))
	if len(list) > shown {
		text += fmt.Sprintf(" and %d more", len(list)-shown)
	}
	return text
}

// turned is [cols,rows] of x[rows,cols].
func turned(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for r := range rows {
		for c := range cols {
			y[c*rows+r] = x[r*cols+c]
		}
	}
	return y
}

// ReadWeights reads the tensors of a safetensors file, or of those that an index names,
// into memory.
func ReadWeights(path string) (map[string]Tensor, error) {
	w, err := OpenWeights(path)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	all := map[string]Tensor{}
	for _, f := range w.Files {
		list, _, err := f.decode()
		var byName map[string]Tensor
		if err == nil {
			byName, err = finiteTensors(list)
		}
		if err != nil {
			return nil, fmt.Errorf("read weights %s: %w", f.Path, err)
		}
		maps.Copy(all, byName)
	}
	return all, nil
}
