package trainer

import (
	"context"
	"math"
	"testing"

	"github.com/pairloom/pairloom/trainer/clip"
)

// TestNorms holds the norms of a step against those of its gradient and of its weights,
// tensor by tensor on the host in float64.
func TestNorms(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70)
	for _, tt := range []struct {
		name   string
		change func(o *Options)
	}{
		{"clip", func(*Options) {}},
		{"several batches", func(o *Options) { o.Batch, o.Accumulate = 8, 2 }},
		{"siglip", func(o *Options) { o.Loss = lossSigLIP }},
		{"a ResNet", func(o *Options) { o.Model = "rn-nano" }},
		{"no text tower", func(o *Options) { o.Objective = clip.BagOfWords }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := small()
			tt.change(&o)
			r, err := newRun(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			defer r.close()
			if err := r.restore(); err != nil {
				t.Fatal(err)
			}
			feed := r.newFeed()
			defer feed.loader.Close()
			p := &r.model.Parameters
			weights, err := p.Read(r.device, p.Data, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := r.gradients(context.Background(), feed); err != nil {
				t.Fatal(err)
			}
			r.update(feed)
			if err := r.device.Wait(r.pending.end); err != nil {
				t.Fatal(err)
			}
			got, figures := r.towers.norms(r.pending.squares, o.accumulate()), r.pending.figures
			gradient, err := p.Read(r.device, p.Grad, "")
			if err != nil {
				t.Fatal(err)
			}
			var want norms
			add := func(x []float32, to *float64, scale float64) {
				for _, v := range x {
					*to += float64(v) * float64(v) * scale
				}
			}
			k := float64(o.accumulate())
			for i, g := range gradient { // the parameters come first, and then what is not learned
				part := partOf(g.Name)
				add(g.Data, &want.gradient[part], 1/k/k)
				add(weights[i].Data, &want.weight[part], 1)
			}
			whole := 0.0
			for part := range parts {
				whole += want.gradient[part]
				if value, want := got.gradient[part], math.Sqrt(want.gradient[part]); math.Abs(value-want) > 1e-6*want {
					t.Errorf("part %d: the gradient has norm %g, want %g", part, value, want)
				}
				if value, want := got.weight[part], math.Sqrt(want.weight[part]); math.Abs(value-want) > 1e-6*want {
					t.Errorf("part %d: the weights have norm %g, want %g", part, value, want)
				}
			}
			norm2 := float64(figures[o.accumulate()]) / k / k
			if math.Abs(whole-norm2) > 1e-6*norm2 || want.gradient[visual] == 0 || want.gradient[text] == 0 {
				t.Errorf("the parts' squares are %v, that of all %g", want.gradient, norm2)
			}
		})
	}
}

// TestNormsInMetrics expects them at each line, and at no step between.
func TestNormsInMetrics(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70)
	o := small()
	o.LogEvery = 7
	train(t, dir, o)
	lines := linesOf(t, dir)
	if len(lines) != 5 { // 1, 7, 14, 21 and 24
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		parts := l.GradientVisual*l.GradientVisual + l.GradientText*l.GradientText + l.GradientLogits*l.GradientLogits
		if math.Abs(math.Sqrt(parts)-l.GradientNorm) > 1e-5*l.GradientNorm || l.WeightVisual < 1 || l.WeightText < 1 ||
			math.Abs(math.Exp(-l.LogitScale)-l.Temperature) > 1e-9 {
			t.Errorf("step %d: %+v", l.Step, l)
		}
	}
}
