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
		b := p.Get(n)
		if b.Len != n || b.Memory.Words() < n || b.Memory.Words() > max(64, n+n/8+1) {
			t.Fatalf("%d words take %d", n, b.Memory.Words())
		}
		p.Put(b)
	}
	a := p.Get(1000)
	if b := p.Get(1000); b.Memory == a.Memory {
		t.Error("one memory was given twice")
	}
	p.Put(a)
	if c := p.Get(1001); c.Memory != a.Memory {
		t.Error("memory that was put back was not used again")
	}
	p.Put(device.Buffer{})
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
	if b := p.Get(10); !b.Absent() {
		t.Error("a full device gave a buffer")
	}
	if err := p.Err(); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}
