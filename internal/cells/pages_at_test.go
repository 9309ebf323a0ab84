package cells

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// values are cells of some hundred bytes, with nulls, empty ones and repeats among them.
func values(n int) [][]byte {
	draw := rand.New(rand.NewSource(5))
	list := make([][]byte, n)
	for i := range list {
		switch {
		case i%7 == 3: // null
		case i%11 == 5:
			list[i] = []byte{}
		case i%5 == 4:
			list[i] = list[i-4]
		default:
			list[i] = bytes.Repeat([]byte{byte(draw.Int()), byte(i)}, 20+draw.Intn(200))
		}
	}
	return list
}

// write makes a Parquet file of one column of bytes, in groups of 200 rows.
func write(t *testing.T, path string, cells [][]byte, nullable bool, options ...parquet.WriterProperty) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	s := arrow.NewSchema([]arrow.Field{{Name: "image", Type: arrow.BinaryTypes.Binary, Nullable: nullable}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	defer b.Release()
	for _, c := range cells {
		if c == nil && nullable {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.BinaryBuilder).Append(c)
		}
	}
	record := b.NewRecord()
	defer record.Release()
	w, err := pqarrow.NewFileWriter(s, f, parquet.NewWriterProperties(append(options, parquet.WithMaxRowGroupLength(200))...), pqarrow.DefaultWriterProps())
	if err == nil {
		err = w.Write(record)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRowsByNumber reads every row on its own, in an order that is none, of files whose
// pages are written in each of the ways that there are.
func TestRowsByNumber(t *testing.T) {
	small := parquet.WithDataPageSize(4096)
	for name, options := range map[string][]parquet.WriterProperty{
		"plain":                             {small, parquet.WithDictionaryDefault(false)},
		"a dictionary":                      {small, parquet.WithDictionaryDefault(true)},
		"a dictionary that is full, plain":  {small, parquet.WithDictionaryDefault(true), parquet.WithDictionaryPageSizeLimit(8 << 10)},
		"pages of version 2":                {small, parquet.WithDictionaryDefault(false), parquet.WithDataPageVersion(parquet.DataPageV2)},
		"snappy":                            {small, parquet.WithDictionaryDefault(false), parquet.WithCompression(compress.Codecs.Snappy)},
		"zstd, version 2, a dictionary too": {small, parquet.WithCompression(compress.Codecs.Zstd), parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDictionaryPageSizeLimit(8 << 10)},
		"one page a group":                  {parquet.WithDictionaryDefault(false)},
	} {
		for _, nullable := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/nullable=%v", name, nullable), func(t *testing.T) {
				want, path := values(501), filepath.Join(t.TempDir(), "p.parquet")
				write(t, path, want, nullable, options...)
				f, err := Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				var pages []*Pages
				for g := range f.Footer.NumRowGroups() {
					p, err := f.Pages(g, 0)
					if err != nil {
						t.Fatal(err)
					}
					pages = append(pages, p)
				}
				if len(pages) != 3 {
					t.Fatalf("%d row groups, want 3", len(pages))
				}
				plain := 0
				for g := range pages {
					spans, err := f.Spans(g, 0)
					if err != nil {
						t.Fatal(err)
					}
					for k, s := range spans {
						plain++
						if s.At < 0 {
							if want[g*200+k] != nil || !nullable {
								t.Fatalf("row %d is no null", g*200+k)
							}
							continue
						}
						data := make([]byte, s.Len)
						if _, err := f.ReadAt(data, s.At); err != nil || !bytes.Equal(data, want[g*200+k]) {
							t.Fatalf("row %d does not lie at %d, %v", g*200+k, s.At, err)
						}
					}
				}
				if asTheyAre := strings.HasPrefix(name, "plain") || strings.HasPrefix(name, "pages") || strings.HasPrefix(name, "one"); plain != 0 && plain != len(want) || (plain > 0) != asTheyAre {
					t.Fatalf("%d of %d rows lie as they are", plain, len(want))
				}
				var r Reader
				for _, i := range rand.New(rand.NewSource(1)).Perm(len(want)) {
					if err := r.OpenAt(f, i/200, 0, pages[i/200], int64(i%200)); err != nil {
						t.Fatalf("row %d: %v", i, err)
					}
					c, err := r.Next()
					if err != nil || c.Null != (nullable && want[i] == nil) || !bytes.Equal(c.Bytes, want[i]) && !c.Null {
						t.Fatalf("row %d is %d bytes, null %v, %v; want %d bytes", i, len(c.Bytes), c.Null, err, len(want[i]))
					}
				}
				if err := r.OpenAt(f, 0, 0, pages[0], 200); err == nil {
					t.Error("a row beyond the group was found")
				}
			})
		}
	}
}
