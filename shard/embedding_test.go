package shard

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writeEmbeddings(t testing.TB, path string, dim, rows int) []float32 {
	t.Helper()
	w, err := CreateEmbeddings(path, dim, EmbeddingOrigin{"m", "texts", "lines.txt", "i"})
	if err != nil {
		t.Fatal(err)
	}
	var all []float32
	for i := range rows {
		var v []float32
		for j := range dim {
			v = append(v, float32(i)+float32(j)/100)
		}
		all = append(all, v...)
		if err := w.Write(EmbeddingRow{uint64(i) << 40, uint32(i), strings.Repeat("é", i%4)}, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEmbeddings(t *testing.T) {
	for _, tt := range []struct{ dim, rows int }{{3, 0}, {3, 5}, {1 << 16, 40}} { // 32 rows a batch
		path := filepath.Join(t.TempDir(), "e.arrow")
		want := writeEmbeddings(t, path, tt.dim, tt.rows)
		e, err := OpenEmbeddings(path)
		if err != nil {
			t.Fatal(err)
		}
		if e.Origin != (EmbeddingOrigin{"m", "texts", "lines.txt", "i"}) || e.Dim != tt.dim || e.Len() != tt.rows {
			t.Errorf("%+v: %+v, dim %d, %d rows", tt, e.Origin, e.Dim, e.Len())
		}
		var got []float32
		row := 0
		for i := range e.Batches {
			b := &e.Batches[i]
			got = append(got, b.Vectors...)
			for j := range b.IDs {
				if b.IDs[j] != uint64(row)<<40 || b.Rows[j] != uint32(row) || b.Name(j) != strings.Repeat("é", row%4) {
					t.Errorf("row %d is %d %d %q", row, b.IDs[j], b.Rows[j], b.Name(j))
				}
				row++
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: other vectors came back", tt)
		}
		e.Close()
	}
}

// TestEmbeddingsDamaged changes and cuts a file at many places: it opens with
// all rows inside the file, or is refused, and never ends the program.
func TestEmbeddingsDamaged(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.arrow")
	writeEmbeddings(t, good, 4, 6)
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.arrow")
	refused := 0
	try := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(bad, data, 0o644); err != nil {
			t.Fatal(err)
		}
		e, err := OpenEmbeddings(bad)
		var damaged *DamagedPart
		if err != nil {
			refused++
			if !errors.As(err, &damaged) {
				t.Errorf("got %v", err)
			}
			return
		}
		var sum float32
		for i := range e.Batches {
			b := &e.Batches[i]
			for _, v := range b.Vectors {
				sum += v
			}
			for j := range b.IDs {
				_ = b.Name(j)
			}
		}
		e.Close()
	}
	for i := 0; i < len(data); i += 3 {
		changed := bytes.Clone(data)
		changed[i] ^= 0xFF
		try(changed)
	}
	if refused < 50 {
		t.Errorf("only %d changes were noticed", refused)
	}
	refused = 0
	for n := 0; n < len(data); n += 11 {
		try(data[:n])
	}
	if cuts := (len(data) + 10) / 11; refused != cuts {
		t.Errorf("%d of %d cuts were noticed", refused, cuts)
	}
	part := filepath.Join(dir, "part.arrow")
	w, err := CreatePart[Selection](dir, "part.arrow", Origin{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenEmbeddings(part); err == nil {
		t.Error("a part of another stage opened")
	}
}
