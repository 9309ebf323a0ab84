package device

import (
	"fmt"
	"math/bits"
	"slices"
)

// Pool hands out buffers and takes them back for reuse. Sizes are rounded up
// to an eighth of a power of two, so that batches of varying caption lengths
// share buffers. A large buffer that is free is cut in halves and quarters for
// smaller ones, and put together when both halves are back: layers of a ResNet,
// each of half the size of the last, share memory so. Pool is not safe for
// concurrent use.
type Pool struct {
	device Device
	free   map[int][]Buffer // by size class
	all    []Memory
	err    error
}

// smallestCut is the smallest size in words that is cut from a larger one.
const smallestCut = 1 << 20

// NewPool returns an empty pool on d.
func NewPool(d Device) *Pool { return &Pool{device: d, free: map[int][]Buffer{}} }

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
	for size := class; size <= 4*class; size *= 2 {
		if list := p.free[size]; len(list) > 0 {
			b := list[len(list)-1]
			p.free[size] = list[:len(list)-1]
			for size > class {
				size /= 2
				p.free[size] = append(p.free[size], b.Slice(size, size))
			}
			return b.Slice(0, words)
		}
		if class < smallestCut {
			break
		}
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

// Put takes back a buffer that Get gave, of the same length. The caller has enqueued its last use.
func (p *Pool) Put(b Buffer) {
	if b.Absent() {
		return
	}
	class := sizeClass(b.Len)
	b.Len = class
	for class < b.Memory.Words() {
		// The other half, before or behind.
		other := Buffer{Memory: b.Memory, Offset: (b.Offset/class ^ 1) * class, Len: class}
		at := slices.Index(p.free[class], other)
		if at < 0 {
			break
		}
		p.free[class] = slices.Delete(p.free[class], at, at+1)
		b.Offset = min(b.Offset, other.Offset)
		class *= 2
		b.Len = class
	}
	p.free[class] = append(p.free[class], b)
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
	*p = Pool{device: p.device, free: map[int][]Buffer{}}
}
