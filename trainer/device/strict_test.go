package device_test

import (
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cpu"
	"github.com/pairloom/pairloom/trainer/device/reference"
)

// TestStrictAllocatesNothing holds that the checks cost no allocation.
func TestStrictAllocatesNothing(t *testing.T) {
	d := cpu.Open(1)
	defer d.Close()
	m, err := d.Alloc(64)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	x, s := device.Whole(m, device.F32), device.Strict{Device: d}
	if n := testing.AllocsPerRun(100, func() {
		s.Sum(x, x, x)
		s.Bias(x.Slice(0, 8), x.Slice(8, 4), 2, 4)
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// TestOverlaps holds what it means for buffers to overlap, whatever their types.
func TestOverlaps(t *testing.T) {
	d := reference.New()
	m, _ := d.Alloc(64)
	other, _ := d.Alloc(64)
	defer m.Free()
	defer other.Free()
	words, halves := device.Whole(m, device.F32), device.Whole(m, device.BF16)
	for _, tt := range []struct {
		name string
		a, b device.Buffer
		want bool
	}{
		{"one buffer", words, words, true},
		{"neighbours", words.Slice(0, 8), words.Slice(8, 8), false},
		{"by one element", words.Slice(0, 9), words.Slice(8, 8), true},
		{"of other types, in bytes", words.Slice(4, 4), halves.Slice(7, 2), true},
		{"of other types, apart", words.Slice(4, 4), halves.Slice(6, 2), false},
		{"no elements", words.Slice(4, 0), words, false},
		{"none", device.Buffer{}, device.Buffer{}, false},
		{"other memory", words, device.Whole(other, device.F32), false},
	} {
		if got := tt.a.Overlaps(tt.b); got != tt.want || tt.b.Overlaps(tt.a) != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
