package evaluate

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/token"
)

// embedder is a model that only goes forward.
type embedder struct {
	model   *clip.Model
	encoder *token.Encoder
	device  device.Device
	pool    *device.Pool
	tape    *autograd.Tape
	threads int
}

func newEmbedder(c *checkpoint.Checkpoint, threads int) (*embedder, error) {
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
	delete(weights, "logit_bias") // of SigLIP's loss, which no embedding needs
	e := &embedder{model: clip.New(c.State.Model, vocabulary.Size()), encoder: vocabulary.NewEncoder(), device: cpu.Open(threads), threads: threads}
	e.pool = device.NewPool(e.device)
	e.tape = autograd.Evaluate(e.device, e.pool)
	p := &e.model.Parameters
	if err := p.Allocate(e.device, false); err != nil {
		e.close()
		return nil, err
	}
	if err := p.Load(e.device, p.Data, weights, ""); err != nil {
		e.close()
		return nil, fmt.Errorf("load %s: %w", c.Path, err)
	}
	return e, nil
}

func (e *embedder) close() {
	e.pool.Close()
	e.model.Parameters.Free()
	e.device.Close()
}

// read copies a value of the tape to the host and ends the tape.
func (e *embedder) read(v *autograd.Value) ([]float32, error) {
	rows := make([]float32, v.Rows*v.Cols)
	err := e.pool.Err()
	if err == nil {
		err = e.device.Read(rows, v.Data)
	}
	e.tape.Reset()
	return rows, err
}

// texts embeds texts, one row each.
func (e *embedder) texts(texts []string) ([]float32, error) {
	var captions token.Captions
	for _, t := range texts {
		captions.Add(e.encoder, t, e.model.Config.Context)
	}
	return e.read(e.model.Texts(e.tape, &captions))
}

// decode makes pictures ready, in parallel. It returns the ones that decode,
// end to end, and which they are.
func (e *embedder) decode(ctx context.Context, source *batch.Source, first, count int) ([]float32, []int, error) {
	side := e.model.Config.Resolution
	size := 3 * side * side
	pixels, fine := make([]float32, count*size), make([]bool, count)
	group, ctx := errgroup.WithContext(ctx)
	for worker := range e.threads {
		group.Go(func() error {
			for i := worker; i < count; i += e.threads {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				fine[i] = batch.Centre(pixels[i*size:(i+1)*size], source.Pair(first+i).Image, side) == nil
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	var rows []int
	for i, ok := range fine {
		if ok {
			copy(pixels[len(rows)*size:], pixels[i*size:(i+1)*size])
			rows = append(rows, first+i)
		}
	}
	return pixels[:len(rows)*size], rows, nil
}

// images embeds pictures that decode made.
func (e *embedder) images(pixels []float32) ([]float32, error) {
	return e.read(e.model.Images(e.tape, pixels))
}

// band is the number of rows whose scores are on the host at a time.
const band = 256

// scores visits the products of each row of a with all rows of b.
func (e *embedder) scores(ctx context.Context, a, b []float32, visit func(i int, scores []float32)) error {
	dim := e.model.Config.Embed
	n, m := len(a)/dim, len(b)/dim
	left, right := e.pool.Get(len(a)), e.pool.Get(len(b))
	product := e.pool.Get(band * m)
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
