package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/token"
)

const (
	// validationPairs is the most held-out pairs that a validation uses.
	validationPairs = 5000
	// validationBatch is how many are embedded at a time.
	validationBatch = 64
)

// validation measures the loss on the held-out pairs, all of them as one batch,
// with the fading average of the weights where there is one.
type validation struct {
	source   *batch.Source
	rows     []int // those whose pictures decode
	embedded *embeddings
	pixels   []byte // of validationBatch pictures
}

// openValidation finds the held-out pairs.
func (r *run) openValidation(ctx context.Context) error {
	if r.options.ValidateEvery == 0 {
		return nil
	}
	source, err := batch.OpenAll(r.heldOut(), batch.HeldOut)
	if err != nil {
		return err
	}
	side := r.state.Model.Resolution
	v := &validation{source: source, pixels: make([]byte, validationBatch*3*side*side)}
	r.validation = v
	for first := 0; first < min(source.Len(), validationPairs); first += validationBatch {
		var rows []int
		for row := first; row < min(first+validationBatch, source.Len(), validationPairs); row++ {
			if !source.Gone(row) {
				rows = append(rows, row)
			}
		}
		fine, err := v.decode(ctx, rows, side, r.options.workers())
		if err != nil {
			return err
		}
		for i, ok := range fine {
			if ok {
				v.rows = append(v.rows, rows[i])
			}
		}
	}
	if len(v.rows) < 2 {
		// Training is worth as much without. More may be held out when the dataset grows.
		r.tell(fmt.Sprintf("there is no validation, which takes two held-out pairs at least: %s has %d that decode; raise shard.heldout_share, or set train.validate_every to 0",
			r.grounds[0].Folder, len(v.rows)))
		v.close()
		r.validation = nil
		return nil
	}
	v.embedded, err = r.newEmbeddings(len(v.rows))
	return err
}

// heldOut are the datasets whose held-out pairs validate: that of r.dir, or where it has
// none, all.
func (r *run) heldOut() []batch.Dataset {
	grounds := r.grounds
	if grounds[0].name == ownName {
		grounds = grounds[:1]
	}
	var list []batch.Dataset
	for i, g := range grounds {
		g.Weight, g.Generation = 1, r.segment().Data[i].Generation
		list = append(list, g.Dataset)
	}
	return list
}

func (v *validation) close() {
	if v.embedded != nil {
		v.embedded.free()
	}
	v.source.Close()
}

// decode fills pixels with the pictures of the rows and says which decode.
func (v *validation) decode(ctx context.Context, rows []int, side, workers int) ([]bool, error) {
	size, fine := 3*side*side, make([]bool, len(rows))
	group, ctx := errgroup.WithContext(ctx)
	for worker := range workers {
		group.Go(func() error {
			for i := worker; i < len(rows); i += workers {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				p, err := v.source.Pair(rows[i])
				if err != nil {
					return err
				}
				fine[i] = batch.Centre(v.pixels[i*size:(i+1)*size], p.Image, side) == nil
			}
			return nil
		})
	}
	return fine, group.Wait()
}

// validateIfDue validates at every multiple of ValidateEvery and at the end,
// once, and keeps the best checkpoint.
func (r *run) validateIfDue(ctx context.Context) error {
	s := &r.state
	if r.validation == nil || s.Step == 0 || s.Validation.Step == s.Step ||
		s.Step%int64(r.options.ValidateEvery) != 0 && s.Step != s.Total && s.Step != r.segment().From {
		return nil
	}
	loss, err := r.validate(ctx)
	if err != nil {
		return err
	}
	if !finite(loss) {
		s.Validation.Step = s.Step
		r.tell("the loss on the held-out pairs is not finite")
		return nil
	}
	s.Validation = checkpoint.Validation{Step: s.Step, Loss: loss}
	if s.Step == r.segment().From {
		if s.Best, err = r.judgeBest(ctx); err != nil {
			return err
		}
	} else { // the segment before has a line of its end, on its pairs
		r.complain(r.metrics.writeValidation(validationLine{s.Step, loss}))
	}
	if s.Best.Step > 0 && loss >= s.Best.Loss {
		return nil
	}
	before := s.Best
	s.Best = s.Validation
	if err := r.saveBest(); err != nil {
		s.Best = before
		return r.forgive(err)
	}
	return nil
}

// judgeBest measures, where a segment begins, the best weights of the one before on the
// held-out pairs of now, step 0 for none: they may be better than its last ones, which
// the segment goes on from and the model has again after it.
func (r *run) judgeBest(ctx context.Context) (best checkpoint.Validation, err error) {
	c, err := checkpoint.Best(r.folder)
	if errors.Is(err, checkpoint.ErrNone) || err == nil && c.State.Step >= r.state.Step {
		return best, nil // such as one of this segment, by a run that was killed and begins it again
	}
	loss := math.NaN()
	if err == nil {
		if err = r.load(c); err == nil {
			loss, err = r.validate(ctx)
		}
		if back := r.load(r.found); back != nil {
			return best, back
		}
	}
	var fault *deviceError
	switch {
	case errors.As(err, &fault) || ctx.Err() != nil:
		return best, err
	case err != nil:
		r.tell(fmt.Sprintf("checkpoints/best is not compared with what comes now: %v", err))
	case finite(loss):
		best = checkpoint.Validation{Step: c.State.Step, Loss: loss}
	}
	return best, nil
}

// validate embeds the held-out pairs and returns their loss.
func (r *run) validate(ctx context.Context) (float64, error) {
	defer r.fading.swap(r.device, &r.model.Parameters)()
	v, side := r.validation, r.state.Model.Resolution
	size, encoder := 3*side*side, r.vocabulary.NewEncoder()
	tape := r.typed(autograd.Evaluate(r.device, r.pool))
	for first := 0; first < len(v.rows); first += validationBatch {
		rows := v.rows[first:min(first+validationBatch, len(v.rows))]
		if _, err := v.decode(ctx, rows, side, r.options.workers()); err != nil {
			return 0, err
		}
		var captions token.Captions
		for _, row := range rows {
			p, err := v.source.Facts(row)
			if err != nil {
				return 0, err
			}
			captions.Add(encoder, p.Text, r.state.Model.Context)
		}
		v.embedded.put(r.device, first, r.model.Images(tape, r.model.Pictures(tape, v.pixels[:len(rows)*size])), r.model.Texts(tape, &captions))
		tape.Reset()
		if err := r.device.Sync(); err != nil {
			return 0, &deviceError{err}
		}
	}
	loss := r.pool.Get(device.F32, 1)
	defer r.pool.Put(loss)
	if err := r.pool.Err(); err != nil {
		return 0, &deviceError{err}
	}
	v.embedded.loss(r.device, r.head, loss, len(v.rows))
	var figure [1]float32
	if err := r.device.Read(figure[:], loss); err != nil {
		return 0, &deviceError{err}
	}
	return float64(figure[0]), nil
}
