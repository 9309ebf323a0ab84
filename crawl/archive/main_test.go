package archive

import (
	"fmt"
	"os"
	"testing"

	"github.com/pairloom/pairloom/internal/deflate"
)

// TestMain holds that every Reader gives back the memory it holds outside Go's heap.
func TestMain(m *testing.M) {
	code := m.Run()
	if n := deflate.Live(); n != 0 && code == 0 {
		fmt.Fprintf(os.Stderr, "%d decoders of Readers are not closed\n", n)
		code = 1
	}
	os.Exit(code)
}
