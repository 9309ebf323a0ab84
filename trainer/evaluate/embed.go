package evaluate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/token"
)

// Embedder is a trained model that only goes forward. It belongs to one
// goroutine.
type Embedder struct {
	// Hash stands for the weights and the vocabulary: two models with equal
	// hashes give equal vectors.
	Hash string
	// File is the xxhash64 of the file of weights, where Options.Weights named one.
	File string

	model   *clip.Model
	encoder *token.Encoder
	device  device.Device
	pool    *device.Pool
	tape    *autograd.Tape
	threads int
	scale   float64 // inverse temperature
}

// modelHash is made from the hashes that the checkpoint keeps of its weights and
// its vocabulary.
func modelHash(s checkpoint.State) string {
	config, err := json.Marshal(s.Model)
	if err != nil {
		panic(err) // plain fields always encode
	}
	text := string(config)
	for _, name := range []string{checkpoint.AverageName, checkpoint.WeightsName, checkpoint.VocabularyName} {
		if file, there := s.Files[name]; there {
			text += "\n" + name + " " + file.XXH64
		}
	}
	return fmt.Sprintf("%016x", xxhash.Sum64String(text))
}

// Dim is the number of words of a vector.
func (e *Embedder) Dim() int { return e.model.Config.Embed }

// ErrNoTexts is wrapped by Open when the model was trained to predict texts or
// labels, and has no vectors of texts.
var ErrNoTexts = errors.New("the model embeds no texts")

// Values of Options.Weights.
const (
	weightsAverage = "average"
	weightsBest    = "best"
	weightsInitial = "initial"
)

// ErrNoAverage is wrapped when the average of weights is asked for where none
// was kept.
var ErrNoAverage = errors.New("it keeps no average of its weights; set train.ema and train anew")

// backend says what the model runs on.
func (o Options) backend() backend.Options {
	return backend.Options{Device: o.Device, Threads: o.Threads}
}

// Load opens the model that o.Weights names: of a folder of checkpoints, or of weights
// that lie elsewhere.
func Load(folder string, o Options) (*Embedder, *checkpoint.Checkpoint, error) {
	if o.GivenWeights() != "" {
		return openGiven(o)
	}
	find := checkpoint.Latest
	if o.Weights == weightsBest {
		find = checkpoint.Best
	}
	c, err := find(folder)
	if err != nil {
		return nil, nil, err
	}
	switch o.Weights {
	case weightsInitial:
		e, err := drawn(c, o.backend())
		return e, c, err
	case weightsAverage:
		if _, there := c.State.Files[checkpoint.AverageName]; !there {
			return nil, c, fmt.Errorf("load %s: %w", c.Path, ErrNoAverage)
		}
		e, err := openCheckpoint(c, o.backend(), fromCheckpoint(c, true))
		if err == nil {
			e.Hash = averageHash(e.Hash)
		}
		return e, c, err
	}
	e, err := openCheckpoint(c, o.backend(), fromCheckpoint(c, false))
	return e, c, err
}

// averageHash is that of the fading average of a checkpoint.
func averageHash(checkpoint string) string {
	return fmt.Sprintf("%016x", xxhash.Sum64String(checkpoint+" "+weightsAverage))
}

// Open loads a checkpoint's model on the device that there is. Threads of 0 means one a
// processor.
func Open(c *checkpoint.Checkpoint, threads int) (*Embedder, error) {
	return openCheckpoint(c, backend.Options{Threads: threads}, fromCheckpoint(c, false))
}

// fromCheckpoint fills a model with the weights, or their fading average.
func fromCheckpoint(c *checkpoint.Checkpoint, average bool) func(*Embedder) error {
	return func(e *Embedder) error { return c.Load(e.device, &e.model.Parameters, average) }
}

