package evaluate

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/pairloom/pairloom/trainer/device"
)

// Probe is the test of a linear classifier on what a frozen image tower makes of
// pictures before the projection to the shared space.
type Probe struct {
	Train      string   `json:"train"`
	Test       string   `json:"test"`
	Pictures   int      `json:"pictures"` // of the training set
	Dim        int      `json:"dim"`      // words a picture
	Accuracy   Accuracy `json:"accuracy"` // on the test set
	Lambda     float64  `json:"lambda"`   // the strength that did best in validation
	Validation float64  `json:"validation"`
	Iterations int      `json:"iterations"` // of the last fit
	Fits       int      `json:"fits"`
	Note       string   `json:"note,omitempty"` // what the accuracy does not say
}

// features are vectors with their classes.
type features struct {
	dim   int
	rows  []float32 // [len(class), dim]
	class []int
}

// standardise moves the rows of train to mean 0 and scales them to root mean square
// 1, one factor for all dimensions, and moves those of test alike. What a linear
// classifier can tell stays the same, and the strengths of the sweep mean the same
// for any encoder: those of a random one lie within 0.001 around a mean of 1, where
// no strength of the sweep lets weights grow large enough.
func standardise(train, test features) (features, features) {
	dim := train.dim
	mean := make([]float64, dim)
	for i, v := range train.rows {
		mean[i%dim] += float64(v)
	}
	for k := range mean {
		mean[k] /= float64(max(1, len(train.class)))
	}
	squares := 0.0
	for i, v := range train.rows {
		d := float64(v) - mean[i%dim]
		squares += d * d
	}
	scale := 1.0
	if squares > 0 {
		scale = math.Sqrt(float64(len(train.rows)) / squares)
	}
	moved := func(f features) features {
		rows := make([]float32, len(f.rows))
		for i, v := range f.rows {
			rows[i] = float32(scale * (float64(v) - mean[i%dim]))
		}
		return features{dim, rows, f.class}
	}
	return moved(train), moved(test)
}

// sweepSteps is the number of steps of the sweep from 1e-6 to 1e6, 8 a decade.
const sweepSteps = 96

// probeTolerance is scikit-learn's default.
const probeTolerance = 1e-4

func strength(step int) float64 { return math.Pow(10, -6+float64(step)/8) }

// sweep finds the step of the best score as the CLIP paper does (appendix A.3):
// of every 16th step the best, then of those half as far to both sides of it,
// until the neighbours are tried. Ties go to the weaker regularisation.
func sweep(score func(step int) (float64, error)) (best int, scores map[int]float64, err error) {
	scores = map[int]float64{}
	try := func(step int) error {
		if _, known := scores[step]; known || step < 0 || step > sweepSteps {
			return nil
		}
		s, err := score(step)
		scores[step] = s
		if err == nil && (len(scores) == 1 || s > scores[best] || s == scores[best] && step < best) {
			best = step
		}
		return err
	}
	for step := 0; step <= sweepSteps && err == nil; step += 16 {
		err = try(step)
	}
	for width := 8; width > 0 && err == nil; width /= 2 {
		middle := best
		if err = try(middle - width); err == nil {
			err = try(middle + width)
		}
	}
	return best, scores, err
}

// probe fits a logistic regression to train, standardised, with the strength that
// does best on a fifth of it, and tests it. Equal input and seed give equal results.
func (e *Embedder) probe(ctx context.Context, train, test features, classes int, o Options) (Probe, error) {
	dim := train.dim
	train, test = standardise(train, test)
	fitting, validation := features{dim: dim}, features{dim: dim}
	state := uint64(o.Seed)
	for i, class := range train.class {
		to := &fitting
		if splitMix(&state)%5 == 0 {
			to = &validation
		}
		to.rows = append(to.rows, train.rows[i*dim:(i+1)*dim]...)
		to.class = append(to.class, class)
	}
	if len(fitting.class) == 0 || len(validation.class) == 0 || len(test.class) == 0 {
		return Probe{}, fmt.Errorf("probe: %d pictures to learn from and %d to test on are too few", len(train.class), len(test.class))
	}
	x := make([]float64, classes*(dim+1))
	m, err := e.newRegression(fitting, classes)
	if err != nil {
		return Probe{}, err
	}
	defer m.free()
	// Each fit begins where the last one ended: the minimum is the same.
	best, scores, err := sweep(func(step int) (float64, error) {
		m.lambda = strength(step)
		if _, err := minimise(ctx, m.loss, x, probeTolerance); err != nil {
			return 0, err
		}
		hits, err := e.predict(ctx, x, validation, classes)
		return accuracyOf(hits, 0, Options{}).Rate, err
	})
	if err != nil {
		return Probe{}, err
	}
	p := Probe{Pictures: len(train.class), Dim: dim, Lambda: strength(best), Validation: scores[best], Fits: len(scores) + 1}
	whole, err := e.newRegression(train, classes)
	if err != nil {
		return p, err
	}
	defer whole.free()
	whole.lambda = p.Lambda
	if p.Iterations, err = minimise(ctx, whole.loss, x, probeTolerance); err != nil {
		return p, err
	}
	hits, err := e.predict(ctx, x, test, classes)
	p.Accuracy = accuracyOf(hits, 1/float64(classes), o)
	return p, err
}

