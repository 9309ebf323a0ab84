//go:build cuda

package testdriver

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program compiles testdata's name.cc and name.cu with the driver.
func program(t *testing.T, name string) string {
	t.Helper()
	host, err := filepath.Glob("host/*.cc")
	if err != nil {
		t.Fatal(err)
	}
	file, err := link(append(host, filepath.Join("testdata", name+".cc"), filepath.Join("testdata", name+".cu")), "")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWords(t *testing.T) {
	for _, order := range []string{"", "backwards"} {
		c := exec.Command(program(t, "words"))
		c.Env = append(os.Environ(), "PAIRLOOM_TESTDRIVER_ORDER="+order)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("order %q: %v\n%s", order, err, out)
		}
	}
}
