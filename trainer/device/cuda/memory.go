//go:build cuda

package cuda

import (
	"fmt"

	"github.com/pairloom/pairloom/trainer/device"
	"gorgonia.org/cu"
)

// address is that of device memory.
type address uintptr

type memory struct {
	owner *Device
	at    address
	bytes int
}

func (m *memory) Bytes() int { return m.bytes }

// Free returns the memory after the work that is queued. A second Free is a
// bug and panics.
func (m *memory) Free() {
	if m.at == 0 {
		panic("free device memory twice")
	}
	d, at, bytes := m.owner, m.at, m.bytes
	m.at = 0
	d.queue <- command{always: true, run: func() error { return d.release(at, bytes) }}
}

// Alloc returns memory of unknown content.
func (d *Device) Alloc(bytes int) (device.Memory, error) {
	var at address
	if err := d.call("allocate", func() (err error) { at, err = d.allocate(bytes); return err }); err != nil {
		return nil, err
	}
	return &memory{d, at, bytes}, nil
}

// allocate and release run on the queue's goroutine.
func (d *Device) allocate(bytes int) (address, error) {
	var at address
	err := d.trimmed(func() (err error) { at, err = allocAsync(max(bytes, 4), d.work); return err })
	if is(err, outOfMemory) {
		return 0, d.noMemory(bytes)
	}
	if err != nil {
		return 0, fmt.Errorf("allocate %d bytes on %s: %w", bytes, d.name, err)
	}
	d.live[at] = bytes
	d.hold(bytes)
	return at, nil
}

// trimmed does f, and where that finds no memory, again: what was freed in the queue, or went
// through the copies' stream, may not be back yet, and the pool keeps what is free in pieces.
func (d *Device) trimmed(f func() error) error {
	err := f()
	if !is(err, outOfMemory) {
		return err
	}
	if err := plain(cu.Synchronize()); err != nil {
		return err
	}
	if err := trimPool(d.card); err != nil {
		return err
	}
	return f()
}

func (d *Device) release(at address, bytes int) error {
	delete(d.live, at)
	d.hold(-bytes)
	return freeAsync(at, d.work)
}

// hold counts bytes that are held, and the most that were.
func (d *Device) hold(bytes int) {
	held := d.held.Add(int64(bytes))
	d.peak.Store(max(d.peak.Load(), held))
}

// Bytes is the device memory held, scratch included.
func (d *Device) Bytes() int64 { return d.held.Load() }

// Peak is the most device memory held so far, in bytes.
func (d *Device) Peak() int64 { return d.peak.Load() }

// scratch is device memory of so many bytes for the launches of one operation, which
// asks once: the next operation gets the same.
func (d *Device) scratch(op string, bytes int) address {
	if bytes > d.scratchSize {
		size := (bytes + 1<<20 - 1) &^ (1<<20 - 1)
		old, oldSize := d.scratchAt, d.scratchSize
		d.scratchAt, d.scratchSize = 0, 0
		err := d.call(op, func() (err error) {
			if old != 0 {
				if err := d.release(old, oldSize); err != nil {
					return err
				}
			}
			d.scratchAt, err = d.allocate(size)
			return err
		})
		if err != nil {
			d.fail(op, err)
			return 0 // nothing runs after a fault
		}
		d.scratchSize = size
	}
	return d.scratchAt
}

// at is the address of b, which holds at least n elements of F32.
func at(op string, b device.Buffer, n int) address { return typed(op, device.F32, b, n) }

// atInts is the address of b, which holds at least n elements of I32.
func atInts(op string, b device.Buffer, n int) address { return typed(op, device.I32, b, n) }

// active is the address of b, which holds at least n activations of type t.
func active(op string, t device.Type, b device.Buffer, n int) address {
	if t != device.F32 && t != device.BF16 {
		panic(fmt.Sprintf("%s: a buffer of %s where f32 or bf16 is needed", op, t))
	}
	return typed(op, t, b, n)
}

// optional is the address of b, or 0 where b is absent.
func optional(op string, t device.Type, b device.Buffer, n int) address {
	if b.Absent() {
		return 0
	}
	return typed(op, t, b, n)
}

// typed is the address of b, which holds at least n elements of type t.
func typed(op string, t device.Type, b device.Buffer, n int) address {
	b.Need(op, t, n)
	m := b.Memory.(*memory)
	if m.at == 0 {
		panic(op + ": a buffer was freed")
	}
	return m.at + address(b.Offset*t.Bytes())
}
