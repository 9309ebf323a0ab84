package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Whoever edits a kernel must compile it: the program runs the PTX, the test driver the
// source.
func TestPTXIsOfItsSources(t *testing.T) {
	sources, err := sourcesOf(folder)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := keptIn(folder)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{} // the source of a kernel
	for _, s := range sources {
		c := kept[s.name]
		delete(kept, s.name)
		if !strings.HasPrefix(c.ptx, firstLine(s.hash)+"\n") {
			t.Errorf("%s.cu has changed since its PTX was made: run go generate ./trainer/device/cuda", s.name)
			continue
		}
		found := mostOfThreads.FindAllStringSubmatch(c.ptx, -1)
		if n := strings.Count(c.ptx, ".entry "); len(found) == 0 || len(found) != n || strings.Count(c.table, "\n") != n {
			t.Errorf("%s has %d kernels, %d with a limit of threads, and %d lines in kernels/ptx/README.md", s.name, n, len(found), strings.Count(c.table, "\n"))
		}
		for _, m := range found {
			if in[m[1]] != "" {
				t.Errorf("%s is in %s.cu and in %s.cu", m[1], in[m[1]], s.name)
			}
			in[m[1]] = s.name
		}
		for line := range strings.Lines(c.table) {
			if !strings.HasSuffix(line, "| 0 |\n") {
				t.Errorf("a kernel spills registers to memory: give it more, or less to do: %s", line)
			}
		}
	}
	for name := range kept {
		t.Errorf("kernels/ptx/%s.ptx.gz was made of a source that is gone: run go generate ./trainer/device/cuda", name)
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
		h, err := hashOf(folder, "a.cu")
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
	if _, err := hashOf(fstest.MapFS{"a.cu": {Data: []byte("#include \"gone.h\"\n")}}, "a.cu"); err == nil || !strings.Contains(err.Error(), "a.cu includes gone.h") {
		t.Errorf("a header that is not there: %v", err)
	}
}
