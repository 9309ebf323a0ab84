package cpu

import (
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// TestProfile counts operations by the names of their methods, and starts anew
// after each reading.
func TestProfile(t *testing.T) {
	d := Open(1)
	m, err := d.Alloc(4 * 4)
	if err != nil {
		t.Fatal(err)
	}
	x := device.Whole(m, device.F32)
	d.Fill(x, 1)
	d.Sum(x, x, x)
	d.MatMul(x.Slice(0, 1), x.Slice(1, 1), x.Slice(2, 1), 1, 1, 1, false, false, 0)
	d.MatMul(x.Slice(0, 1), x.Slice(1, 1), x.Slice(2, 1), 1, 1, 1, false, false, 0)
	shares, err := d.Profile()
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int64{}
	for _, s := range shares {
		calls[s.Operation] = s.Calls
	}
	if calls["fill"] != 1 || calls["sum"] != 1 || calls["matmul"] != 2 || calls["idle"] < 4 {
		t.Errorf("got %v", shares)
	}
	if shares, _ := d.Profile(); len(shares) > 2 { // the reading itself, and the time around it
		t.Errorf("got %v after a reading", shares)
	}
	m.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
