package shard

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCutWhileOpen: a part that is cut short in its place after it was opened is an error
// that names it, also where the system raises a fault for its bytes.
func TestCutWhileOpen(t *testing.T) {
	for _, tt := range []struct {
		name string
		read func(r *PartReader[Image]) error
	}{
		{"by batch", func(r *PartReader[Image]) error {
			var b Batch[Image]
			defer b.Close()
			return r.Load(r.Batches()-1, &b)
		}},
		{"by row", func(r *PartReader[Image]) error {
			var row Image
			return r.Read(r.Len()-1, &row)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			part := writePart[Image](t, folder, "p.arrow", 600)
			r, err := OpenPart[Image](folder, part)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			path := filepath.Join(folder, part.Name)
			if err := os.Truncate(path, 64); err != nil {
				t.Fatal(err)
			}
			var damaged *DamagedPart
			if err := tt.read(r); !errors.As(err, &damaged) || damaged.Path != path {
				t.Errorf("the error is %v, want a DamagedPart of %s", err, path)
			}
		})
	}
}
