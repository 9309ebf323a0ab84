//go:build !cuda

package backend

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithoutCards says of a card by name which program has a backend for it, and takes
// the processor where the choice is left to it.
func TestWithoutCards(t *testing.T) {
	for _, name := range []string{"cuda", "cuda:0", "cuda:7"} {
		err := Ready(name)
		if !errors.Is(err, ErrNoCUDA) || !strings.Contains(err.Error(), "make cuda") || !strings.Contains(err.Error(), "set device to cpu or auto") {
			t.Errorf("%s: %v", name, err)
		}
		if _, opened := Open(Options{Device: name}); !errors.Is(opened, ErrNoCUDA) {
			t.Errorf("open %s: %v", name, opened)
		}
	}
	defer func(file string) { driverFile = file }(driverFile)
	driverFile = filepath.Join(t.TempDir(), "version")
	for _, name := range []string{"", "auto"} {
		if c, err := Choose(name); err != nil || c != (Choice{}) {
			t.Errorf("%q: %+v, %v", name, c, err)
		}
	}
	if err := os.WriteFile(driverFile, []byte("NVRM version: 580.65.06\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err := Choose("auto"); err != nil || c.OnCard || !strings.Contains(c.Why, "make cuda") {
		t.Errorf("on a machine with a driver: %+v, %v", c, err)
	}
	if c, err := Choose("cpu"); err != nil || c.Why != "" {
		t.Errorf("the processor by name: %+v, %v", c, err)
	}
}
