package compare

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/evaluate"
	"github.com/pairloom/pairloom/trainer/token"
)

// model is a trained model of any objective that only goes forward.
type model struct {
	*clip.Model
	weights map[string]checkpoint.Tensor
	encoder *token.Encoder
	device  device.Device
	pool    *device.Pool
	tape    *autograd.Tape
	threads int
}

// load opens a checkpoint's model.
func load(c *checkpoint.Checkpoint, on backend.Options) (*model, error) {
	if on.Threads <= 0 {
		on.Threads = runtime.NumCPU()
	}
	data, err := c.Vocabulary()
	if err != nil {
		return nil, err
	}
	vocabulary, err := token.Parse(data, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	weights, err := c.Weights()
	if err != nil {
		return nil, err
	}
	delete(weights, "logit_bias") // of SigLIP's loss, which ranks nothing otherwise
	m := &model{Model: clip.New(c.State.Model, vocabulary.Size()), weights: weights, encoder: vocabulary.NewEncoder(), threads: on.Threads}
	if m.device, err = backend.Open(on); err != nil {
		return nil, err
	}
	m.pool = device.NewPool(m.device)
	m.tape = autograd.Evaluate(m.device, m.pool)
	err = m.Parameters.Allocate(m.device, false)
	if err == nil {
		err = m.Parameters.Load(m.device, m.Parameters.Data, weights, "")
	}
	if err != nil {
		m.close()
		return nil, fmt.Errorf("load %s: %w", c.Path, err)
	}
	return m, nil
}

func (m *model) close() {
	m.pool.Close()
	m.Parameters.Free()
	m.device.Close()
}

// Texts and captions that are on the device at a time.
const textBatch = 256

// prompts are the captions of each label in turn, a caption a template.
func (m *model) prompts(labels, templates []string) *token.Captions {
	captions := &token.Captions{}
	for _, label := range labels {
		for _, t := range templates {
			captions.Add(m.encoder, strings.ReplaceAll(t, "{label}", label), m.Config.Context)
		}
	}
	return captions
}

// classifier is a row and a bias for each label, of which a picture's feature
// makes the label's score. Labels that trained lacks, which names the classes of
// a supervised model, have no chance.
type classifier struct{ rows, bias []float32 }

func (m *model) classifier(ctx context.Context, labels, templates, trained []string) (c classifier, err error) {
	dim := m.Config.Embed
	c = classifier{make([]float32, len(labels)*dim), make([]float32, len(labels))}
	if m.Config.Objective == clip.Supervised {
		weight, bias := m.weights["classes.weight"].Data, m.weights["classes.bias"].Data
		for i, label := range labels {
			k := slices.IndexFunc(trained, func(t string) bool { return strings.EqualFold(t, label) })
			if k < 0 {
				c.bias[i] = -math.MaxFloat32
				continue
			}
			copy(c.rows[i*dim:(i+1)*dim], weight[k*dim:(k+1)*dim])
			c.bias[i] = bias[k]
		}
		return c, nil
	}
	for first := 0; first < len(labels); first += textBatch {
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		some := labels[first:min(first+textBatch, len(labels))]
		rows, bias := c.rows[first*dim:(first+len(some))*dim], c.bias[first:first+len(some)]
		if m.Config.Objective == clip.BagOfWords {
			m.wordRows(rows, bias, m.prompts(some, templates), len(templates))
		} else if err := m.textRows(rows, some, templates); err != nil {
			return c, err
		}
	}
	return c, nil
}

// textRows adds up the templates' vectors of each label, and scales the sum to
// length 1.
func (m *model) textRows(rows []float32, labels, templates []string) error {
	dim := m.Config.Embed
	for _, t := range templates {
		x, err := m.tape.Read(m.Texts(m.tape, m.prompts(labels, []string{t})))
		if err != nil {
			return err
		}
		for i, v := range x {
			rows[i] += v
		}
	}
	for row := range slices.Chunk(rows, dim) {
		norm := 0.0
		for _, v := range row {
			norm += float64(v) * float64(v)
		}
		for i := range row {
			row[i] /= float32(math.Sqrt(norm))
		}
	}
	return nil
}

// wordRows takes the mean of the words' rows for each prompt, and the mean of
// the prompts for each label.
func (m *model) wordRows(rows, bias []float32, prompts *token.Captions, templates int) {
	dim, weight, wordBias := m.Config.Embed, m.weights["words.weight"].Data, m.weights["words.bias"].Data
	words, offsets := clip.Words(prompts)
	for p := range prompts.Len() {
		own, label := words[offsets[p]:offsets[p+1]], p/templates
		share := 1 / float32(len(own)*templates)
		for _, w := range own {
			for c := range dim {
				rows[label*dim+c] += share * weight[int(w)*dim+c]
			}
			bias[label] += share * wordBias[w]
		}
	}
}

// pictures decodes count pictures from number first on, step by step, those
// that are none left out, and tells their numbers.
func (m *model) pictures(ctx context.Context, set *evaluate.Set, numbers []int) (pixels []byte, kept []int, err error) {
	side := m.Config.Resolution
	size := 3 * side * side
	pixels = make([]byte, len(numbers)*size)
	fine, err := centres(ctx, set.Pictures, numbers, pixels, side, m.threads)
	if err != nil {
		return nil, nil, err
	}
	for i, number := range numbers {
		if fine[i] {
			copy(pixels[len(kept)*size:(len(kept)+1)*size], pixels[i*size:(i+1)*size])
			kept = append(kept, number)
		}
	}
	return pixels[:len(kept)*size], kept, nil
}
