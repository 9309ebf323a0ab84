package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pairloom/pairloom/internal/readers"
)

// TestReadingPage runs each block of docs/reading.md on a dataset, as its reader would.
func TestReadingPage(t *testing.T) {
	readers.Python(t)
	dir := t.TempDir()
	if err := os.Symlink(unbroken(t), filepath.Join(dir, "cats")); err != nil {
		t.Fatal(err)
	}
	for i, block := range readers.Blocks(t, "../../docs/reading.md") {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			t.Parallel()
			if got := readers.Script(t, dir, block.Code); got != block.Wants {
				t.Errorf("%s\nprinted\n%s\nthe page says\n%s", block.Code, got, block.Wants)
			}
		})
	}
}
