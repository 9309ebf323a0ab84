package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	folder = "../kernels"
	cuda   = "../../../../.cuda"
)

// The PTX in the repository is what its sources make, and every kernel of it can be
// assembled for each target.
func TestKernelsCompileToWhatIsKept(t *testing.T) {
	for _, tool := range []string{"cuda_nvrtc", "cuda_nvcc"} {
		if _, err := os.Stat(filepath.Join(cuda, "nvidia", tool)); err != nil {
			if os.Getenv("PAIRLOOM_NVRTC") == "required" {
				t.Fatal(err)
			}
			t.Skipf("%v: make test-kernels fetches it", err)
		}
	}
	sources, err := sourcesOf(folder)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := keptIn(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		if made, err := s.compile(cuda); err != nil {
			t.Error(err)
		} else if made != kept[s.name] {
			t.Errorf("what the compiler makes of %s.cu is not what kernels/ptx holds: remove it, and run go generate ./trainer/device/cuda", s.name)
		}
	}
}

func TestTidy(t *testing.T) {
	const made = "//\n// Compiler Build ID: CL-1\n// Cuda compilation tools, release 12.9, V12.9.86\n//\n\n.version 8.8\n.target sm_80\n\n\t// .globl\tf\n\n.visible .entry f(\n)\n{\n\t.pragma \"used_bytes_mask 0xff\";\n\tret; \n}\n"
	got, err := tidy(made, "ab12")
	const want = "// ab12 is the SHA-256 of the sources, compiled by NVRTC V12.9.86\n.version 7.0\n.target sm_80\n.visible .entry f(\n)\n{\n\tret;\n}\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if _, err := tidy(strings.ReplaceAll(made, "12.9.86", "12.8.93"), "ab12"); err == nil || !strings.Contains(err.Error(), "another compiler") {
		t.Errorf("another compiler: %v", err)
	}
}

func TestTakings(t *testing.T) {
	got := takings(`ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'one_f32' for 'sm_90'
ptxas info    : Function properties for one_f32
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 132 bytes smem
ptxas info    : Compile time = 1.000 ms
ptxas info    : Compiling entry function 'two_f32' for 'sm_90'
ptxas info    : Function properties for two_f32
    64 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 255 registers, used 0 barriers
`)
	want := map[string]taking{
		"one_f32": {registers: "40", shared: "132", stack: "0", spilled: "0"},
		"two_f32": {registers: "255", shared: "0", stack: "64", spilled: "8"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCompileNamesTheFault(t *testing.T) {
	if _, err := openNVRTC(filepath.Join(t.TempDir(), "libnvrtc.so.12")); err == nil || !strings.Contains(err.Error(), "go generate") {
		t.Errorf("without NVRTC: %v", err)
	}
}
