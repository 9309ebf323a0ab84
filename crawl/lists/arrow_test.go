package lists

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/pairloom/pairloom/internal/places"
)

// TestPicturesInArrow reads pictures that lie in Arrow files, bare or in a struct of bytes
// and path, behind columns of any layout, each from its place in the file.
func TestPicturesInArrow(t *testing.T) {
	binary := arrow.Field{Name: "image", Type: arrow.BinaryTypes.Binary, Nullable: true}
	path := arrow.Field{Name: "path", Type: arrow.BinaryTypes.String, Nullable: true}
	bytesField := arrow.Field{Name: "bytes", Type: arrow.BinaryTypes.Binary, Nullable: true}
	text := arrow.Field{Name: "text", Type: arrow.BinaryTypes.String}
	for _, tt := range []struct {
		name   string
		before []arrow.Field
		image  arrow.Field
		stream bool
		packed bool
		want   string // "" for the pictures, else the error
	}{
		{name: "bare", image: binary},
		{name: "bare, stream", image: binary, stream: true},
		{name: "struct", image: arrow.Field{Name: "image", Type: arrow.StructOf(bytesField, path), Nullable: true}, stream: true},
		{name: "struct, the path first", image: arrow.Field{Name: "jpg", Type: arrow.StructOf(path, bytesField), Nullable: true}},
		{name: "behind numbers, lists, dictionaries and structs", before: []arrow.Field{
			{Name: "a", Type: arrow.PrimitiveTypes.Int64}, {Name: "b", Type: arrow.FixedWidthTypes.Boolean}, {Name: "c", Type: arrow.ListOf(arrow.BinaryTypes.String)},
			{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}},
			{Name: "e", Type: arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float32}, path)}, {Name: "f", Type: arrow.Null},
			{Name: "g", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8)}, {Name: "h", Type: &arrow.FixedSizeBinaryType{ByteWidth: 3}},
		}, image: binary},
		{name: "compressed", image: binary, packed: true, want: "its pictures are compressed together with its batches; write it as Parquet"},
		{name: "a struct without bytes", image: arrow.Field{Name: "image", Type: arrow.StructOf(path)}, want: "holds pictures of the type struct<path: utf8>, which is not read"},
		{name: "bytes of 64-bit offsets", image: arrow.Field{Name: "image", Type: arrow.BinaryTypes.LargeBinary}, want: "write it as Parquet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := arrow.NewSchema(append(append(tt.before, tt.image), text), nil)
			name := filepath.Join(t.TempDir(), "list.arrow")
			f, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			options := []ipc.Option{ipc.WithSchema(s)}
			if tt.packed {
				options = append(options, ipc.WithZstd())
			}
			var out interface {
				Write(arrow.Record) error
				Close() error
			}
			if out = ipc.NewWriter(f, options...); !tt.stream {
				file, err := ipc.NewFileWriter(f, options...)
				if err != nil {
					t.Fatal(err)
				}
				out = file
			}
			const rows, batches = 5, 3 // of a batch the third row has no picture, the fourth an empty one
			for batch := range batches {
				b := array.NewRecordBuilder(memory.DefaultAllocator, s)
				for row := range rows {
					for i := range tt.before {
						b.Field(i).AppendEmptyValue()
					}
					picture := []byte(fmt.Sprintf("picture %d of batch %d", row, batch))
					appendPicture(b.Field(len(tt.before)), picture, row)
					b.Field(len(tt.before) + 1).(*array.StringBuilder).Append(fmt.Sprintf("text %d of batch %d", row, batch))
				}
				record := b.NewRecord()
				if err := out.Write(record); err != nil {
					t.Fatal(err)
				}
				record.Release()
				b.Release()
			}
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := read(t, Options{}, name)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, want %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			pictures := places.New(1<<20, places.Advice{})
			defer pictures.Close()
			if len(got.rows) != 3*batches || counts(got.dropped) != fmt.Sprintf("no_picture %d", 2*batches) {
				t.Errorf("%d candidates, dropped %s", len(got.rows), counts(got.dropped))
			}
			for _, c := range got.rows {
				var body bytes.Buffer
				if err := pictures.Read(c.PictureAt, &body); err != nil {
					t.Fatal(err)
				}
				if want := strings.Replace(c.Text, "text", "picture", 1); body.String() != want || !strings.HasPrefix(c.ImageURL, "list:") {
					t.Errorf("%s %q: the picture is %q", c.ImageURL, c.Text, body.String())
				}
			}
		})
	}
}

// appendPicture appends a row's picture to a column of any of the types.
func appendPicture(column array.Builder, picture []byte, row int) {
	if s, is := column.(*array.StructBuilder); is {
		if row == 2 {
			s.AppendNull()
			return
		}
		s.Append(true)
		for i := range s.NumField() {
			appendPicture(s.FieldBuilder(i), picture, row)
		}
		return
	}
	switch b := column.(type) {
	case *array.BinaryBuilder:
		switch row {
		case 2:
			b.AppendNull()
		case 3:
			b.Append(nil)
		default:
			b.Append(picture)
		}
	case *array.StringBuilder:
		b.Append("p.jpg")
	default:
		column.AppendEmptyValue()
	}
}
