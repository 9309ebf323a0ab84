package device_test

import (
	"errors"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

func TestPool(t *testing.T) {
	d := reference.New()
	p := device.NewPool(d)
	for n := 1; n < 100000; n += 1 + n/7 {
		b := p.Get(device.U8, n)
		if b.Len != n || b.Memory.Bytes() < n || b.Memory.Bytes() > max(256, n+n/8+1) {
			t.Fatalf("%d bytes take %d", n, b.Memory.Bytes())
		}
		p.Put(b)
	}
	a := p.Get(device.U8, 1000)
	if b := p.Get(device.U8, 1000); b.Memory == a.Memory {
		t.Error("one memory was given twice")
	}
	p.Put(a)
	if c := p.Get(device.U8, 1001); c.Memory != a.Memory {
		t.Error("memory that was put back was not used again")
	}
	p.Put(device.Buffer{})
	p.Close()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// TestPoolCuts takes quarters and halves out of a large buffer and puts them
// back in every order: none overlap, and the whole is there again at the end.
func TestPoolCuts(t *testing.T) {
	const bytes = 16 << 20
	d := reference.New()
	p := device.NewPool(d)
	p.Put(p.Get(device.U8, bytes))
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		parts := []device.Buffer{p.Get(device.U8, bytes/4-1), p.Get(device.U8, bytes/4), p.Get(device.U8, bytes/2)}
		for i, a := range parts {
			for _, b := range parts[:i] {
				if a.Offset < b.Offset+b.Len && b.Offset < a.Offset+a.Len {
					t.Errorf("%d bytes from %d overlap %d from %d", a.Len, a.Offset, b.Len, b.Offset)
				}
			}
		}
		for _, i := range order {
			p.Put(parts[i])
		}
		p.Put(p.Get(device.U8, bytes))
	}
	if n := p.Allocations(); n != 1 {
		t.Errorf("%d memories were allocated, want 1", n)
	}
	// An eighth is too small a part to cut a whole for.
	p.Put(p.Get(device.U8, bytes/8))
	if n := p.Allocations(); n != 2 {
		t.Errorf("%d memories after an eighth, want 2", n)
	}
	p.Close()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// full has no memory left.
type full struct{ device.Device }

var errFull = errors.New("full")

func (full) Name() string                     { return "full" }
func (full) Alloc(int) (device.Memory, error) { return nil, errFull }

func TestPoolWithoutMemory(t *testing.T) {
	p := device.NewPool(full{})
	if b := p.Get(device.U8, 10); !b.Absent() {
		t.Error("a full device gave a buffer")
	}
	if err := p.Err(); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

// exhausted is a device whose memory is all in use.
type exhausted struct{ device.Device }

func (exhausted) Alloc(int) (device.Memory, error) { return nil, device.ErrMemory }

// TestPoolLacking takes the panic of who uses a buffer that was not to be had, and no other.
func TestPoolLacking(t *testing.T) {
	for _, tt := range []struct {
		name         string
		full, panics bool // the operation does
		want         error
	}{{"all is well", false, false, nil}, {"memory ran out", true, true, device.ErrMemory}, {"memory ran out for nothing", true, false, device.ErrMemory}, {"a bug", false, true, nil}} {
		p := device.NewPool(reference.New())
		if tt.full {
			p = device.NewPool(exhausted{reference.New()})
		}
		p.Get(device.F32, 1)
		var got error
		escaped := func() (escaped any) {
			defer func() { escaped = recover() }()
			got = func() (err error) {
				defer p.Lacking(&err)
				if tt.panics {
					panic("a buffer of 0 elements")
				}
				return nil
			}()
			return nil
		}()
		if !errors.Is(got, tt.want) || (escaped != nil) != (tt.panics && !tt.full) {
			t.Errorf("%s: got %v, and the panic %v", tt.name, got, escaped)
		}
		p.Close()
	}
}
