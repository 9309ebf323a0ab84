// Package reference is the backend that tests take for the truth: each
// operation is one plain loop nest, sums are kept in float64, and everything
// runs on the calling goroutine at the moment of the call.
//
// It obeys the same contract as the fast backends and passes the same suite.
// It is slow on purpose: read it to learn what an operation means.
package reference

import (
	"fmt"
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
)

// Device is the reference backend.
type Device struct{ words int64 }

var _ device.Device = (*Device)(nil)

// New returns a device. Close it when done.
func New() *Device { return &Device{} }

type memory struct {
	owner *Device
	data  []float32
}

func (m *memory) Words() int { return len(m.data) }

func (m *memory) Free() {
	m.owner.words -= int64(len(m.data))
	m.data = nil
}

// Name is "reference".
func (d *Device) Name() string { return "reference" }

// Bytes is the memory held.
func (d *Device) Bytes() int64 { return d.words * 4 }

// Alloc returns zeroed memory.
func (d *Device) Alloc(words int) (device.Memory, error) {
	d.words += int64(words)
	return &memory{d, make([]float32, words)}, nil
}

// floats is the content of b, at least n words.
func floats(operation string, b device.Buffer, n int) []float32 {
	b.Need(operation, n)
	return b.Memory.(*memory).data[b.Offset : b.Offset+n]
}

// ints views the words of b as int32.
func ints(operation string, b device.Buffer, n int) []int32 {
	f := floats(operation, b, n)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(&f[0])), n)
}

// Write copies src to dst.
func (d *Device) Write(dst device.Buffer, src []float32) { copy(floats("write", dst, len(src)), src) }

// WriteInts copies src to dst.
func (d *Device) WriteInts(dst device.Buffer, src []int32) { copy(ints("write", dst, len(src)), src) }

// Read copies src to dst.
func (d *Device) Read(dst []float32, src device.Buffer) error {
	copy(dst, floats("read", src, len(dst)))
	return nil
}

// Sync has nothing to wait for.
func (d *Device) Sync() error { return nil }

// Close reports memory that was never freed.
func (d *Device) Close() error {
	if d.words != 0 {
		return fmt.Errorf("close device reference: %d bytes were not freed", d.words*4)
	}
	return nil
}
