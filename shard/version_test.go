package shard

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

var update = flag.Bool("update", false, "write the parts in testdata that are not there")

// rewrite writes the part at from again, to another file: with columns that this
// program does not know between and after its own, and another schema version.
func rewrite(t *testing.T, from, to, version string, types ...arrow.DataType) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := ipc.NewFileReader(in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fields := append([]arrow.Field{}, r.Schema().Fields()...)
	for i, typ := range types {
		at := len(fields) * (i + 1) / len(types) // the last one at the end
		fields = append(fields[:at], append([]arrow.Field{{Name: "later_" + strconv.Itoa(i), Type: typ}}, fields[at:]...)...)
	}
	meta := r.Schema().Metadata().ToMap()
	meta[metaVersion] = version
	metadata := arrow.MetadataFrom(meta)
	schema := arrow.NewSchema(fields, &metadata)
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := ipc.NewFileWriter(out, ipc.WithSchema(schema))
	if err != nil {
		t.Fatal(err)
	}
	for b := range r.NumRecords() {
		rec, err := r.Record(b)
		if err != nil {
			t.Fatal(err)
		}
		columns := make([]arrow.Array, len(fields))
		for i, f := range fields {
			if known := r.Schema().FieldIndices(f.Name); len(known) == 1 {
				columns[i] = rec.Column(known[0])
				continue
			}
			builder := array.NewBuilder(memory.DefaultAllocator, f.Type)
			for range rec.NumRows() {
				builder.AppendEmptyValue()
			}
			columns[i] = builder.NewArray()
		}
		if err := w.Write(array.NewRecord(schema, columns, rec.NumRows())); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// comparePairs reads a part whose rows fill made.
func comparePairs(t *testing.T, path string, rows int) {
	t.Helper()
	r, err := OpenFile[Pair](path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Len() != rows {
		t.Fatalf("%d rows, want %d", r.Len(), rows)
	}
	for i := range rows {
		var got Pair
		if err := r.Read(i, &got); err != nil {
			t.Fatal(err)
		}
		want := fill[Pair](i)
		if got.Text != want.Text || string(got.Image) != string(want.Image) || got.PHash != want.PHash ||
			len(got.QueryIDs) != len(want.QueryIDs) || len(want.QueryIDs) > 0 && !reflect.DeepEqual(got.QueryIDs, want.QueryIDs) {
			t.Errorf("row %d is %+v, want %+v", i, got, want)
		}
	}
}

// TestEveryVersionStaysReadable opens a file of each schema version.
func TestEveryVersionStaysReadable(t *testing.T) {
	for version := 1; version <= SchemaVersion; version++ {
		path := filepath.Join("testdata", "pairs-v"+strconv.Itoa(version)+".arrow")
		if _, err := os.Stat(path); *update && os.IsNotExist(err) {
			writePart[Pair](t, "testdata", filepath.Base(path), 6)
		}
		comparePairs(t, path, 6)
	}
}

// TestColumnsThatAnOlderFileLacks: a row that is used again for a file of version 1
// keeps nothing of one of version 2.
func TestColumnsThatAnOlderFileLacks(t *testing.T) {
	row := Pair{OptOutFrom: "noai"}
	r, err := OpenFile[Pair](filepath.Join("testdata", "pairs-v1.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Read(0, &row); err != nil || row.OptOutFrom != "" {
		t.Errorf("opt_out_from is %q, error %v", row.OptOutFrom, err)
	}
}

func TestColumnsOfLaterPairloomsArePassedOver(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "shards")
	writePart[Pair](t, folder, "a.arrow", 300) // two batches
	path := filepath.Join(folder, "b.arrow")
	rewrite(t, filepath.Join(folder, "a.arrow"), path, strconv.Itoa(SchemaVersion),
		arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32, arrow.ListOfNonNullable(arrow.PrimitiveTypes.Uint32), arrow.BinaryTypes.Binary, arrow.PrimitiveTypes.Uint64)
	comparePairs(t, path, 300)

	for _, tt := range []struct {
		version string
		typ     arrow.DataType
		want    []string
	}{
		{"5", arrow.PrimitiveTypes.Int32, []string{"version is 5", "versions 1 to 4", "update pairloom", "pairloom shard", "b.arrow"}},
		{"0", arrow.PrimitiveTypes.Int32, []string{`"0"`, "numbers from 1"}},
		{"", arrow.PrimitiveTypes.Int32, []string{`""`, "numbers from 1"}},
		{"1", arrow.PrimitiveTypes.Float32, []string{"later_0", "type"}},
	} {
		rewrite(t, filepath.Join(folder, "a.arrow"), path, tt.version, tt.typ)
		_, err := OpenFile[Pair](path)
		for _, part := range tt.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("version %q with %s: error %v, want %q in it", tt.version, tt.typ, err, part)
			}
		}
	}
}
