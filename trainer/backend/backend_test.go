package backend

import (
	"errors"
	"strings"
	"testing"
)

// TestOpen reads the names of devices, and tells what to do where one is not there.
func TestOpen(t *testing.T) {
	for _, tt := range []struct {
		name, want string // want is part of the error, "" for none
		noCUDA     bool
	}{
		{name: ""}, {name: "auto"}, {name: "cpu"},
		{name: "cuda", want: "set device to cpu or auto", noCUDA: true},
		{name: "cuda:7", want: "open device cuda:7: ", noCUDA: true},
		{name: "cuda:-1", want: `device: "cuda:-1" given, auto, cpu, cuda or cuda:N expected`},
		{name: "cuda:", want: "given, auto, cpu, cuda or cuda:N expected"},
		{name: "gpu", want: "given, auto, cpu, cuda or cuda:N expected"},
		{name: "CPU", want: "given, auto, cpu, cuda or cuda:N expected"},
	} {
		d, err := Open(Options{Device: tt.name, Threads: 1})
		if err == nil {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%q: got %v, want %q", tt.name, err, tt.want)
		case errors.Is(err, ErrNoCUDA) != tt.noCUDA:
			t.Errorf("%q: %v wraps ErrNoCUDA: %v", tt.name, err, !tt.noCUDA)
		}
	}
}
