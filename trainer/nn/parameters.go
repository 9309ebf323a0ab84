package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/trainer/autograd"
	"github.com/pairloom/pairloom/trainer/device"
)

// Draw fills a tensor with its first values.
type Draw func(random *rand.Rand, x []float32)

// Constant gives every word the same value.
func Constant(value float64) Draw {
	return func(_ *rand.Rand, x []float32) {
		for i := range x {
			x[i] = float32(value)
		}
	}
}

// Normal draws from the normal distribution around 0.
func Normal(std float64) Draw {
	return func(random *rand.Rand, x []float32) {
		for i := range x {
			x[i] = float32(random.NormFloat64() * std)
		}
	}
}

// Uniform draws from -bound to bound.
func Uniform(bound float64) Draw {
	return func(random *rand.Rand, x []float32) {
		for i := range x {
			x[i] = float32((random.Float64()*2 - 1) * bound)
		}
	}
}

// Parameter is one tensor of a model.
type Parameter struct {
	Name  string
	Shape []int
	Value *autograd.Value

	draw   Draw
	from   int // words into the flat buffers
	buffer bool
	table  bool
}

// Words is the number of values of the tensor.
func (p *Parameter) Words() int {
	n := 1
	for _, s := range p.Shape {
		n *= s
	}
	return n
}

// Parameters are all tensors of a model.
type Parameters struct {
	List []*Parameter // in the order in which layers asked
	// Buffers are tensors of the state that are not learned, such as running
	// statistics: they are saved and loaded with Data, and have no gradient, no
	// moments and no decay.
	Buffers []*Parameter

	// Type is that of the activations, set before Allocate. With BF16, products take
	// the parameters from a rounded copy, which each method that changes Data renews:
	// it changes in no other way.
	Type device.Type

	// Flat buffers, set by Allocate: values, gradients, first and second
	// moments. The first Decayed words belong to tensors of rank 2 and more.
	Data, Grad, M, V device.Buffer
	Decayed          int

	factors int           // words, the first of all, of tensors that products take
	rounded device.Buffer // those of them in BF16, or absent
	memory  []device.Memory
}

// NewBuffer adds a tensor that is not learned.
func (p *Parameters) NewBuffer(name string, draw Draw, shape ...int) *autograd.Value {
	q := &Parameter{Name: name, Shape: shape, draw: draw, buffer: true}
	q.Value = autograd.Parameter(device.Buffer{}, device.Buffer{}, 1, q.Words())
	p.Buffers = append(p.Buffers, q)
	return q.Value
}

// New adds a tensor. As a matrix it has its first dimension as rows; a vector
// or scalar is one row.
func (p *Parameters) New(name string, draw Draw, shape ...int) *autograd.Value {
	q := &Parameter{Name: name, Shape: shape, draw: draw}
	rows, cols := 1, q.Words()
	if len(shape) > 1 {
		rows, cols = shape[0], q.Words()/shape[0]
	}
	q.Value = autograd.Parameter(device.Buffer{}, device.Buffer{}, rows, cols)
	p.List = append(p.List, q)
	return q.Value
}

// NewTable is New for a tensor whose rows are gathered, and which products do not
// take, or seldom.
func (p *Parameters) NewTable(name string, draw Draw, shape ...int) *autograd.Value {
	v := p.New(name, draw, shape...)
	p.List[len(p.List)-1].table = true
	return v
}

// Words is the number of values of all tensors.
func (p *Parameters) Words() int {
	n := 0
	for _, q := range p.List {
		n += q.Words()
	}
	return n
}

// alignment in words keeps each tensor on a cache line of its own, in BF16 too.
const alignment = 32

