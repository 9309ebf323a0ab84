package evaluate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEachPictureRow(t *testing.T) {
	whole, err := os.ReadFile("testdata/parquet/set.parquet")
	if err != nil {
		t.Fatal(err)
	}
	cut := writeFile(t, filepath.Join(t.TempDir(), "cut.parquet"), string(whole[:len(whole)-9]))
	for _, tt := range []struct {
		path           string
		rows, pictures int
		fault          string
	}{
		{"testdata/parquet/set.parquet", 8, 7, ""},
		{cut, 0, 0, "no whole Parquet file"},
		{"testdata/parquet/missing.parquet", 0, 0, "no such file"},
	} {
		rows, pictures := 0, 0
		err := EachPictureRow(tt.path, func(r PictureRow) error {
			if r.Number != rows {
				t.Errorf("%s: row %d comes as number %d", tt.path, r.Number, rows)
			}
			if rows++; len(r.Picture) > 0 {
				pictures++
			}
			return nil
		})
		if rows != tt.rows || pictures != tt.pictures || (tt.fault == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.fault) {
			t.Errorf("%s: %d rows with %d pictures, %v; want %d, %d, %q", tt.path, rows, pictures, err, tt.rows, tt.pictures, tt.fault)
		}
	}
	enough := errors.New("enough")
	if err := EachPictureRow("testdata/parquet/set.parquet", func(PictureRow) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the visitor's error comes back as %v", err)
	}
}
