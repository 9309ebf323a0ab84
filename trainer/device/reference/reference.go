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
type Device struct{ held int64 }

var _ device.Device = (*Device)(nil)

// New returns a device. Close it when done.
func New() *Device { return &Device{} }

type memory struct {
	owner *Device
	words []uint32 // for their alignment
	bytes int
}

func (m *memory) Bytes() int { return m.bytes }

func (m *memory) Free() {
	m.owner.held -= int64(m.bytes)
	m.words = nil
}

// Name is "reference".
func (d *Device) Name() string { return "reference" }

// Bytes is the memory held.
func (d *Device) Bytes() int64 { return d.held }

// Alloc returns zeroed memory.
func (d *Device) Alloc(bytes int) (device.Memory, error) {
	d.held += int64(bytes)
	return &memory{d, make([]uint32, (bytes+3)/4), bytes}, nil
}

// view is the content of b, at least n elements of type t, which E is.
func view[E any](operation string, t device.Type, b device.Buffer, n int) []E {
	b.Need(operation, t, n)
	if n == 0 {
		return nil
	}
	first := unsafe.Add(unsafe.Pointer(&b.Memory.(*memory).words[0]), b.Offset*t.Bytes())
	return unsafe.Slice((*E)(first), n)
}

// floats is the content of b, at least n elements of F32.
func floats(operation string, b device.Buffer, n int) []float32 {
	return view[float32](operation, device.F32, b, n)
}

// activations is the type of an operation's activations, that of b.
func activations(operation string, b device.Buffer) device.Type {
	if b.Type == device.BF16 {
		return device.BF16
	}
	b.Need(operation, device.F32, 0)
	return device.F32
}

// in is the content of b, at least n elements of type t, F32 or BF16, as float32.
func in(operation string, t device.Type, b device.Buffer, n int) []float32 {
	x, _ := out(operation, t, b, n)
	return x
}

// out is in, and what puts back what an operation wrote, rounded to t.
func out(operation string, t device.Type, b device.Buffer, n int) (x []float32, store func()) {
	if t == device.F32 {
		return floats(operation, b, n), func() {}
	}
	raw := view[uint16](operation, t, b, n)
	x = make([]float32, n)
	for i, v := range raw {
		x[i] = fromBF16(v)
	}
	return x, func() {
		for i, v := range x {
			raw[i] = toBF16(v)
		}
	}
}

// ints is the content of b, at least n elements of I32.
func ints(operation string, b device.Buffer, n int) []int32 {
	return view[int32](operation, device.I32, b, n)
}

// Write copies src to dst.
func (d *Device) Write(dst device.Buffer, src []float32) { copy(floats("write", dst, len(src)), src) }

// WriteInts copies src to dst.
func (d *Device) WriteInts(dst device.Buffer, src []int32) { copy(ints("write", dst, len(src)), src) }

// WriteBytes copies src to dst.
func (d *Device) WriteBytes(dst device.Buffer, src []byte) {
	copy(view[byte]("write", device.U8, dst, len(src)), src)
}

// Read copies src to dst.
func (d *Device) Read(dst []float32, src device.Buffer) error {
	copy(dst, floats("read", src, len(dst)))
	return nil
}

// Fetch copies src to dst.
func (d *Device) Fetch(dst []float32, src device.Buffer) { copy(dst, floats("fetch", src, len(dst))) }

// Mark is the same everywhere: nothing is ever queued.
func (d *Device) Mark() device.Mark { return 0 }

// Wait has nothing to wait for.
func (d *Device) Wait(device.Mark) error { return nil }

// Sync has nothing to wait for.
func (d *Device) Sync() error { return nil }

// Close reports memory that was never freed.
func (d *Device) Close() error {
	if d.held != 0 {
		return fmt.Errorf("close device reference: %d bytes were not freed", d.held)
	}
	return nil
}
