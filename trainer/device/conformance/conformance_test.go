package conformance

import (
	"errors"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// ending is a device of which only the end is looked at.
type ending struct {
	device.Device
	held  int64
	fault error
}

func (e ending) Bytes() int64 { return e.held }
func (e ending) Close() error { return e.fault }

// TestClosed holds that a device which leaks does not pass.
func TestClosed(t *testing.T) {
	fault := errors.New("12 bytes were not freed")
	for _, tt := range []struct {
		name string
		device.Device
		want string
	}{
		{"holds nothing", ending{}, ""},
		{"says that it leaks", ending{held: 12, fault: fault}, fault.Error()},
		{"leaks and says nothing", ending{held: 12}, "12 bytes are held after close"},
		{"gave back what was not its own", ending{held: -4}, "-4 bytes are held after close"},
	} {
		got := ""
		if err := closed(tt.Device); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
