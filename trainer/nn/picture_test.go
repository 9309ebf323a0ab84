package nn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// TestBottleneckAgain holds that a block that is computed twice, values and
// all, gives the gradients of one that is kept, to the bit, and moves its
// running statistics once. Blocks with and without a pool and a projected
// shortcut, on an odd side.
func TestBottleneckAgain(t *testing.T) {
	for _, tt := range []struct {
		in   int
		pool bool
	}{{8, false}, {3, false}, {3, true}} {
		t.Run(fmt.Sprintf("in=%d/pool=%v", tt.in, tt.pool), func(t *testing.T) {
			const side, batch, planes = 5, 2, 2
			var first []Tensor
			for _, again := range []bool{false, true} {
				got := blockGradients(t, tt.in, planes, tt.pool, batch, side, again)
				if again && !slices.EqualFunc(first, got, func(a, b Tensor) bool { return slices.Equal(a.Data, b.Data) }) {
					t.Error("computed again, gradients or statistics differ")
				}
				first = got
			}
		})
	}
}

// blockGradients runs one step through a linear map and a block, and returns
// gradients and running statistics.
func blockGradients(t *testing.T, in, planes int, pool bool, batch, side int, again bool) []Tensor {
	d := reference.New()
	p := &Parameters{}
	pre, scale, bias := p.New("pre", Normal(0.5), in, 3), p.New("scale", Constant(1)), p.New("bias", Constant(-1))
	b := NewBottleneck(p, "block", in, planes, pool)
	if err := p.Allocate(d, true); err != nil {
		t.Fatal(err)
	}
	if err := p.Draw(d, 3); err != nil {
		t.Fatal(err)
	}
	d.Fill(b.bn3.norm.Gain.Data, 0.7) // with the first gain of 0 nothing flows
	buffers := device.NewPool(d)
	random := rand.New(rand.NewPCG(1, 2))
	input := make([]float32, batch*side*side*3)
	for i := range input {
		input[i] = float32(random.NormFloat64())
	}
	tape, loss := autograd.New(d, buffers), buffers.Get(device.F32, 1)
	x := tape.Linear(tape.Floats(input, batch*side*side, 3), pre, nil)
	forward := func(tape *autograd.Tape, x *autograd.Value) *autograd.Value { return b.Forward(tape, x, side) }
	y := x
	if again {
		y = tape.Recompute(x, forward)
	} else {
		y = forward(tape, x)
	}
	if want := batch * b.Side(side) * b.Side(side); y.Rows != want || y.Cols != planes*Expansion {
		t.Errorf("the block gives [%d,%d], want [%d,%d]", y.Rows, y.Cols, want, planes*Expansion)
	}
	// What is added keeps rows from being all 0.
	z := tape.Normalize(tape.Sum(y, tape.Floats(slices.Repeat([]float32{0.1, 0.2}, y.Rows*y.Cols/2), y.Rows, y.Cols)))
	tape.Siglip(loss, z, z, scale, bias)
	tape.Backward()
	got, err := p.Read(d, p.Grad, "")
	if err != nil {
		t.Fatal(err)
	}
	state, err := p.Read(d, p.Data, "")
	if err != nil {
		t.Fatal(err)
	}
	state = state[len(p.List):]
	for _, s := range state {
		if len(s.Shape) == 0 && s.Data[0] != 1 {
			t.Errorf("%s is %g after one batch", s.Name, s.Data[0])
		}
	}
	for _, g := range got {
		if slices.Max(g.Data) == 0 && slices.Min(g.Data) == 0 {
			t.Errorf("%s has no gradient", g.Name)
		}
	}
	buffers.Close()
	p.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return append(got, state...)
}
