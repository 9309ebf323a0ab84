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

// TestScratchOfCards is what the backend for cards takes, and its workspace.
func TestScratchOfCards(t *testing.T) {
	var none device.Buffer
	table := device.Buffer{Type: device.F32}
	for _, tt := range []struct {
		name string
		run  func(d *Device)
		want int64
	}{
		{"nothing", func(d *Device) {}, 0},
		{"weights of a convolution, laid anew", func(d *Device) { d.Conv3x3(none, none, none, device.Conv3x3{Batch: 2, Side: 8, In: 64, Out: 32}) }, 4 * 9 * 64 * 32},
		{"sums of its gradient, whose 5 tiles are cut into 105 chunks", func(d *Device) {
			d.Conv3x3BackwardWeights(none, none, none, device.Conv3x3{Batch: 512, Side: 56, In: 64, Out: 64})
		}, 4 * 105 * 9 * 64 * 64},
		{"of few rows in one", func(d *Device) {
			d.Conv3x3BackwardWeights(none, none, none, device.Conv3x3{Batch: 1, Side: 7, In: 64, Out: 64})
		}, 4 * 9 * 64 * 64},
		{"a layer norm back", func(d *Device) { d.LayerNormBackward(none, none, none, none, none, none, none, 51200, 768, 0) }, 4 * 528 * 2 * 768},
		{"a table's gradient", func(d *Device) { d.GatherBackward(table, none, none, 64, 8) }, 4 * (2*2*8 + 2*64 + 256)},
		{"rows that were picked", func(d *Device) { d.GatherBackward(device.Buffer{Type: device.BF16}, none, none, 64, 8) }, 0},
		{"attention back", func(d *Device) {
			d.AttentionBackward(none, none, none, none, none, none, device.AttentionShape{Rows: 100, Heads: 12})
		}, 4 * 2 * 100 * 12},
		{"a loss in one band", func(d *Device) { d.Contrastive(none, none, none, none, none, 1024, 512, 0.5) }, 4 * (1024*1024 + 4*1024 + 2*(32*1024+1024))},
		{"a loss in bands of 512 rows", func(d *Device) { d.ContrastiveBackward(none, none, none, none, none, none, none, 32768, 512, 0.5) }, 4 * (512*32768 + 4*32768 + 2*(16*32768+32768))},
		{"a product", func(d *Device) { d.MatMul(none, none, none, 30, 40, 50, false, true, 0) }, 0},
	} {
		d := &Device{Card: true}
		if tt.run(d); d.Scratch() != tt.want+cardWorkspace {
			t.Errorf("%s: %d bytes, want %d", tt.name, d.Scratch()-cardWorkspace, tt.want)
		}
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
