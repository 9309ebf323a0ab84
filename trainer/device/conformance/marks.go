package conformance

import (
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// checkMarks holds what is true once a mark has been waited for; under the race detector
// also that the host may touch its memory then.
func checkMarks(t *testing.T, open func() device.Device) {
	in := func(name string, try func(t *testing.T, b *bench)) {
		t.Run(name, func(t *testing.T) {
			b := &bench{Device: open(), t: t}
			try(t, b)
			b.free()
			closeDevice(t, b.Device)
		})
	}
	wait := func(b *bench, m device.Mark) {
		b.t.Helper()
		if err := b.Wait(m); err != nil {
			b.t.Error(err)
		}
	}
	in("what was written may change", func(t *testing.T, b *bench) {
		x, ids, bytes := b.alloc(device.F32, 3), b.alloc(device.I32, 3), b.alloc(device.U8, 12)
		src, ints, pixels := []float32{1, 2, 3}, []int32{2, 1, 0}, make([]byte, 12)
		b.Write(x, src)
		b.WriteInts(ids, ints)
		b.WriteBytes(bytes, pixels)
		wait(b, b.Mark())
		clear(src)
		clear(ints)
		for i := range pixels {
			pixels[i] = 9
		}
		y, out := b.alloc(device.F32, 3), b.alloc(device.F32, 12)
		b.Gather(y, x, ids, 3, 1, 0)
		b.Pixels(out, bytes, 1, 2, device.Normalization{Deviation: [3]float32{1, 1, 1}})
		got, picture := make([]float32, 3), make([]float32, 12)
		b.Fetch(got, y)
		b.Fetch(picture, out)
		wait(b, b.Mark())
		if want := []float32{3, 2, 1}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if !slices.Equal(picture, make([]float32, 12)) {
			t.Errorf("got %v, want zeros", picture)
		}
	})
	in("fetched in the order of the queue", func(t *testing.T, b *bench) {
		const steps = 100
		x, got, marks := b.filled(device.F32, 1, 0), make([][1]float32, steps), make([]device.Mark, steps)
		for i := range steps {
			b.Fill(x, float32(i))
			b.Fetch(got[i][:], x)
			marks[i] = b.Mark()
		}
		for i := range steps {
			wait(b, marks[i])
			if got[i][0] != float32(i) {
				t.Fatalf("step %d fetched %g", i, got[i][0])
			}
		}
		wait(b, marks[0]) // that was passed long ago
		wait(b, 0)        // before anything
	})
	t.Run("after close", func(t *testing.T) {
		b := &bench{Device: open(), t: t}
		m := b.Mark()
		closeDevice(t, b.Device)
		wait(b, m)
	})
}
