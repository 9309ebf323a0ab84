package trainer

import (
	"math"
	"strings"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/nn"
)

// Parts of a model whose norms are told apart.
const (
	visual = iota // the image tower
	text          // the text tower, or what predicts in its place
	logits        // the logit scale, and SigLIP's bias
	parts
)

func partOf(name string) int {
	switch {
	case strings.HasPrefix(name, "visual."):
		return visual
	case name == "logit_scale" || name == biasName:
		return logits
	}
	return text
}

// norms are those of the parts of a model, at a step that is written to the metrics.
type norms struct{ gradient, weight [parts]float64 }

// towers measures norms on the device.
type towers struct {
	memory device.Memory
	ranges []nn.Range
	part   []int // of each range
}

func (t *towers) allocate(d device.Device, p *nn.Parameters) (err error) {
	for part := range parts {
		for _, r := range p.Ranges(func(name string) bool { return partOf(name) == part }) {
			t.ranges, t.part = append(t.ranges, r), append(t.part, part)
		}
	}
	t.memory, err = d.Alloc(t.figures() * device.F32.Bytes())
	return err
}

func (t *towers) free() {
	if t.memory != nil {
		t.memory.Free()
	}
}

// figures is the number of squares of a step: of the gradient and of the weights, range
// by range.
func (t *towers) figures() int { return 2 * len(t.ranges) }

// measure enqueues the squares, when the gradient of a step is there and its update is
// not. They are in what it returns when a mark behind it is passed.
func (t *towers) measure(d device.Device, p *nn.Parameters) []float32 {
	squares := device.Whole(t.memory, device.F32)
	for i, r := range t.ranges {
		d.SquaredNorm(squares.Slice(2*i, 1), p.Grad.Slice(r.From, r.Len))
		d.SquaredNorm(squares.Slice(2*i+1, 1), p.Data.Slice(r.From, r.Len))
	}
	host := make([]float32, t.figures())
	d.Fetch(host, squares)
	return host
}

// norms are those of squares that were measured; the gradient is the sum of batches many.
func (t *towers) norms(squares []float32, batches int) (n norms) {
	for i, part := range t.part {
		n.gradient[part] += float64(squares[2*i])
		n.weight[part] += float64(squares[2*i+1])
	}
	for part := range parts {
		n.gradient[part] = math.Sqrt(n.gradient[part]) / float64(batches)
		n.weight[part] = math.Sqrt(n.weight[part])
	}
	return n
}
