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
	free   map[int][]Buffer // of bytes, by size class
	all    []Memory
	err    error
}

// smallestCut is the smallest size in bytes that is cut from a larger one.
const smallestCut = 4 << 20

// NewPool returns an empty pool on d.
func NewPool(d Device) *Pool { return &Pool{device: d, free: map[int][]Buffer{}} }

// sizeClass rounds bytes up so that at most an eighth is wasted.
func sizeClass(bytes int) int {
	if bytes <= 256 {
		return 256
	}
	step := 1 << max(0, bits.Len(uint(bytes-1))-4)
	return (bytes + step - 1) / step * step
}

// Get returns a buffer of n elements of type t, of unknown content. When memory
// runs out it returns the zero Buffer, and Err says why.
func (p *Pool) Get(t Type, n int) Buffer {
	class := sizeClass(n * t.Bytes())
	as := func(b Buffer) Buffer { return Buffer{Memory: b.Memory, Type: t, Offset: b.Offset / t.Bytes(), Len: n} }
	for size := class; size <= 4*class; size *= 2 {
		if list := p.free[size]; len(list) > 0 {
			b := list[len(list)-1]
			p.free[size] = list[:len(list)-1]
			for size > class {
				size /= 2
				p.free[size] = append(p.free[size], b.Slice(size, size))
			}
			return as(b)
		}
		if class < smallestCut {
			break
		}
	}
	m, err := p.device.Alloc(class)
	if err != nil {
		if p.err == nil {
			p.err = fmt.Errorf("allocate %d bytes on %s: %w", class, p.device.Name(), err)
		}
		return Buffer{}
	}
	p.all = append(p.all, m)
	return as(Whole(m, U8))
}

// Put takes back a buffer that Get gave, of the same length and type. The caller
// has enqueued its last use.
func (p *Pool) Put(b Buffer) {
	if b.Absent() {
		return
	}
	class := sizeClass(b.Len * b.Type.Bytes())
	b = Buffer{Memory: b.Memory, Type: U8, Offset: b.Offset * b.Type.Bytes(), Len: class}
	for class < b.Memory.Bytes() {
		// The other half, before or behind.
		other := Buffer{Memory: b.Memory, Type: U8, Offset: (b.Offset/class ^ 1) * class, Len: class}
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

// Lacking is deferred by who uses buffers of the pool, with the error that it returns:
// where memory ran out it takes the panic of the operation that got the zero Buffer, and
// the error is that of Err.
func (p *Pool) Lacking(err *error) {
	if p.err != nil {
		recover()
		*err = p.err
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
	*p = Pool{device: p.device, free: map[int][]Buffer{}}
}
