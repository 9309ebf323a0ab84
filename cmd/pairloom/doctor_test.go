package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/backend"
	"github.com/pairloom/pairloom/trainer/doctor"
)

// TestDoctor asks what there is with and without a folder, for devices that can and cannot
// be had.
func TestDoctor(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "not", "yet")
	configured := newFolder(t, map[string]string{"train.device": "cuda:7"})
	for _, tt := range []struct {
		name, dir string
		args      []string
		code      int
		asked     string
		want      string // in the text
	}{
		{"no folder", absent, nil, exitDone, "auto", "training can run on cpu ("},
		{"the processor by name", absent, []string{"--device", "cpu"}, exitDone, "cpu", "training can run on cpu ("},
		{"a card that is not there", absent, []string{"--device", "cuda:7"}, exitConfiguration, "cuda:7", "training cannot run on device cuda:7"},
		{"the folder's device", configured, nil, exitConfiguration, "cuda:7", "training cannot run on device cuda:7"},
		{"another than the folder's", configured, []string{"--device", "auto"}, exitDone, "auto", "training can run on cpu ("},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CUDA_VISIBLE_DEVICES", "") // no card, also where there is one
			ask := func(args ...string) string {
				t.Helper()
				var out, errs bytes.Buffer
				if code := run(append(append([]string{"doctor", "-C", tt.dir}, tt.args...), args...), &out, &errs); code != tt.code {
					t.Fatalf("exit %d, want %d\n%s%s", code, tt.code, out.String(), errs.String())
				}
				if (errs.Len() > 0) != (tt.code != exitDone) {
					t.Errorf("stderr is %q", errs.String())
				}
				return out.String()
			}
			text := ask()
			for _, want := range []string{tt.want, "libvips", "libjpeg", "Little CMS", "libdeflate", "its kernels", "can be had now", " free for "} {
				if !strings.Contains(text, want) {
					t.Errorf("the text lacks %q:\n%s", want, text)
				}
			}
			var r doctor.Report
			if err := json.Unmarshal([]byte(ask("--json")), &r); err != nil {
				t.Fatal(err)
			}
			if r.Ready != (tt.code == exitDone) || r.Asked != tt.asked || r.Built != backend.HasCUDA {
				t.Errorf("got %+v", r)
			}
			if r.Ready == (len(r.Faults) > 0) || r.Ready == (r.Device == "") {
				t.Errorf("ready is %v, faults are %q, the device is %q", r.Ready, r.Faults, r.Device)
			}
			if r.Memory <= 0 || r.Disk <= 0 || r.Processor.Threads <= 0 || r.Processor.Kernels == "" || len(r.Libraries) < 4 {
				t.Errorf("got %+v", r)
			}
			if !r.Ready && !strings.Contains(strings.Join(r.Faults, "\n"), "set device to cpu") {
				t.Errorf("no cure in %q", r.Faults)
			}
			if tt.code == exitDone {
				if quiet := ask("--quiet"); strings.Count(quiet, "\n") != 1 || !strings.HasPrefix(quiet, "pairloom: doctor: ") {
					t.Errorf("quiet prints %q", quiet)
				}
			}
		})
	}
}

// TestDoctorOfNoDevice refuses what is no name of a device.
func TestDoctorOfNoDevice(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"doctor", "--device", "gpu"}, &out, &errs); code != exitConfiguration || !strings.Contains(errs.String(), `"gpu" given, auto, cpu, cuda or cuda:N expected`) {
		t.Errorf("exit %d, %s", code, errs.String())
	}
}
