package trainer

import (
	"context"
	"math"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/clip"
	"github.com/pairloom/pairloom/trainer/device/tally"
	"github.com/pairloom/pairloom/trainer/token"
)

// Memory is what a training takes at most, by part, in bytes.
type Memory struct {
	Weights     int64 `json:"weights"`
	Gradients   int64 `json:"gradients"`
	Moments     int64 `json:"moments"` // of AdamW
	Average     int64 `json:"average"` // of the weights, with ema
	Activations int64 `json:"activations"`
	Scratch     int64 `json:"scratch"` // of operations
	Batches     int64 `json:"batches"` // that are being read
	Cache       int64 `json:"cache"`   // of decoded pictures
	Saving      int64 `json:"saving"`  // copies for a checkpoint
	Program     int64 `json:"program"`
}

// Total is the sum of the parts.
func (m Memory) Total() int64 {
	return m.Weights + m.Gradients + m.Moments + m.Average + m.Activations + m.Scratch + m.Batches + m.Cache + m.Saving + m.Program
}

// Device is the part of it that lies on a card, where one computes.
func (m Memory) Device() int64 {
	return m.Weights + m.Gradients + m.Moments + m.Average + m.Activations + m.Scratch
}

// programMemory is about what the program takes of itself.
const programMemory = 40 << 20

// A plan is what the need of a training depends on, beside its options.
type plan struct {
	options    Options
	config     clip.Config
	vocabulary int
	lengths    []int // of some captions, in tokens
	rows       int   // training pairs
	heldOut    int   // pairs of a validation
	onCard     bool
}

// planSteps is the number of steps that are gone through: batches differ in the length
// of their captions, and what one leaves free does not always do for the next.
const planSteps = 6

// planMicro is the number of micro batches of a step that are gone through; those after
// them ask for nothing new.
const planMicro = 4

// memory goes through some steps of a training with batches of so many pairs on a device
// that only counts. It also counts the useful operations for a pair.
func (p plan) memory(pairs, micro int) (m Memory, flops float64, err error) {
	o := p.options
	o.Batch, o.MicroBatch, o.Accumulate = pairs, micro, min(o.accumulate(), planMicro)
	if micro >= pairs {
		o.MicroBatch = 0
	}
	d := &tally.Device{Card: p.onCard}
	r := &run{options: o, batch: pairs, batchesPerEpoch: 1, device: d, classes: []int32{0}}
	r.state = checkpoint.State{Model: p.config, Vocabulary: p.vocabulary, Total: math.MaxInt32}
	r.model = clip.New(p.config, p.vocabulary)
	if o.CheckpointActivations {
		r.model.Recompute()
	}
	r.head = newHead(o, r.model)
	r.objective = r.newObjective()
	defer r.close()
	if err := r.allocate(); err != nil {
		return m, 0, err
	}
	w := &r.model.Parameters
	m.Weights, m.Gradients, m.Moments = int64(w.Data.Memory.Bytes()), int64(w.Grad.Memory.Bytes()), 2*int64(w.M.Memory.Bytes())
	m.Saving = m.Weights + m.Moments
	if o.EMA > 0 {
		m.Average = int64(r.fading.memory.Bytes())
		m.Saving += m.Average
	}
	fixed := m.Weights + m.Gradients + m.Moments + m.Average

	most := r.microBatch()
	loader := r.loading()
	m.Batches, m.Cache = loader.Memory(p.rows)
	side := p.config.Resolution
	pixels, err := tally.NewZeros(max(most, validationBatch) * 3 * side * side)
	if err != nil {
		return m, 0, err
	}
	defer pixels.Free()
	if p.heldOut > 1 {
		r.validation = &validation{source: &batch.Source{}}
		if r.validation.embedded, err = r.newEmbeddings(p.heldOut); err != nil {
			return m, 0, err
		}
		m.Batches += int64(validationBatch * 3 * side * side)
	}
	r.batch = min(pairs, planMicro*most) // of the embeddings of all, which have their place
	made := &madeUp{plan: p, pairs: r.batch, micro: most, pixels: pixels.Bytes}
	feed := &feed{loader: made, device: d, pool: r.pool, seen: func([]int) {}}
	for range planSteps {
		if err := r.gradients(context.Background(), feed); err != nil {
			return m, 0, err
		}
		r.update(feed)
		r.pending = nil
		flops += feed.flops
		r.state.Step++
	}
	flops /= float64(planSteps * r.batch * o.accumulate())
	if r.validation != nil {
		b := made.batch(min(p.heldOut, validationBatch))
		t := autograd.Evaluate(d, r.pool)
		r.model.Images(t, r.model.Pictures(t, b.Pictures))
		r.model.Texts(t, &b.Captions)
		t.Reset()
	}
	m.Activations, m.Scratch, m.Program = d.Most()-fixed, d.Scratch(), programMemory
	return m, flops, r.pool.Err()
}