// openCheckpoint makes the model of a checkpoint, whose weights fill writes.
func openCheckpoint(c *checkpoint.Checkpoint, b backend.Options, fill func(*Embedder) error) (*Embedder, error) {
	data, err := c.Vocabulary()
	if err != nil {
		return nil, err
	}
	vocabulary, err := token.Parse(data, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	e, err := open(c.Path, c.State.Model, vocabulary, b, fill)
	if err != nil {
		return nil, err
	}
	if e.Hash = modelHash(c.State); e.scale == 0 {
		e.scale = math.Exp(c.State.Scale)
	}
	return e, nil
}

// open makes a model, whose weights fill writes.
func open(path string, config clip.Config, vocabulary *token.Vocabulary, b backend.Options, fill func(*Embedder) error) (e *Embedder, err error) {
	if !config.EmbedsTexts() {
		return nil, fmt.Errorf("load %s: %w, its objective is %s; pairloom compare judges such models, or train one with the objective contrastive", path, ErrNoTexts, config.Objective)
	}
	if b.Threads <= 0 {
		b.Threads = runtime.NumCPU()
	}
	e = &Embedder{model: clip.New(config, vocabulary.Size()), encoder: vocabulary.NewEncoder(), threads: b.Threads}
	if e.device, err = backend.Open(b); err != nil {
		return nil, fmt.Errorf("eval.device: %w", err)
	}
	e.pool = device.NewPool(e.device)
	e.tape = autograd.Evaluate(e.device, e.pool)
	err = e.model.Parameters.Allocate(e.device, false)
	if err == nil {
		err = fill(e)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close frees the model.
func (e *Embedder) Close() {
	e.pool.Close()
	e.model.Parameters.Free()
	e.device.Close()
}

// texts embeds texts, one row each.
func (e *Embedder) texts(texts []string) (rows []float32, err error) {
	defer e.pool.Lacking(&err)
	var captions token.Captions
	for _, t := range texts {
		captions.Add(e.encoder, t, e.model.Config.Context)
	}
	return e.tape.Read(e.model.Texts(e.tape, &captions))
}

// Texts embeds texts, batch at a time: one row of length 1 each.
func (e *Embedder) Texts(ctx context.Context, texts []string, batch int) ([]float32, error) {
	var rows []float32
	for part := range slices.Chunk(texts, max(1, batch)) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		x, err := e.texts(part)
		if err != nil {
			return nil, err
		}
		rows = append(rows, x...)
	}
	return rows, nil
}

// images embeds pictures[count,side,side,3]. pooled are the rows before
// the projection to the shared space.
func (e *Embedder) images(pixels []byte) (rows, pooled []float32, err error) {
	defer e.pool.Lacking(&err)
	before := e.model.Pooled(e.tape, e.model.Pictures(e.tape, pixels))
	x := e.model.PooledImages(e.tape, before)
	pooled = make([]float32, before.Rows*before.Cols)
	if err = e.pool.Err(); err == nil {
		err = e.device.Read(pooled, before.Data)
	}
	rows, again := e.tape.Read(x)
	return rows, pooled, errors.Join(err, again)
}

// band is the number of rows whose scores are on the host at a time.
const band = 256

// scores visits the products of each row of a with all rows of b, of dim words.
func (e *Embedder) scores(ctx context.Context, a, b []float32, dim int, visit func(i int, scores []float32)) error {
	n, m := len(a)/dim, len(b)/dim
	left, right := e.pool.Get(device.F32, len(a)), e.pool.Get(device.F32, len(b))
	product := e.pool.Get(device.F32, band*m)
	defer func() {
		e.pool.Put(left)
		e.pool.Put(right)
		e.pool.Put(product)
	}()
	if err := e.pool.Err(); err != nil {
		return err
	}
	e.device.Write(left, a)
	e.device.Write(right, b)
	rows := make([]float32, band*m)
	for first := 0; first < n; first += band {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		count := min(band, n-first)
		e.device.MatMul(product, left.Slice(first*dim, count*dim), right, count, m, dim, false, true, 0)
		if err := e.device.Read(rows[:count*m], product); err != nil {
			return err
		}
		for i := range count {
			visit(first+i, rows[i*m:(i+1)*m])
		}
	}
	return nil
}
