package tally

import (
	"fmt"
	"syscall"
)

// Zeros are bytes that take no memory as long as nothing is written, for which they are
// not: pictures for a device that does not look at them. Free them when done.
type Zeros struct {
	Bytes []byte
}

// NewZeros maps n of them, 1 or more.
func NewZeros(n int) (*Zeros, error) {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("map %d bytes of zeros: %w", n, err)
	}
	return &Zeros{b}, nil
}

// Free unmaps them.
func (z *Zeros) Free() error { return syscall.Munmap(z.Bytes) }
