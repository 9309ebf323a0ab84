//go:build cuda

package testdriver

import (
	"os"
	"os/exec"
	"testing"
)

// program compiles testdata's name.cc and name.cu with the driver.
func program(t *testing.T, k Kind, name string) string {
	t.Helper()
	sources, err := files("host/*.cc", "testdata/"+name+".cc", "testdata/"+name+".cu")
	if err != nil {
		t.Fatal(err)
	}
	file, err := k.link(sources, "")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWords(t *testing.T) {
	for _, k := range []Kind{Checked, Fast} {
		words := program(t, k, "words")
		for _, order := range []string{"", "backwards"} {
			c := exec.Command(words)
			c.Env = append(os.Environ(), "PAIRLOOM_TESTDRIVER_ORDER="+order)
			if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("kind %d, order %q: %v\n%.2000s", k, order, err, out)
			}
		}
	}
}
