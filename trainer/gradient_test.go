package trainer

import (
	"context"
	"math"
	"testing"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/device"
)

// gradientOf is the loss of the first step's batches and the gradient of each
// parameter, summed over them.
func gradientOf(t *testing.T, dir string, o Options) (float64, []checkpoint.Tensor) {
	t.Helper()
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
	r.device.Fill(p.Grad, 0)
	sum := 0.0
	for range o.accumulate() {
		loss := device.Whole(r.figures, device.F32).Slice(0, 1)
		if err := r.gradient(context.Background(), feed, loss); err != nil {
			t.Fatal(err)
		}
		var figure [1]float32
		if err := r.device.Read(figure[:], loss); err != nil {
			t.Fatal(err)
		}
		sum += float64(figure[0])
	}
	tensors, err := p.Read(r.device, p.Grad, "")
	if err != nil {
		t.Fatal(err)
	}
	return sum, tensors
}

// distance is |a-b|/|b|.
func distance(a, b []float32) float64 {
	var difference, norm float64
	for i := range a {
		difference += (float64(a[i]) - float64(b[i])) * (float64(a[i]) - float64(b[i]))
		norm += float64(b[i]) * float64(b[i])
	}
	return math.Sqrt(difference / norm)
}

// TestGradientCaching holds that micro batches give the gradient of the whole
// batch, for every parameter, also when they do not divide it.
func TestGradientCaching(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70, 3)
	for _, loss := range []string{lossCLIP, lossSigLIP} {
		o := small()
		o.Loss, o.Batch = loss, 32
		wantLoss, want := gradientOf(t, dir, o)
		for _, micro := range []int{1, 5, 8, 31} {
			o.MicroBatch = micro
			gotLoss, got := gradientOf(t, dir, o)
			if math.Abs(gotLoss-wantLoss) > 1e-6*wantLoss {
				t.Errorf("%s, micro batches of %d: loss %g, want %g", loss, micro, gotLoss, wantLoss)
			}
			worst, name := 0.0, ""
			for i := range want {
				if d := distance(got[i].Data, want[i].Data); !(d <= worst) {
					worst, name = d, want[i].Name
				}
			}
			t.Logf("%s, micro batches of %d: worst relative error %.2g, of %s", loss, micro, worst, name)
			if !(worst <= 1e-5) {
				t.Errorf("%s, micro batches of %d: the gradient of %s differs by %.2g", loss, micro, name, worst)
			}
		}
	}
}

// TestAccumulate holds that several batches give the sum of their gradients,
// which is not that of one larger batch.
func TestAccumulate(t *testing.T) {
	dir := t.TempDir()
	writeShards(t, dir, 70)
	o := small()
	o.Batch, o.Accumulate = 8, 2
	sumLoss, sum := gradientOf(t, dir, o)
	o.MicroBatch = 3
	_, cached := gradientOf(t, dir, o)
	o = small()
	o.Batch = 16
	wholeLoss, whole := gradientOf(t, dir, o)
	if sumLoss/2 > wholeLoss-0.1 {
		t.Errorf("two batches of 8 have the mean loss %g, one of 16 has %g", sumLoss/2, wholeLoss)
	}
	for i := range sum {
		if d := distance(cached[i].Data, sum[i].Data); !(d <= 1e-5) {
			t.Errorf("with micro batches the gradient of %s differs by %.2g", sum[i].Name, d)
		}
		if sum[i].Name == "visual.proj" && distance(whole[i].Data, sum[i].Data) < 0.1 {
			t.Error("accumulating gives the gradient of a larger batch")
		}
	}
}
