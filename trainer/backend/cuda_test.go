//go:build cuda

package backend

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/trainer/device"
	"github.com/pairloom/pairloom/trainer/device/cuda/testdriver"
)

func TestMain(m *testing.M) { testdriver.Main(m) }

// TestChoose finds cards, and says what keeps the program from one: of a card that is
// named as an error, of auto as why it is the processor.
func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		name  string
		card  map[string]string // how the driver's card is
		asked string
		on    int    // -1 for the processor
		want  string // in the error, or why
	}{
		{"the first", nil, "cuda", 0, ""},
		{"by number", nil, "cuda:0", 0, ""},
		{"auto", nil, "auto", 0, ""},
		{"not said", nil, "", 0, ""},
		{"the processor by name", nil, "cpu", -1, ""},
		{"the last of three", map[string]string{"DEVICES": "3"}, "cuda:2", 2, ""},
		{"cuda:7 where there is one", nil, "cuda:7", -1, "open device cuda:7: cuda:0 is the only card"},
		{"the fourth of three", map[string]string{"DEVICES": "3"}, "cuda:3", -1, "there are 3 cards, cuda:0 to cuda:2"},
		{"a card without bf16", map[string]string{"CAPABILITY": "75"}, "cuda", -1, "has compute capability 7.5 and no bf16"},
		{"auto without bf16", map[string]string{"CAPABILITY": "75"}, "auto", -1, "no bf16"},
		{"an old driver", map[string]string{"VERSION": "11040"}, "cuda", -1, "the driver is of CUDA 11.4"},
		{"busy", map[string]string{"FAIL": "cuDevicePrimaryCtxRetain=46@1"}, "cuda", -1, "is busy: another program has it for itself"},
		{"auto while it is busy", map[string]string{"FAIL": "cuDevicePrimaryCtxRetain=46@1"}, "auto", -1, "is busy"},
		{"full", map[string]string{"FAIL": "cuDevicePrimaryCtxRetain=2@1"}, "cuda:0", -1, "has no memory left"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for variable, value := range tt.card {
				t.Setenv("PAIRLOOM_TESTDRIVER_"+variable, value)
			}
			c, err := Choose(tt.asked)
			if tt.on >= 0 {
				if err != nil || !c.OnCard || c.Number != tt.on || c.Name == "" || c.Free <= 0 || c.Memory < c.Free || c.Why != "" {
					t.Errorf("%+v, %v", c, err)
				}
				return
			}
			if c.OnCard {
				t.Fatalf("it is %+v", c)
			}
			if strings.HasPrefix(tt.asked, CUDA) {
				var u *device.Unusable
				if !errors.As(err, &u) || !strings.Contains(err.Error(), tt.want) || !strings.HasSuffix(err.Error(), "or set device to cpu") {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			} else if err != nil || !strings.Contains(c.Why, tt.want) {
				t.Errorf("%+v, %v, want %q", c, err, tt.want)
			}
		})
	}
}

// TestWithoutDriver is a process on a machine that has no driver, or a driver without a card.
func TestWithoutDriver(t *testing.T) {
	const machine, none = "PAIRLOOM_TEST_MACHINE", "/nowhere/libcuda.so.1"
	want := os.Getenv(machine)
	if want == "" {
		for what, variable := range map[string]string{none: "PAIRLOOM_LIBCUDA=" + none, "the driver sees no card": "PAIRLOOM_TESTDRIVER_DEVICES=0"} {
			c := exec.Command(os.Args[0], "-test.run=^TestWithoutDriver$", "-test.v")
			c.Env = append(os.Environ(), machine+"="+what, variable)
			if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS: TestWithoutDriver") {
				t.Errorf("%s: %v\n%s", what, err, out)
			}
		}
		return
	}
	var u *device.Unusable
	if err := Ready("cuda"); !errors.As(err, &u) || !strings.Contains(u.What, want) || !strings.HasSuffix(u.Cure, "or set device to cpu") {
		t.Errorf("got %v", err)
	}
	c, err := Choose("auto")
	if err != nil || c.OnCard || !strings.Contains(c.Why, want) {
		t.Errorf("auto is %+v, %v", c, err)
	}
	d, err := c.Open(Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if cards, err := Cards(); len(cards) > 0 || err == nil {
		t.Errorf("cards are %v, %v", cards, err)
	}
}

// TestLibraries finds what the test driver has, or says what to do.
func TestLibraries(t *testing.T) {
	for _, l := range Libraries() {
		if (l.Version == "") == (l.Fault == "") {
			t.Errorf("%+v: a version or a fault", l)
		}
		if l.Name == "cuBLASLt" && l.Path == "" {
			t.Errorf("cuBLASLt: %+v", l)
		}
	}
}
