package trainer

import (
	"context"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/token"
)

const (
	// reasonPairs is the most training pairs that are compared with one another, and
	// reasonEmbeddings the most that are embedded.
	reasonPairs, reasonEmbeddings = 10000, 64
	// alike is the share of the loss of guessing below which no model gets, from which
	// on equal captions or pictures are what holds it up.
	alike = 0.9
	// collapsed is the mean cosine between embeddings that have become one: those of
	// untrained models lie below 0.99.
	collapsed = 0.999
)

// learned tells whether the last losses lie below that of guessing: by a hundredth, and
// by more than three standard errors of their mean where these can be told. A model that
// tells no pairs apart has the loss of guessing or more.
func learned(last []float64, chance float64) bool {
	mean, squares := average(last), 0.0
	for _, v := range last {
		squares += (v - mean) * (v - mean)
	}
	margin := 0.03 * chance
	if n := float64(len(last)); n >= 5 {
		margin = max(0.01*chance, 3*math.Sqrt(squares/(n-1)/n))
	}
	return mean < chance-margin
}

// reason says why the loss of a run that is complete is that of guessing among pairs, as
// far as it can be measured; "" when the model learned. A later segment is short, and on
// pairs that the model does not know yet: its loss says nothing of the training.
func (r *run) reason(ctx context.Context) (string, error) {
	s := &r.state
	if s.Step < s.Total || len(s.Segments) > 1 || !s.Model.Pairs() || r.options.LMWeight > 0 || learned(s.LossLast, r.chance()) {
		return "", nil
	}
	last := fmt.Sprintf("the loss ended at that of guessing, %.3f of %.3f: ", average(s.LossLast), r.chance())
	captions, pictures, err := r.repeats()
	if err != nil {
		return "", err
	}
	for _, part := range []struct {
		what    string
		repeats repeats
		cure    string
	}{
		{"captions", captions, "texts that say more of the picture are needed"},
		{"pictures", pictures, "pictures that differ are needed"},
	} {
		if floor := part.repeats.floor(r.batch); floor >= alike*math.Log(float64(r.batch)) {
			return last + fmt.Sprintf("%d of %d %s are distinct, with which no model gets below %.3f in batches of %d; %s",
				len(part.repeats.of), part.repeats.pairs, part.what, floor, r.batch, part.cure), nil
		}
	}
	x, y, err := r.spread(ctx)
	if err != nil {
		return "", err
	}
	measured := fmt.Sprintf("captions and pictures differ (%d and %d of %d are distinct)", len(captions.of), len(pictures.of), captions.pairs)
	o := r.options
	if x > collapsed || y > collapsed {
		return last + fmt.Sprintf("%s, but the model gives all the same embedding (mean cosine of pictures %.4f, of texts %.4f), as it does where the rate is too high; lower lr, which is %g, or raise warmup, which is %d",
			measured, x, y, o.LearningRate, o.Warmup), nil
	}
	return last + fmt.Sprintf("%s, and so do their embeddings (mean cosine of pictures %.4f, of texts %.4f), but it only went from %.3f to there in %d steps at an lr of %g; more epochs, or a higher lr, may help",
		measured, x, y, average(s.LossFirst), s.Step, o.LearningRate), nil
}

// repeats counts equal values among pairs, by their hashes.
type repeats struct {
	of    map[uint64]int
	pairs int
}

func (p *repeats) add(hash uint64) {
	p.of[hash]++
	p.pairs++
}

// floor is about the least loss in batches of n: a model that has all pairs with a value
// right guesses among those of them that the batch has. Of a value that has k of p pairs,
// a pair with it meets (n-1)(k-1)/(p-1) others.
func (p *repeats) floor(n int) float64 {
	sum := 0.0
	for _, k := range p.of {
		others := float64(n-1) * float64(k-1) / float64(max(1, p.pairs-1))
		sum += float64(k) / float64(p.pairs) * math.Log(1+others)
	}
	return sum
}

// sample walks up to n rows that are spread over all training pairs.
func (r *run) sample(n int) (rows []int) {
	all := r.source.Len()
	n = min(n, all)
	for i := range n {
		if row := i * all / n; !r.source.Gone(row) {
			rows = append(rows, row)
		}
	}
	return rows
}

// repeats counts equal captions, as the model sees them, and equal picture files.
func (r *run) repeats() (captions, pictures repeats, err error) {
	captions.of, pictures.of = map[uint64]int{}, map[uint64]int{}
	encoder := r.vocabulary.NewEncoder()
	for _, row := range r.sample(reasonPairs) {
		p, err := r.source.Pair(row)
		if err != nil {
			return captions, pictures, err
		}
		var c token.Captions
		c.Add(encoder, p.Text, r.state.Model.Context)
		h := xxhash.New()
		for _, id := range c.Tokens {
			h.Write([]byte{byte(id), byte(id >> 8), byte(id >> 16)})
		}
		captions.add(h.Sum64())
		pictures.add(xxhash.Sum64(p.Image))
	}
	return captions, pictures, nil
}

// spread embeds some training pairs and returns the mean cosine between different
// pictures and between different texts. It asks for no more memory than training does.
func (r *run) spread(ctx context.Context) (pictures, texts float64, err error) {
	side := r.state.Model.Resolution
	size := 3 * side * side
	v := &validation{source: r.source, pixels: make([]byte, reasonEmbeddings*size)}
	all := r.sample(reasonEmbeddings)
	fine, err := v.decode(ctx, all, side, r.options.workers())
	if err != nil {
		return 0, 0, err
	}
	var x, y []float32
	n, encoder := 0, r.vocabulary.NewEncoder()
	tape := autograd.Evaluate(r.device, r.pool)
	few := min(r.microBatch(), 16)
	var captions token.Captions
	for i, row := range all {
		if fine[i] {
			p, err := r.source.Pair(row)
			if err != nil {
				return 0, 0, err
			}
			copy(v.pixels[captions.Len()*size:], v.pixels[i*size:(i+1)*size])
			captions.Add(encoder, p.Text, r.state.Model.Context)
		}
		if k := captions.Len(); k == few || k > 0 && i == len(all)-1 {
			for _, side := range []struct {
				of *autograd.Value
				to *[]float32
			}{{r.model.Images(tape, r.model.Pictures(tape, v.pixels[:k*size])), &x}, {r.model.Texts(tape, &captions), &y}} {
				rows := make([]float32, k*side.of.Cols)
				if err := r.device.Read(rows, side.of.Data); err != nil {
					return 0, 0, &deviceError{err}
				}
				*side.to = append(*side.to, rows...)
			}
			tape.Reset()
			captions.Reset()
			n += k
		}
	}
	if n < 2 {
		return 0, 0, nil
	}
	return meanCosine(x, n), meanCosine(y, n), r.pool.Err()
}

// meanCosine is that of all pairs of different rows of length 1: the square of their sum
// has each twice, and each row with itself once.
func meanCosine(rows []float32, n int) float64 {
	sums := make([]float64, len(rows)/n)
	for i, v := range rows {
		sums[i%len(sums)] += float64(v)
	}
	square := 0.0
	for _, s := range sums {
		square += s * s
	}
	return (square - float64(n)) / float64(n*(n-1))
}
