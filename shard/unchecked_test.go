package shard

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestPicturesUnchecked holds that pictures can be had as they lie, damaged or not, while
// damage in what stands beside them is told.
func TestPicturesUnchecked(t *testing.T) {
	folder := t.TempDir()
	part := writePart[Pair](t, folder, "shard-00000.arrow", 600)
	path := filepath.Join(folder, part.Name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	of := fill[Pair](300)
	for _, tt := range []struct {
		name   string
		damage []byte // which is looked for in the file
		told   bool
	}{
		{"none", nil, false},
		{"in a picture", slices.Concat(of.Image, fill[Pair](301).Image, fill[Pair](302).Image), false},
		{"in a text", []byte(of.Text), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			damaged := bytes.Clone(whole)
			if tt.damage != nil {
				at := bytes.Index(damaged, tt.damage)
				if at < 0 || len(tt.damage) == 0 {
					t.Fatal("what is to be damaged is not in the file")
				}
				damaged[at] ^= 1
			}
			if err := os.WriteFile(path, damaged, 0o644); err != nil {
				t.Fatal(err)
			}
			rows, size := 0, 0
			var fault error
			for p, err := range Rows[Pair](folder, []Part{part}, "pair_id", PicturesUnchecked) {
				if err != nil {
					fault = err
					break
				}
				want := fill[Pair](rows)
				if p.PairID != want.PairID || len(p.Image) != len(want.Image) || p.Text != "" {
					t.Fatalf("row %d: pair %d with %d bytes and the text %q", rows, p.PairID, len(p.Image), p.Text)
				}
				rows, size = rows+1, size+len(p.Image)
			}
			var d *DamagedPart
			if told := errors.As(fault, &d); told != tt.told || !told && (rows != 600 || size == 0) {
				t.Errorf("%d rows with %d bytes of pictures, then %v; want the damage told: %v", rows, size, fault, tt.told)
			}
		})
	}
}
