package pipeline

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pairloom/pairloom/shard"
)

// TestReadingPastTheDisk cuts a part short while it is mapped, which is how the
// system tells of a disk that does not give a page: the program must live.
func TestReadingPastTheDisk(t *testing.T) {
	dir := t.TempDir()
	w, err := shard.CreatePart[shard.Image](dir, "part-00000.arrow", shard.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if err := w.Write(&shard.Image{ImageURL: "http://example.org/", Bytes: make([]byte, 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, part.Name)
	sum := byte(0)
	read := readRows(func(i *shard.Image) (reason, what string) {
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		for _, b := range i.Bytes {
			sum += b
		}
		return "", ""
	})
	v := &verification{progress: func(int64, int64) {}}
	err = withoutPanic(func() error { return read(context.Background(), v, path, &counted{}) })
	if err == nil || !strings.Contains(err.Error(), "it cannot be read") && !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("error %v, want that it cannot be read", err)
	}
}
