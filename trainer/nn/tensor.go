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

// Read copies the tensors of a flat buffer to the host, their names behind
// prefix.
func (p *Parameters) Read(d device.Device, flat device.Buffer, prefix string) ([]Tensor, error) {
	var list []Tensor
	for _, q := range p.List {
		t := Tensor{prefix + q.Name, q.Shape, make([]float32, q.Words())}
		if err := d.Read(t.Data, p.Of(flat, q)); err != nil {
			return nil, fmt.Errorf("read tensor %s: %w", t.Name, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// Load copies tensors whose names have prefix to a flat buffer. They must be
// exactly those of the model; every difference in name is looked at before a
// word is written.
func (p *Parameters) Load(d device.Device, flat device.Buffer, set map[string]Tensor, prefix string) error {
	for _, q := range p.List {
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
	if n != len(p.List) {
		return fmt.Errorf("load tensors: %w: there are %d, %d expected", ErrOtherModel, n, len(p.List))
	}
	for _, q := range p.List {
		d.Write(p.Of(flat, q), set[prefix+q.Name].Data)
	}
	return d.Sync()
}
