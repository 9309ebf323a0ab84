package tally

import (
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// TestMost follows memory that comes and goes.
func TestMost(t *testing.T) {
	d := &Device{}
	a, _ := d.Alloc(100)
	b, _ := d.Alloc(50)
	b.Free()
	c, _ := d.Alloc(20)
	if d.Most() != 150 || d.Bytes() != 120 {
		t.Errorf("%d at most, %d now, want 150 and 120", d.Most(), d.Bytes())
	}
	a.Free()
	c.Free()
	if d.Bytes() != 0 || d.Most() != 150 {
		t.Errorf("%d are held, %d at most", d.Bytes(), d.Most())
	}
	x := []float32{1, 2}
	if err := d.Read(x, device.Buffer{}); err != nil || x[0] != 0 || x[1] != 0 {
		t.Errorf("it reads %v, %v", x, err)
	}
}

// TestScratch is that of the operation that takes most.
func TestScratch(t *testing.T) {
	var none device.Buffer
	d := &Device{}
	d.Contrastive(none, none, none, none, none, 10, 8, 0.5)
	d.Contrastive(none, none, none, none, none, 100, 8, 0.5)
	d.Contrastive(none, none, none, none, none, 20, 8, 0.5)
	d.MatMul(none, none, none, 30, 40, 50, false, true, 0)
	if want := int64(4 * (260*100 + roomOfProducts)); d.Scratch() != want {
		t.Errorf("%d bytes, want %d", d.Scratch(), want)
	}
}

// TestZeros maps more than any machine has.
func TestZeros(t *testing.T) {
	const n = 1 << 38
	z, err := NewZeros(n)
	if err != nil {
		t.Skip("the system maps no more than it has: ", err)
	}
	if len(z.Bytes) != n || z.Bytes[n-1] != 0 {
		t.Errorf("%d bytes, the last is %d", len(z.Bytes), z.Bytes[n-1])
	}
	if err := z.Free(); err != nil {
		t.Error(err)
	}
}
