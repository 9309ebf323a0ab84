package backend

import (
	"errors"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
)

// TestOpen reads the names of devices.
func TestOpen(t *testing.T) {
	for _, tt := range []struct{ name, want string }{ // want is part of the error, "" for none
		{"cpu", ""},
		{"cuda:-1", `device: "cuda:-1" given, auto, cpu, cuda or cuda:N expected`},
		{"cuda:", "given, auto, cpu, cuda or cuda:N expected"},
		{"gpu", "given, auto, cpu, cuda or cuda:N expected"},
		{"CPU", "given, auto, cpu, cuda or cuda:N expected"},
	} {
		d, err := Open(Options{Device: tt.name, Threads: 1})
		if err == nil {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestTF32 is for cards alone.
func TestTF32(t *testing.T) {
	var u *device.Unusable
	if _, err := Open(Options{Device: CPU, TF32: true}); !errors.As(err, &u) || !strings.Contains(u.Cure, "fp32 or bf16") {
		t.Errorf("got %v", err)
	}
}