// predict tells for each row whether the parameters x give its class the
// largest logit; 1 for yes.
func (e *Embedder) predict(ctx context.Context, x []float64, f features, classes int) ([]float64, error) {
	dim := f.dim
	weights := toFloat32(x[:classes*dim])
	hits := make([]float64, len(f.class))
	err := e.scores(ctx, f.rows, weights, dim, func(i int, logits []float32) {
		best, most := 0, math.Inf(-1)
		for k, l := range logits {
			if v := float64(l) + x[classes*dim+k]; v > most {
				best, most = k, v
			}
		}
		if best == f.class[i] {
			hits[i] = 1
		}
	})
	return hits, err
}

// regression is multinomial logistic regression on the device. Its parameters
// are weights[classes,dim], then a bias a class, which is not regularised.
type regression struct {
	e       *Embedder
	f       features
	classes int
	lambda  float64

	rows, weights, gradient, logits device.Memory
	host                            []float32
	out                             []float32
}

// probeBand is the number of rows whose logits are held at a time.
const probeBand = 4096

func (e *Embedder) newRegression(f features, classes int) (*regression, error) {
	dim, band := f.dim, min(probeBand, len(f.class))
	r := &regression{e: e, f: f, classes: classes, host: make([]float32, band*classes), out: make([]float32, classes*dim)}
	for _, m := range []struct {
		to    *device.Memory
		words int
	}{{&r.rows, len(f.rows)}, {&r.weights, classes * dim}, {&r.gradient, classes * dim}, {&r.logits, band * classes}} {
		var err error
		if *m.to, err = e.device.Alloc(4 * m.words); err != nil {
			r.free()
			return nil, fmt.Errorf("probe: %w", err)
		}
	}
	e.device.Write(device.Whole(r.rows, device.F32), f.rows)
	return r, nil
}

func (r *regression) free() {
	for _, m := range []device.Memory{r.rows, r.weights, r.gradient, r.logits} {
		if m != nil {
			m.Free()
		}
	}
}

// loss is the mean cross entropy plus lambda/(2 rows) times the squared norm of
// the weights: the minimum is that of scikit-learn's LogisticRegression with
// C = 1/lambda.
func (r *regression) loss(x, gradient []float64) (float64, error) {
	d, k, dim, n := r.e.device, r.classes, r.f.dim, len(r.f.class)
	weights, bias := x[:k*dim], x[k*dim:]
	clear(gradient)
	d.Write(device.Whole(r.weights, device.F32), toFloat32(weights))
	rows, logits := device.Whole(r.rows, device.F32), device.Whole(r.logits, device.F32)
	var sum float64
	for first := 0; first < n; first += probeBand {
		count := min(probeBand, n-first)
		band, host := rows.Slice(first*dim, count*dim), r.host[:count*k]
		d.MatMul(logits, band, device.Whole(r.weights, device.F32), count, k, dim, false, true, 0)
		if err := d.Read(host, logits); err != nil {
			return 0, fmt.Errorf("probe: %w", err)
		}
		for i := range count {
			sum += softmaxLoss(host[i*k:(i+1)*k], bias, r.f.class[first+i], gradient[k*dim:])
		}
		d.Write(logits, host)
		beta := float32(1)
		if first == 0 {
			beta = 0
		}
		d.MatMul(device.Whole(r.gradient, device.F32), logits, band, k, dim, count, true, false, beta)
	}
	if err := d.Read(r.out, device.Whole(r.gradient, device.F32)); err != nil {
		return 0, fmt.Errorf("probe: %w", err)
	}
	inverse := 1 / float64(n)
	for i, g := range r.out {
		gradient[i] = (float64(g) + r.lambda*weights[i]) * inverse
	}
	for i := range bias {
		gradient[k*dim+i] *= inverse
	}
	return (sum + r.lambda/2*dot(weights, weights)) * inverse, nil
}

// softmaxLoss is the cross entropy of one row. It leaves the gradient in the
// place of the logits and adds it to that of the biases.
func softmaxLoss(logits []float32, bias []float64, class int, gradient []float64) float64 {
	most := math.Inf(-1)
	for i, l := range logits {
		most = max(most, float64(l)+bias[i])
	}
	var sum float64
	right := float64(logits[class]) + bias[class]
	for i, l := range logits {
		p := math.Exp(float64(l) + bias[i] - most)
		sum += p
		logits[i] = float32(p)
	}
	for i := range logits {
		p := float64(logits[i]) / sum
		if i == class {
			p--
		}
		logits[i] = float32(p)
		gradient[i] += p
	}
	return math.Log(sum) + most - right
}

func toFloat32(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return slices.Clip(y)
}