// madeUp makes batches of captions that are as long as those of the plan, and of pictures
// that are nothing.
type madeUp struct {
	plan
	pairs, micro int
	first        int
	pixels       []byte
	drawn        uint64 // so many captions
}

func (l *madeUp) Next(context.Context) (*batch.Batch, error) {
	n := min(l.micro, l.pairs-l.first)
	b := l.batch(n)
	b.First = l.first
	if l.first += n; l.first == l.pairs {
		l.first = 0
	}
	return b, nil
}

func (l *madeUp) batch(n int) *batch.Batch {
	b := &batch.Batch{Rows: make([]int, n), Pictures: l.pixels[:n*3*l.config.Resolution*l.config.Resolution]}
	tokens := make([]int32, l.config.Context)
	for range n {
		// Multiples of the golden ratio fall evenly between 0 and 1, in no order.
		l.drawn++
		_, share := math.Modf(float64(l.drawn) * math.Phi)
		b.Captions.Append(tokens[:min(l.lengths[int(share*float64(len(l.lengths)))], l.config.Context)])
	}
	return b
}

func (l *madeUp) Ready() bool          { return true }
func (l *madeUp) Release(*batch.Batch) {}
func (l *madeUp) Close()               {}

// fits is the largest number of pairs of which hold says that there is room for them, up
// to most; 0 for none. The need grows with the number.
func fits(most int, hold func(pairs int) (bool, error)) (int, error) {
	low, high := 0, 1 // low fits
	for high <= most {
		fine, err := hold(high)
		if err != nil {
			return 0, err
		}
		if !fine {
			break
		}
		low, high = high, 2*high
	}
	high = min(high, most+1)
	for low+max(1, low/64) < high {
		middle := (low + high) / 2
		fine, err := hold(middle)
		if err != nil {
			return 0, err
		}
		if fine {
			low = middle
		} else {
			high = middle
		}
	}
	return low, nil
}

// largest are the largest batch that fits as a whole, and the largest micro batch with
// which a batch of so many pairs does, where the objective has those.
func (p plan) largest(pairs int, in rooms) (whole, micro int, err error) {
	const most = 1 << 20
	whole, err = fits(most, func(n int) (bool, error) {
		m, _, err := p.memory(max(2, n), max(2, n))
		return in.hold(m, 1), err
	})
	if err != nil || !p.config.Pairs() || p.options.LMWeight > 0 {
		return whole, 0, err
	}
	micro, err = fits(pairs-1, func(n int) (bool, error) {
		m, _, err := p.memory(pairs, n)
		return in.hold(m, 1), err
	})
	return whole, micro, err
}

// planCaptions is the number of captions whose length is looked at.
const planCaptions = 2000

// plan is that of a run whose pairs and vocabulary are known.
func (r *run) plan() (plan, error) {
	p := plan{options: r.options, config: r.state.Model, vocabulary: r.vocabulary.Size(), rows: r.source.Len(), onCard: r.choice.OnCard}
	encoder := r.vocabulary.NewEncoder()
	var c token.Captions
	for _, row := range r.sample(planCaptions) {
		pair, err := r.source.Pair(row)
		if err != nil {
			return p, err
		}
		c.Reset()
		c.Add(encoder, pair.Text, p.config.Context)
		p.lengths = append(p.lengths, len(c.Tokens))
	}
	if r.options.ValidateEvery > 0 {
		p.heldOut = int(min(validationPairs, r.grounds[0].now.Len(batch.HeldOut)))
	}
	return p, nil
}
