package shard

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

// TestExport compares with files that numpy 2.4 and pyarrow read as they should:
// testdata/embeddings.py looks again.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "e.arrow")
	writeEmbeddings(t, path, 3, 5)
	e, err := OpenEmbeddings(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, format := range []string{"npy", "parquet"} {
		out, golden := filepath.Join(dir, "e."+format), filepath.Join("testdata", "embeddings."+format)
		if err := e.Export(out, format); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from %s", format, golden)
		}
	}
	var side struct {
		Model, Of string
		Dim       int
		IDs       []string
		Rows      []uint32
		Names     []string
	}
	text, err := os.ReadFile(filepath.Join(dir, "e.json"))
	if err == nil {
		err = json.Unmarshal(text, &side)
	}
	if err != nil || side.Model != "m" || side.Of != "texts" || side.Dim != 3 || side.IDs[1] != "0000010000000000" || side.Rows[4] != 4 || side.Names[3] != "ééé" {
		t.Errorf("%+v, %v", side, err)
	}
	if err := e.Export(filepath.Join(path, "e.parquet"), "parquet"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a file in place of the folder: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+atomicfile.Suffix)); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestExportParquet reads back, value by value, what was written of no row, of
// rows of one word and of several batches.
func TestExportParquet(t *testing.T) {
	for _, tt := range []struct{ dim, rows, groups int }{{3, 0, 0}, {1, 5, 1}, {700, 5, 1}, {1 << 16, 40, 2}} {
		dir := t.TempDir()
		want := writeEmbeddings(t, filepath.Join(dir, "e.arrow"), tt.dim, tt.rows)
		e, err := OpenEmbeddings(filepath.Join(dir, "e.arrow"))
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		path := filepath.Join(dir, "e.parquet")
		if err := e.Export(path, "parquet"); err != nil {
			t.Fatal(err)
		}
		r, err := file.OpenParquetFile(path, false)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if r.NumRowGroups() != tt.groups || r.NumRows() != int64(tt.rows) {
			t.Errorf("%+v: %d row groups, %d rows", tt, r.NumRowGroups(), r.NumRows())
		}
		var ids []int64
		var vectors []float32
		for g := range r.NumRowGroups() {
			group := r.RowGroup(g)
			n := group.NumRows()
			column, err := group.Column(0)
			if err != nil {
				t.Fatal(err)
			}
			some := make([]int64, n)
			if got, _, err := column.(*file.Int64ColumnChunkReader).ReadBatch(n, some, nil, nil); got != n || err != nil {
				t.Errorf("%+v: %d of %d ids, %v", tt, got, n, err)
			}
			ids = append(ids, some...)
			words := n * int64(tt.dim)
			if column, err = group.Column(3); err != nil {
				t.Fatal(err)
			}
			values, begins := make([]float32, words), make([]int16, words)
			if got, _, err := column.(*file.Float32ColumnChunkReader).ReadBatch(words, values, make([]int16, words), begins); got != words || err != nil {
				t.Errorf("%+v: %d of %d words, %v", tt, got, words, err)
			}
			for i, level := range begins {
				if (level == 0) != (i%tt.dim == 0) {
					t.Fatalf("%+v: word %d has the repetition level %d", tt, i, level)
				}
			}
			vectors = append(vectors, values...)
		}
		for i, id := range ids {
			if id != int64(i)<<40 {
				t.Errorf("%+v: row %d has the id %x", tt, i, id)
			}
		}
		if !slices.Equal(vectors, want) {
			t.Errorf("%+v: other vectors came back", tt)
		}
	}
}

// TestTextIsUTF8 holds that no byte that is not UTF-8 comes to lie in a column of
// texts or in the metadata, where readers refuse the whole file for it.
func TestTextIsUTF8(t *testing.T) {
	path := filepath.Join(t.TempDir(), "e.arrow")
	w, err := CreateEmbeddings(path, 1, EmbeddingOrigin{"m", "pictures", "b\xE4ren", ""})
	if err != nil {
		t.Fatal(err)
	}
	names := []struct{ given, kept string }{{"b\xE4r.png", "b\uFFFDr.png"}, {"\xFF\xFE", "\uFFFD"}, {"b\xC3", "b\uFFFD"}, {"bär", "bär"}, {"", ""}}
	for i, n := range names {
		if err := w.Write(EmbeddingRow{Row: uint32(i), Name: n.given}, []float32{0}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := OpenEmbeddings(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for i, n := range names {
		if got := e.Batches[0].Name(i); got != n.kept {
			t.Errorf("%q became %q, want %q", n.given, got, n.kept)
		}
	}
	if e.Origin.Source != "b\uFFFDren" {
		t.Errorf("the source is %q", e.Origin.Source)
	}
}
