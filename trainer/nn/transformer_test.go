package nn

import (
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// TestRecompute holds that computing blocks twice changes no bit of any
// gradient, and that it keeps less.
func TestRecompute(t *testing.T) {
	const rows, width = 7, 8
	step := func(recompute bool) (grads []float32, buffers int) {
		d := reference.New()
		pool := device.NewPool(d)
		p := &Parameters{}
		tower := NewTransformer(p, "t", TransformerConfig{Width: width, Layers: 6, Heads: 2, Causal: true, GPT2: true})
		tower.Recompute = recompute
		table := p.New("table", Normal(1), rows, width)
		scale := p.New("scale", Constant(1))
		if err := p.Allocate(d, true); err != nil {
			t.Fatal(err)
		}
		if err := p.Draw(d, 3); err != nil {
			t.Fatal(err)
		}
		loss := pool.Get(device.F32, 1)
		tape := autograd.New(d, pool)
		ids := tape.Ints([]int32{0, 1, 2, 3, 4, 5, 6})
		x := tape.Gather(table, ids, rows)
		y := tower.Forward(tape, x, Sequences{Offsets: tape.Ints([]int32{0, 4, 7}), Count: 2, Longest: 4})
		// The other side reads its own values: with two readers of x, sums
		// would be taken in another order.
		other := tape.Gather(table, ids, rows)
		tape.Contrastive(loss, tape.Normalize(y), tape.Normalize(other), scale, 0.5)
		tape.Backward()
		grads = make([]float32, p.Grad.Len+1)
		if err := d.Read(grads[:p.Grad.Len], p.Grad); err != nil {
			t.Fatal(err)
		}
		if err := d.Read(grads[p.Grad.Len:], loss); err != nil {
			t.Fatal(err)
		}
		buffers = pool.Allocations()
		pool.Close()
		p.Free()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		return grads, buffers
	}
	want, most := step(false)
	got, fewer := step(true)
	if !slices.Equal(got, want) {
		t.Error("the gradients differ")
	}
	if fewer*2 > most {
		t.Errorf("%d buffers with recomputation, %d without", fewer, most)
	}
}
