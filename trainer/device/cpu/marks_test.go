package cpu

import (
	"errors"
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

// TestMarks waits no longer than for the mark; package conformance has the rest.
func TestMarks(t *testing.T) {
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
