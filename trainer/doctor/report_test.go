package doctor

import (
	"testing"
	"testing/fstest"
)

// TestModuleVersion reads the module's file as each of the two modules writes it.
func TestModuleVersion(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"the module", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version:  gcc version 12.2.0\n", "535.183.01"},
		{"the open module", "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (builder@host)\nGCC version: 120.3.4\n", "580.65.06"},
		{"two parts", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86  Mon\n", "570.86"},
		{"something else", "no version in this line, 12.3\n580.65.06\n", ""},
		{"none", "", ""},
	} {
		root := fstest.MapFS{}
		if tt.text != "" {
			root["proc/driver/nvidia/version"] = &fstest.MapFile{Data: []byte(tt.text)}
		}
		if got := moduleVersion(root); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestProcessor names it and what it has.
func TestProcessor(t *testing.T) {
	p := processor(fstest.MapFS{"proc/cpuinfo": &fstest.MapFile{Data: []byte("processor\t: 0\nmodel name\t: A processor\nflags\t\t: x\n\nmodel name\t: A second\n")}})
	if p.Name != "A processor" || p.Threads < 1 || p.Kernels == "" {
		t.Errorf("got %+v", p)
	}
	if p := processor(fstest.MapFS{}); p.Name != "" || p.Threads < 1 {
		t.Errorf("without a file: %+v", p)
	}
}
