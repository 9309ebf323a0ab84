package tally

import (
	"fmt"
	"syscall"
	"unsafe"
)

// Zeros are floats that take no memory as long as nothing is written, for which they are
// not: pictures for a device that does not look at them. Free them when done.
type Zeros struct {
	bytes  []byte
	Floats []float32
}

// NewZeros maps n floats, 1 or more.
func NewZeros(n int) (*Zeros, error) {
	b, err := syscall.Mmap(-1, 0, 4*n, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of zeros: %w", 4*n, err)
	}
	return &Zeros{b, unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n)}, nil
}

// Free unmaps them.
func (z *Zeros) Free() error { return syscall.Munmap(z.bytes) }
