package evaluate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
)

// bare is an embedder without a model, for what needs only vectors.
func bare(t testing.TB) *Embedder {
	t.Helper()
	e := &Embedder{device: cpu.Open(1), threads: 1}
	e.pool = device.NewPool(e.device)
	e.tape = autograd.Evaluate(e.device, e.pool)
	t.Cleanup(func() {
		e.pool.Close()
		if err := e.device.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestMinimise(t *testing.T) {
	rosenbrock := func(x, g []float64) (float64, error) {
		clear(g)
		var sum float64
		for i := range len(x) - 1 {
			a, b := x[i+1]-x[i]*x[i], 1-x[i]
			sum += 100*a*a + b*b
			g[i] += -400*a*x[i] - 2*b
			g[i+1] += 200 * a
		}
		return sum, nil
	}
	for _, n := range []int{2, 10} {
		x := make([]float64, n)
		for i := range x {
			x[i] = -1.2 + 0.1*float64(i)
		}
		iterations, err := minimise(context.Background(), rosenbrock, x, 1e-8)
		if err != nil || iterations > 200 {
			t.Errorf("%d iterations, %v", iterations, err)
		}
		for i, v := range x {
			if math.Abs(v-1) > 1e-3 {
				t.Errorf("of %d: x[%d] = %g after %d iterations", n, i, v, iterations)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := minimise(ctx, rosenbrock, []float64{-1, 1}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := errors.New("broken")
	calls := 0
	if _, err := minimise(context.Background(), func(x, g []float64) (float64, error) {
		if calls++; calls == 4 {
			return 0, broken
		}
		return rosenbrock(x, g)
	}, []float64{-1, 1}, 0); !errors.Is(err, broken) {
		t.Errorf("an objective that breaks: %v", err)
	}
}

// logistic is what testdata/logistic.py wrote.
type logistic struct {
	Dim     int       `json:"dim"`
	Classes int       `json:"classes"`
	Rows    []float32 `json:"rows"`
	Class   []int     `json:"class"`
	Fits    []struct {
		Lambda       float64   `json:"lambda"`
		Weights      []float64 `json:"weights"`
		Bias         []float64 `json:"bias"`
		CrossEntropy float64   `json:"cross_entropy"`
		Right        int       `json:"right"`
	} `json:"fits"`
}

func readLogistic(t testing.TB) (l logistic) {
	t.Helper()
	data, err := os.ReadFile("testdata/logistic.json")
	if err == nil {
		err = json.Unmarshal(data, &l)
	}
	if err != nil || len(l.Fits) < 4 {
		t.Fatal(err, len(l.Fits))
	}
	return l
}

// TestRegressionGradient holds the gradient against finite differences.
func TestRegressionGradient(t *testing.T) {
	l := readLogistic(t)
	e := bare(t)
	r, err := e.newRegression(features{l.Dim, l.Rows, l.Class}, l.Classes)
	if err != nil {
		t.Fatal(err)
	}
	defer r.free()
	r.lambda = 3
	x := make([]float64, l.Classes*(l.Dim+1))
	for i := range x {
		x[i] = math.Sin(float64(i))
	}
	g, ignored := make([]float64, len(x)), make([]float64, len(x))
	if _, err := r.loss(x, g); err != nil {
		t.Fatal(err)
	}
	const h = 1e-3
	for i := range x {
		at := x[i]
		x[i] = at + h
		up, _ := r.loss(x, ignored)
		x[i] = at - h
		down, _ := r.loss(x, ignored)
		x[i] = at
		// The logits are float32: largest difference seen 3e-5.
		if slope := (up - down) / (2 * h); math.Abs(slope-g[i]) > 2e-4 {
			t.Errorf("parameter %d: slope %g, gradient %g", i, slope, g[i])
		}
	}
}

// TestRegressionIsThatOfScikitLearn compares minima.
func TestRegressionIsThatOfScikitLearn(t *testing.T) {
	l := readLogistic(t)
	e := bare(t)
	f := features{l.Dim, l.Rows, l.Class}
	r, err := e.newRegression(f, l.Classes)
	if err != nil {
		t.Fatal(err)
	}
	defer r.free()
	x := make([]float64, l.Classes*(l.Dim+1))
	for _, fit := range l.Fits {
		t.Run(fmt.Sprintf("lambda=%g", fit.Lambda), func(t *testing.T) {
			r.lambda = fit.Lambda
			clear(x)
			if _, err := minimise(context.Background(), r.loss, x, 1e-7); err != nil {
				t.Fatal(err)
			}
			value, err := r.loss(x, make([]float64, len(x)))
			if err != nil {
				t.Fatal(err)
			}
			weights := x[:l.Classes*l.Dim]
			entropy := value - fit.Lambda/2*dot(weights, weights)/float64(len(l.Class))
			if math.Abs(entropy-fit.CrossEntropy) > 1e-4 {
				t.Errorf("cross entropy %.6f, want %.6f", entropy, fit.CrossEntropy)
			}
			// Biases are free up to one number for all.
			shift := (sum(x[len(weights):]) - sum(fit.Bias)) / float64(l.Classes)
			for i, w := range append(fit.Weights, fit.Bias...) {
				got := x[i]
				if i >= len(weights) {
					got -= shift
				}
				if math.Abs(got-w) > 0.01*(1+math.Abs(w)) {
					t.Errorf("parameter %d is %.4f, want %.4f", i, got, w)
				}
			}
			hits, err := e.predict(context.Background(), x, f, l.Classes)
			if err != nil || int(sum(hits)) != fit.Right {
				t.Errorf("%g right, want %d, %v", sum(hits), fit.Right, err)
			}
		})
	}
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

func TestSweep(t *testing.T) {
	for peak := range sweepSteps + 1 {
		best, scores, err := sweep(func(step int) (float64, error) { return -math.Abs(float64(step - peak)), nil })
		if err != nil || best != peak || len(scores) > 15 {
			t.Errorf("peak at %d: found %d with %d fits, %v", peak, best, len(scores), err)
		}
	}
	if best, _, _ := sweep(func(int) (float64, error) { return 1, nil }); best != 0 {
		t.Errorf("of equals, step %d was taken", best)
	}
	if strength(0) != 1e-6 || math.Abs(strength(sweepSteps)/1e6-1) > 1e-9 {
		t.Errorf("the sweep goes from %g to %g", strength(0), strength(sweepSteps))
	}
	broken := errors.New("broken")
	if _, _, err := sweep(func(step int) (float64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// cloud has n vectors of 3 classes around points that lie scale apart near mean.
func cloud(n int, state uint64, scale, mean float64) (f features) {
	f.dim = 8
	for i := range n {
		for j := range f.dim {
			v := float64(splitMix(&state)%1000)/1000 - 0.5
			if j == i%3 {
				v += 0.6
			}
			f.rows = append(f.rows, float32(mean+scale*v))
		}
		f.class = append(f.class, i%3)
	}
	return f
}

// TestProbe classifies clouds that a line tells apart but for some noise, twice.
func TestProbe(t *testing.T) {
	e := bare(t)
	o := Options{Bootstrap: 100, Seed: 4}
	first, err := e.probe(context.Background(), cloud(6000, 1, 1, 0), cloud(300, 2, 1, 0), 3, o) // more than a band
	if err != nil || first.Accuracy.Rate < 0.8 || first.Accuracy.Interval[0] >= first.Accuracy.Rate || first.Fits > 16 || first.Validation < 0.8 {
		t.Errorf("%+v, %v", first, err)
	}
	if again, err := e.probe(context.Background(), cloud(6000, 1, 1, 0), cloud(300, 2, 1, 0), 3, o); err != nil || again != first {
		t.Errorf("twice the same: %+v and %+v, %v", first, again, err)
	}
	if _, err := e.probe(context.Background(), cloud(1, 1, 1, 0), cloud(3, 2, 1, 0), 3, o); err == nil {
		t.Error("one picture is enough to learn from")
	}
}

// TestProbeOfAnyScale holds that features which differ by a thousandth around a
// mean of 1, as a random encoder's do, are told apart as well as any.
func TestProbeOfAnyScale(t *testing.T) {
	e := bare(t)
	var of [2]Probe
	for i, scale := range []float64{1, 1e-3} {
		var err error
		if of[i], err = e.probe(context.Background(), cloud(3000, 1, scale, float64(i)), cloud(1000, 2, scale, float64(i)), 3, Options{Seed: 4}); err != nil {
			t.Fatal(err)
		}
	}
	if math.Abs(of[0].Accuracy.Rate-of[1].Accuracy.Rate) > 0.005 || of[1].Accuracy.Rate < 0.8 {
		t.Errorf("accuracy %.3f at scale 1, %.3f at scale 0.001 around 1", of[0].Accuracy.Rate, of[1].Accuracy.Rate)
	}
}

// TestPooledRows holds that rows are, to the bit, those of the model's own pass,
// and those before the projection of the same pictures.
func TestPooledRows(t *testing.T) {
	dir := t.TempDir()
	saveModel(t, dir, 1)
	e := openModel(t, dir)
	side := e.model.Config.Resolution
	pixels := make([]byte, 5*3*side*side)
	for i := range pixels {
		pixels[i] = byte(128 + 127*math.Sin(float64(i*i)))
	}
	rows, pooled, err := e.images(pixels)
	if err != nil {
		t.Fatal(err)
	}
	wantRows, err := e.tape.Read(e.model.Images(e.tape, e.model.Pictures(e.tape, pixels)))
	if err != nil || !slices.Equal(rows, wantRows) || len(rows) != 5*e.Dim() {
		t.Errorf("%d words of the shared space are others, %v", len(rows), err)
	}
	wantPooled, err := e.tape.Read(e.model.Pooled(e.tape, e.model.Pictures(e.tape, pixels)))
	if err != nil || !slices.Equal(pooled, wantPooled) || len(pooled) != 5*e.model.Config.Width {
		t.Errorf("%d words before it are others, %v", len(pooled), err)
	}
}

func TestOverlap(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "birds", "crow", "a.jpg"), "x")
	writeFile(t, filepath.Join(dir, "fish", "pike", "a.jpg"), "x")
	if err := os.Symlink("birds", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		train, test string
		want        bool
	}{
		{"folder:birds", "folder:birds", true},
		{"folder:birds", "folder:./birds/", true},
		{"folder:birds", "folder:" + filepath.Join(dir, "birds"), true},
		{"folder:birds", "folder:link", true},
		{"parquet:a,b", "parquet:c,b", true},
		{"folder:birds", "folder:fish", false},
		{"parquet:a,b", "parquet:c,d", false},
		{"training:.", "shards:.", false},
		{"shards:.", "shards:.", true},
	} {
		if got := overlap(dir, tt.train, tt.test); got != tt.want {
			t.Errorf("%s and %s: %v, want %v", tt.train, tt.test, got, tt.want)
		}
	}
}
