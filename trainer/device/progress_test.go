package device

import (
	"errors"
	"testing"
)

// TestProgress passes marks, with the fault of the work before, and refuses one that was
// not made.
func TestProgress(t *testing.T) {
	p, broken := NewProgress(), errors.New("broken")
	first, second := p.Next(), p.Next()
	p.Pass(first, nil)
	if err := p.Wait(first); err != nil {
		t.Error(err)
	}
	p.Pass(second, broken)
	if err := p.Wait(second); err != broken {
		t.Errorf("got %v, want the fault", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("waited for a mark that was not made")
		}
	}()
	p.Wait(second + 1)
}
