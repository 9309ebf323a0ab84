package evaluate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// Where a classifier came from.
const (
	Computed = "computed"
	Cached   = "cached"
	Rebuilt  = "rebuilt" // the cached one was damaged
)

// Classifier is a row of length 1 for each label: the mean of its prompts'
// vectors, normalised again.
type Classifier struct {
	Rows [][]float32
	From string // Computed, Cached or Rebuilt
	Path string // its file; "" when it was not kept
}

// classifierKey is the hash of all that a classifier depends on. Lengths come
// before texts, so that no two lists run into one.
func classifierKey(model string, templates, labels []string) string {
	d := xxhash.New()
	fmt.Fprintf(d, "classifier 1 %s %d %d", model, len(templates), len(labels))
	for _, list := range [][]string{templates, labels} {
		for _, text := range list {
			fmt.Fprintf(d, "\n%d %s", len(text), text)
		}
	}
	return fmt.Sprintf("%016x", d.Sum64())
}

// Classifier makes the classifier of the labels, or reads it from folder, where
// an earlier call with the same model, templates and labels left it. A file that
// is damaged is made again. folder "" keeps nothing. templates are prompts, with
// sets already replaced.
func (e *Embedder) Classifier(ctx context.Context, folder string, labels, templates []string, batch int) (Classifier, error) {
	c := Classifier{From: Computed}
	if folder != "" {
		key := classifierKey(e.Hash, templates, labels)
		c.Path = filepath.Join(folder, key+".safetensors")
		flat, err := readClassifier(c.Path, key, len(labels), e.Dim())
		if err == nil {
			c.From = Cached
			c.Rows = split(flat, e.Dim())
			return c, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			c.From = Rebuilt
		}
	}
	flat, err := e.classifier(ctx, labels, templates, batch)
	if err != nil {
		return c, err
	}
	c.Rows = split(flat, e.Dim())
	if c.Path == "" {
		return c, nil
	}
	var b bytes.Buffer
	tensor := checkpoint.Tensor{Name: "classifier", Shape: []int{len(labels), e.Dim()}, Data: flat}
	if err := checkpoint.Encode(&b, []checkpoint.Tensor{tensor}, map[string]string{
		"key": filepath.Base(c.Path), "model": e.Hash, "templates": strconv.Itoa(len(templates)), "xxh64": hashOf(flat),
	}); err != nil {
		return c, fmt.Errorf("keep classifier: %w", err)
	}
	return c, atomicfile.WriteFile(c.Path, b.Bytes())
}

var errDamagedClassifier = errors.New("the classifier is damaged")

func readClassifier(path, key string, labels, dim int) ([]float32, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tensors, metadata, err := checkpoint.Decode(data)
	if err != nil || len(tensors) != 1 || len(tensors[0].Data) != labels*dim ||
		metadata["key"] != key+".safetensors" || metadata["xxh64"] != hashOf(tensors[0].Data) {
		return nil, errDamagedClassifier
	}
	return tensors[0].Data, nil
}

func hashOf(x []float32) string {
	d := xxhash.New()
	var b [4]byte
	for _, v := range x {
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
		d.Write(b[:])
	}
	return fmt.Sprintf("%016x", d.Sum64())
}

func split(flat []float32, dim int) [][]float32 {
	rows := make([][]float32, len(flat)/dim)
	for i := range rows {
		rows[i] = flat[i*dim : (i+1)*dim]
	}
	return rows
}

// classifier embeds each label by all templates: one row a label, end to end.
func (e *Embedder) classifier(ctx context.Context, labels, templates []string, batch int) ([]float32, error) {
	dim, batch := e.Dim(), max(1, batch)
	rows := make([]float32, len(labels)*dim)
	count := len(labels) * len(templates)
	prompts := make([]string, 0, batch)
	for first := 0; first < count; first += batch {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		prompts = prompts[:0]
		for i := first; i < min(first+batch, count); i++ {
			prompts = append(prompts, prompt(templates[i%len(templates)], labels[i/len(templates)]))
		}
		x, err := e.texts(prompts)
		if err != nil {
			return nil, err
		}
		for i := range prompts {
			row := rows[(first+i)/len(templates)*dim:][:dim]
			for c := range row {
				row[c] += x[i*dim+c]
			}
		}
	}
	for i := range labels {
		row := rows[i*dim : (i+1)*dim]
		var sum float64
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		scale := float32(1 / max(math.Sqrt(sum), 1e-12))
		for c := range row {
			row[c] *= scale
		}
	}
	return rows, nil
}

// Cosines are those of a picture and the classifier's rows.
func Cosines(picture []float32, c Classifier) []float64 {
	cosines := make([]float64, len(c.Rows))
	for k, row := range c.Rows {
		for i, v := range row {
			cosines[k] += float64(v) * float64(picture[i])
		}
	}
	return cosines
}

// Probabilities is the softmax of cosines, times the inverse temperature that the
// model learned. Of one label it is 1, whatever the picture shows.
func (e *Embedder) Probabilities(cosines []float64) []float64 {
	p := make([]float64, len(cosines))
	most, sum := math.Inf(-1), 0.0
	for _, c := range cosines {
		most = max(most, e.scale*c)
	}
	for k, c := range cosines {
		p[k] = math.Exp(e.scale*c - most)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}
