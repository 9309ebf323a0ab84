package kernels

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// Whoever edits a kernel must compile it: the program runs the PTX, the test driver the
// source.
func TestPTXIsOfItsSources(t *testing.T) {
	sources, err := filepath.Glob("*.cu")
	if err != nil || len(sources) == 0 {
		t.Fatalf("found %d sources, %v", len(sources), err)
	}
	of := map[string]string{}
	for _, m := range Modules() {
		of[m.Name+".cu"] = m.PTX
	}
	for _, source := range sources {
		hash, err := Hash(os.DirFS("."), source)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(of[source], "// "+hash+" ") {
			t.Errorf("%s has changed since its PTX was made: run go generate ./trainer/device/cuda/kernels", source)
		}
		delete(of, source)
	}
	for source := range of {
		t.Errorf("ptx holds what was made of %s, which is gone: run go generate ./trainer/device/cuda/kernels", source)
	}
}

func TestKernelsHaveOneNameEach(t *testing.T) {
	table, err := os.ReadFile("ptx/README.md")
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{}
	for _, m := range Modules() {
		if len(m.Kernels) == 0 {
			t.Errorf("no kernel found in the PTX of %s", m.Name)
		}
		for _, k := range m.Kernels {
			if in[k] != "" {
				t.Errorf("%s is in %s and in %s", k, in[k], m.Name)
			}
			in[k] = m.Name
			if !strings.Contains(string(table), "| "+m.Name+" | "+k+" |") {
				t.Errorf("ptx/README.md has no line for %s of %s: run go generate ./trainer/device/cuda/kernels", k, m.Name)
			}
		}
	}
}

func TestHash(t *testing.T) {
	hash := func(changed ...string) string {
		folder := fstest.MapFS{
			"a.cu":  {Data: []byte("#include \"one.h\"\nKERNEL")},
			"b.cu":  {Data: []byte("#include \"two.h\"\nKERNEL")},
			"one.h": {Data: []byte("#include \"two.h\"\n#include \"host.h\"\n")},
			"two.h": {Data: []byte("#pragma once\n")},
		}
		for _, name := range changed {
			folder[name] = &fstest.MapFile{Data: append(folder[name].Data, ' ')}
		}
		h, err := Hash(folder, "a.cu")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for _, tt := range []struct {
		changed string
		differs bool
	}{
		{"a.cu", true}, {"one.h", true}, {"two.h", true}, {"b.cu", false},
	} {
		if got := hash(tt.changed) != hash(); got != tt.differs {
			t.Errorf("with another %s the hash of a.cu differs: %v, want %v", tt.changed, got, tt.differs)
		}
	}
	if _, err := Hash(fstest.MapFS{"a.cu": {Data: []byte("#include \"gone.h\"\n")}}, "a.cu"); err == nil || !strings.Contains(err.Error(), "a.cu includes gone.h") {
		t.Errorf("a header that is not there: %v", err)
	}
}