// Allocate lays the tensors out on the device. Without training there are no
// gradients and no moments. All buffers start at zero.
func (p *Parameters) Allocate(d device.Device, training bool) error {
	words := 0
	place := func(belongs func(q *Parameter) bool) {
		for _, q := range p.List {
			if belongs(q) {
				q.from = words
				words += (q.Words() + alignment - 1) / alignment * alignment
			}
		}
	}
	place(func(q *Parameter) bool { return len(q.Shape) > 1 && !q.table })
	p.factors = words
	place(func(q *Parameter) bool { return len(q.Shape) > 1 && q.table })
	p.Decayed = words
	place(func(q *Parameter) bool { return len(q.Shape) <= 1 })
	learned := words
	for _, q := range p.Buffers {
		q.from = words
		words += (q.Words() + alignment - 1) / alignment * alignment
	}
	state := words - learned
	buffers := []*device.Buffer{&p.Data}
	if training {
		buffers = append(buffers, &p.Grad, &p.M, &p.V)
	}
	for _, b := range buffers {
		size := learned
		if b == &p.Data {
			size += state // behind the parameters lie the buffers
		}
		m, err := d.Alloc(4 * size)
		if err != nil {
			p.Free()
			return fmt.Errorf("allocate %d parameters: %w", p.Words(), err)
		}
		p.memory = append(p.memory, m)
		d.Fill(device.Whole(m, device.F32), 0)
		*b = device.Whole(m, device.F32).Slice(0, learned)
	}
	if p.Type == device.BF16 {
		m, err := d.Alloc(p.Type.Bytes() * p.factors)
		if err != nil {
			p.Free()
			return fmt.Errorf("allocate %d parameters: %w", p.Words(), err)
		}
		p.memory = append(p.memory, m)
		p.rounded = device.Whole(m, p.Type)
	}
	for _, q := range p.Buffers {
		q.Value.Data = p.Of(p.Data, q)
	}
	for _, q := range p.List {
		if training {
			q.Value.Grad = p.Of(p.Grad, q)
		}
		if !p.rounded.Absent() && q.from < p.factors {
			q.Value.Rounded = p.Of(p.rounded, q)
		}
	}
	p.use(d, p.Data)
	return nil
}

// use makes the tensors' values those of a flat buffer.
func (p *Parameters) use(d device.Device, flat device.Buffer) {
	for _, q := range p.List {
		q.Value.Data = p.Of(flat, q)
	}
	if !p.rounded.Absent() {
		d.Convert(p.rounded, flat.Slice(0, p.factors))
	}
}

// Swap lets the values of the tensors, but for Buffers, be those of a flat buffer of
// their own, until the function that it returns is called.
func (p *Parameters) Swap(d device.Device, flat device.Buffer) (back func()) {
	p.use(d, flat)
	return func() { p.use(d, p.Data) }
}

// Update takes a step of AdamW along the gradients, whose squared norm is norm2[0].
// The decay is that of tensors of rank 2 and more.
func (p *Parameters) Update(d device.Device, norm2 device.Buffer, a device.AdamW) {
	update := func(from, n int) {
		d.AdamW(p.Data.Slice(from, n), p.Grad.Slice(from, n), p.M.Slice(from, n), p.V.Slice(from, n), norm2, a)
	}
	update(0, p.Decayed)
	a.Decay = 0
	update(p.Decayed, p.Data.Len-p.Decayed)
	p.use(d, p.Data)
}

// Of is the part of a flat buffer that belongs to q. A tensor of Buffers has
// one place, whatever the flat buffer.
func (p *Parameters) Of(flat device.Buffer, q *Parameter) device.Buffer {
	if q.buffer {
		flat = p.Data
	}
	return flat.Slice(q.from, q.Words())
}

// Draw gives every tensor its first values, a pure function of seed and name.
func (p *Parameters) Draw(d device.Device, seed int64) error {
	for _, q := range slices.Concat(p.List, p.Buffers) {
		x := make([]float32, q.Words())
		q.draw(rand.New(rand.NewPCG(uint64(seed), xxhash.Sum64String(q.Name))), x)
		d.Write(p.Of(p.Data, q), x)
	}
	p.use(d, p.Data)
	return d.Sync()
}

// Free returns the buffers.
func (p *Parameters) Free() {
	for _, m := range p.memory {
		m.Free()
	}
	p.memory = nil
}

// inverseRoot is n^-0.5.
func inverseRoot(n int) float64 { return 1 / math.Sqrt(float64(n)) }
