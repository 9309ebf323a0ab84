package device

import (
	"fmt"
	"math/bits"
)

// Pool hands out buffers and takes them back for reuse. Sizes are rounded up
// to an eighth of a power of two, so that batches of varying caption lengths
// share buffers. It is not safe for concurrent use.
type Pool struct {
	device Device
	free   map[int][]Memory
	all    []Memory
	err    error
}

// NewPool returns an empty pool on d.
func NewPool(d Device) *Pool { return &Pool{device: d, free: map[int][]Memory{}} }

// sizeClass rounds words up so that at most an eighth is wasted.
func sizeClass(words int) int {
	if words <= 64 {
		return 64
	}
	step := 1 << max(0, bits.Len(uint(words-1))-4)
	return (words + step - 1) / step * step
}

// Get returns a buffer of the given number of words, of unknown content. When
// memory runs out it returns the zero Buffer, and Err says why.
func (p *Pool) Get(words int) Buffer {
	class := sizeClass(words)
	if list := p.free[class]; len(list) > 0 {
		m := list[len(list)-1]
		p.free[class] = list[:len(list)-1]
		return Buffer{Memory: m, Len: words}
	}
	m, err := p.device.Alloc(class)
	if err != nil {
		if p.err == nil {
			p.err = fmt.Errorf("allocate %d bytes on %s: %w", class*4, p.device.Name(), err)
		}
		return Buffer{}
	}
	p.all = append(p.all, m)
	return Buffer{Memory: m, Len: words}
}

// Put takes back a buffer that Get gave. The caller has enqueued its last use.
func (p *Pool) Put(b Buffer) {
	if !b.Absent() {
		class := b.Memory.Words()
		p.free[class] = append(p.free[class], b.Memory)
	}
}

// Err is the first allocation that failed.
func (p *Pool) Err() error { return p.err }

// Allocations is the number of memories the pool has allocated so far.
func (p *Pool) Allocations() int { return len(p.all) }

// Close frees everything that the pool ever handed out.
func (p *Pool) Close() {
	for _, m := range p.all {
		m.Free()
	}
	*p = Pool{device: p.device, free: map[int][]Memory{}}
}
