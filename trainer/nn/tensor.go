package nn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/trainer/device"
)

// Tensor is a named array of float32 on the host, row-major. A scalar has no
// dimensions.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// ErrOtherModel is wrapped by Load when the tensors are not the model's.
var ErrOtherModel = errors.New("the tensors are those of another model")

// tensorsOf lists what belongs to a flat buffer: gradients and moments are of
// the parameters alone, values (and averages of values) come with Buffers.
func (p *Parameters) tensorsOf(flat device.Buffer) []*Parameter {
	if !flat.Absent() && (flat == p.Grad || flat == p.M || flat == p.V) {
		return p.List
	}
	return slices.Concat(p.List, p.Buffers)
}

// Read copies the tensors of a flat buffer to the host, their names behind
// prefix. Buffers are among them, except where flat is the gradients or moments.
func (p *Parameters) Read(d device.Device, flat device.Buffer, prefix string) ([]Tensor, error) {
	var list []Tensor
	for _, q := range p.tensorsOf(flat) {
		t := Tensor{prefix + q.Name, q.Shape, make([]float32, q.Words())}
		if err := d.Read(t.Data, p.Of(flat, q)); err != nil {
			return nil, fmt.Errorf("read tensor %s: %w", t.Name, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// Load copies tensors whose names have prefix to a flat buffer. They must be
// exactly those of the model, as Read gives them; every difference in name is
// looked at before a word is written.
func (p *Parameters) Load(d device.Device, flat device.Buffer, set map[string]Tensor, prefix string) error {
	wanted := p.tensorsOf(flat)
	for _, q := range wanted {
		t, there := set[prefix+q.Name]
		if !there {
			return fmt.Errorf("load tensor %s: %w: it is missing", prefix+q.Name, ErrOtherModel)
		}
		if !slices.Equal(t.Shape, q.Shape) {
			return fmt.Errorf("load tensor %s: %w: its shape is %v, %v expected", t.Name, ErrOtherModel, t.Shape, q.Shape)
		}
	}
	n := 0
	for name := range set {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	if n != len(wanted) {
		return fmt.Errorf("load tensors: %w: there are %d, %d expected", ErrOtherModel, n, len(wanted))
	}
	for _, q := range wanted {
		d.Write(p.Of(flat, q), set[prefix+q.Name].Data)
	}
	if flat == p.Data {
		p.use(d, flat)
	}
	return d.Sync()
}

// Filled makes the values count that were written to Data piece by piece, as Load does
// with its own.
func (p *Parameters) Filled(d device.Device) { p.use(d, p.Data) }
