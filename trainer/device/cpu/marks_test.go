package cpu

import (
	"errors"
	"slices"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// hold makes the queue wait at this place until the returned function is called.
func (l *lab) hold() (goOn func()) {
	gate := make(chan struct{})
	l.queue <- command{run: func(*Device, *command) { <-gate }}
	return func() { close(gate) }
}

func (l *lab) wait(m device.Mark) {
	l.t.Helper()
	if err := l.Wait(m); err != nil {
		l.t.Error(err)
	}
}

func inLab(t *testing.T, try func(l *lab)) {
	l := &lab{Device: open(1, 0), t: t}
	try(l)
	for _, m := range l.held {
		m.Free()
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if held := l.Bytes(); held != 0 {
		t.Errorf("%d bytes are held after close", held)
	}
}

// TestMarks holds what is true once a mark has been waited for; under the race
// detector also that the host may touch its memory then.
func TestMarks(t *testing.T) {
	t.Run("what was written may change", func(t *testing.T) {
		inLab(t, func(l *lab) {
			x, ids, bytes := l.alloc(device.F32, 3), l.alloc(device.I32, 3), l.alloc(device.U8, 12)
			src, ints, pixels := []float32{1, 2, 3}, []int32{2, 1, 0}, make([]byte, 12)
			l.Write(x, src)
			l.WriteInts(ids, ints)
			l.WriteBytes(bytes, pixels)
			l.wait(l.Mark())
			clear(src)
			clear(ints)
			for i := range pixels {
				pixels[i] = 9
			}
			y, out := l.alloc(device.F32, 3), l.alloc(device.F32, 12)
			l.Gather(y, x, ids, 3, 1, 0)
			l.Pixels(out, bytes, 1, 2, device.Normalization{Deviation: [3]float32{1, 1, 1}})
			got, picture := make([]float32, 3), make([]float32, 12)
			l.Fetch(got, y)
			l.Fetch(picture, out)
			l.wait(l.Mark())
			if want := []float32{3, 2, 1}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if !slices.Equal(picture, make([]float32, 12)) {
				t.Errorf("got %v, want zeros", picture)
			}
		})
	})
	t.Run("fetched in the order of the queue", func(t *testing.T) {
		inLab(t, func(l *lab) {
			const steps = 100
			x, got, marks := l.filled(1, 0), make([][1]float32, steps), make([]device.Mark, steps)
			for i := range steps {
				l.Fill(x, float32(i))
				l.Fetch(got[i][:], x)
				marks[i] = l.Mark()
			}
			for i := range steps {
				l.wait(marks[i])
				if got[i][0] != float32(i) {
					t.Fatalf("step %d fetched %g", i, got[i][0])
				}
			}
			l.wait(marks[0]) // that was passed long ago
			l.wait(0)        // before anything
		})
	})
	t.Run("no longer than the mark", func(t *testing.T) {
		inLab(t, func(l *lab) {
			x, got := l.filled(1, 7), make([]float32, 1)
			l.Fetch(got, x)
			m := l.Mark()
			goOn := l.hold()
			l.Fill(x, 8)
			l.wait(m) // for ever, if it waited for the rest
			if got[0] != 7 {
				t.Errorf("fetched %g, want 7", got[0])
			}
			goOn()
		})
	})
	t.Run("after close", func(t *testing.T) {
		l := &lab{Device: open(1, 0), t: t}
		m := l.Mark()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		l.wait(m)
	})
	t.Run("one that was not made", func(t *testing.T) {
		inLab(t, func(l *lab) {
			defer func() {
				if recover() == nil {
					t.Error("waited")
				}
			}()
			l.wait(l.Mark() + 1)
		})
	})
}

// TestMarkAfterFault holds that a fault reaches who waits, then and later, and that
// nothing runs after it.
func TestMarkAfterFault(t *testing.T) {
	l := &lab{Device: open(1, 0), t: t}
	x, got, broken := l.filled(1, 1), []float32{5}, errors.New("broken")
	l.wait(l.Mark())
	l.queue <- command{run: func(d *Device, _ *command) { d.fault = broken }}
	l.Fetch(got, x)
	m := l.Mark()
	for range 2 {
		if err := l.Wait(m); err != broken {
			t.Errorf("got %v, want the fault", err)
		}
	}
	if err := l.Wait(l.Mark()); err != broken {
		t.Errorf("got %v of a later mark, want the fault", err)
	}
	if got[0] != 5 {
		t.Errorf("fetched %g after the fault", got[0])
	}
	l.held[0].Free()
	if err := l.Close(); err != broken {
		t.Errorf("close: got %v, want the fault", err)
	}
	if held := l.Bytes(); held != 0 {
		t.Errorf("%d bytes are held after close", held)
	}
	if err := l.Wait(m); err != broken {
		t.Errorf("after close: got %v, want the fault", err)
	}
}

// TestMarksAllocateNothing holds that a mark and a wait cost no garbage.
func TestMarksAllocateNothing(t *testing.T) {
	inLab(t, func(l *lab) {
		x, got := l.filled(1, 1), make([]float32, 1)
		if n := testing.AllocsPerRun(100, func() {
			l.Fetch(got, x)
			l.wait(l.Mark())
		}); n != 0 {
			t.Errorf("%g allocations", n)
		}
	})
}
