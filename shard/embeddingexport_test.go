package shard

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
