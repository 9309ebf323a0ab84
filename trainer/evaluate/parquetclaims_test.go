package evaluate

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/file"
)

// Kinds of pages.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPageV2     = 3
)

// page is a page with a header that claims what it is told to; numbers are those
// of parquet.thrift.
type page struct {
	kind, plain, packed, values, encoding int64
	body                                  []byte
}

func (p page) bytes() []byte {
	b := []byte{0x15} // Thrift's compact protocol: field 1, i32
	for _, n := range []int64{p.kind, p.plain, p.packed} {
		b = append(binary.AppendVarint(b, n), 0x15)
	}
	field := map[int64]byte{dataPage: 0x2C, dictionaryPage: 0x4C, dataPageV2: 0x5C}[p.kind] // a struct, 2, 4 or 5 fields on
	b = append(b[:len(b)-1], field, 0x15)
	b = append(binary.AppendVarint(b, p.values), 0x15)
	b = binary.AppendVarint(b, p.encoding)
	if p.kind == dataPage {
		b = append(b, 0x15, 6, 0x15, 6) // levels: RLE
	}
	return append(append(b, 0, 0), p.body...)
}

// TestParquetClaims changes what files say of themselves: each lie is an error
// that names the file, and none makes room for what it claims.
func TestParquetClaims(t *testing.T) {
	const most = 96 << 20 // bytes that may be allocated: a page that unpacks to little may have 64 MiB
	plain := func(body string) []byte { return []byte(body) }
	levels := "\x02\x00\x00\x00\x06\x01" // a run of three rows that are there
	for _, tt := range []struct {
		name string
		lie  func(r *file.Reader)
		page *page // of labels, in place of the first row group's
		want string
	}{
		{"no labels in a row group", func(r *file.Reader) { c := &r.MetaData().RowGroups[1].Columns; *c = (*c)[:1] }, nil, "row group 1 lacks columns"},
		{"fewer labels than rows", func(r *file.Reader) { r.MetaData().RowGroups[0].Columns[2].MetaData.NumValues = 2 }, nil, "row group 0: a row group has 3 rows, but 2 values"},
		{"more rows than bytes", func(r *file.Reader) { r.MetaData().RowGroups[0].NumRows = 1 << 40 }, nil, "claims 1099511627776 rows"},
		{"fewer than no rows", func(r *file.Reader) { r.MetaData().RowGroups[0].NumRows = -1 }, nil, "claims -1 rows"},
		{"more rows than labels", func(r *file.Reader) {
			r.MetaData().RowGroups[0].NumRows, r.MetaData().RowGroups[0].Columns[2].MetaData.NumValues = 1000, 1000
		}, nil, "unexpected EOF"},
		{"a column before the file", func(r *file.Reader) {
			r.MetaData().RowGroups[0].Columns[2].MetaData.DataPageOffset = -5
		}, nil, "claims a column of"},
		{"a column behind the file", func(r *file.Reader) {
			r.MetaData().RowGroups[0].Columns[2].MetaData.TotalCompressedSize = 1 << 62
		}, nil, "claims a column of 4611686018427387904 bytes"},
		{"a codec that nobody writes", func(r *file.Reader) { r.MetaData().RowGroups[0].Columns[2].MetaData.Codec = 5 }, nil, "packed with LZ4, which is not read"},
		{"a struct of many fields", func(r *file.Reader) { n := int32(1 << 30); r.MetaData().FileMetaData.Schema[0].NumChildren = &n }, nil, "claim more fields than there are"},
		{"a struct of fewer than none", func(r *file.Reader) { n := int32(-1); r.MetaData().FileMetaData.Schema[0].NumChildren = &n }, nil, "claim more fields than there are"},

		{"right", nil, &page{dataPage, 30, 30, 3, 0, plain(levels + strings.Repeat("\x01\x00\x00\x00\x00\x00\x00\x00", 3))}, ""},
		{"a page larger than the column", nil, &page{dataPage, 1 << 30, 1 << 30, 3, 0, plain(levels)}, "a page claims 1073741824 bytes"},
		{"a page of another length unpacked", nil, &page{dataPage, 1 << 30, 6, 3, 0, plain(levels)}, "claims to unpack from 6 bytes to 1073741824"},
		{"a negative length", nil, &page{dataPage, -1, -1, 3, 0, plain(levels)}, "a page claims -1 bytes"},
		{"more values than rows", nil, &page{dataPage, 6, 6, 4, 0, plain(levels)}, "a page claims 4 values, 3 are left"},
		{"fewer values than none", nil, &page{dataPage, 6, 6, -1, 0, plain(levels)}, "a page claims -1 values"},
		{"values that are not there", nil, &page{dataPage, 6, 6, 3, 0, plain(levels)}, "eof"},
		{"levels that are not there", nil, &page{dataPage, 4, 4, 3, 0, plain("\x00\x00\x00\x00")}, "levels or values of a page are damaged"},
		{"levels longer than the page", nil, &page{dataPage, 4, 4, 3, 0, plain("\xFF\xFF\xFF\xFF")}, "levels or values of a page are damaged"},
		{"a run of no level", nil, &page{dataPage, 6, 6, 3, 0, plain("\x02\x00\x00\x00\x00\x01")}, "levels or values of a page are damaged"},
		{"a dictionary that is not there", nil, &page{dataPage, 9, 9, 3, 8, plain(levels + "\x02\x06\x00")}, "value 0 of a dictionary of 0"},
		{"a number of 32 bits", nil, &page{dataPage, 12, 12, 3, 8, plain(levels + "\x20\x06\xFF\xFF\xFF\x7F")}, "value 2147483647 of a dictionary of 0"},
		{"a number of 63 bits", nil, &page{dataPage, 9, 9, 3, 8, plain(levels + "\x3F\x06\x00")}, "levels or values of a page are damaged"},
		{"a dictionary of many values", nil, &page{dictionaryPage, 8, 8, 1 << 30, 0, plain("\x00\x00\x00\x00\x00\x00\x00\x00")}, "a dictionary claims 1073741824 values in 8 bytes"},
		{"a delta block of many values", nil, &page{dataPage, 13, 13, 3, 5, plain(levels + "\x80\x80\x80\x80\x04\x01\x03")}, "levels or values of a page are damaged"},
		{"many delta values", nil, &page{dataPage, 15, 15, 3, 5, plain(levels + "\x80\x01\x04\xFF\xFF\xFF\xFF\x0F\x00")}, "levels or values of a page are damaged"},
		{"no delta value", nil, &page{dataPage, 11, 11, 3, 5, plain(levels + "\x80\x01\x04\x00\x00")}, "levels or values of a page are damaged"},
		{"an encoding that is none", nil, &page{dataPage, 6, 6, 3, 77, plain(levels)}, "encoding"},
		{"a page without end", nil, &page{dataPage, 0, 0, 0, 0, nil}, "levels or values of a page are damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := file.OpenParquetFile("testdata/parquet/set.parquet", false)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			whole, err := os.ReadFile("testdata/parquet/set.parquet")
			if err != nil {
				t.Fatal(err)
			}
			body := bytes.NewBuffer(whole[:len(whole)-8-int(binary.LittleEndian.Uint32(whole[len(whole)-8:]))])
			if tt.lie != nil {
				tt.lie(r)
			}
			if tt.page != nil {
				c := r.MetaData().RowGroups[0].Columns[2].MetaData
				c.DataPageOffset, c.DictionaryPageOffset, c.Codec = int64(body.Len()), nil, 0
				n, _ := body.Write(tt.page.bytes())
				c.TotalCompressedSize = int64(n)
			}
			n, err := r.MetaData().WriteTo(body, nil)
			if err != nil {
				t.Fatal(err)
			}
			body.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
			body.WriteString("PAR1")
			path := writeFile(t, filepath.Join(t.TempDir(), "x.parquet"), body.String())

			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := OpenSet("", "parquet:"+path, Options{})
			runtime.ReadMemStats(&after)
			if err == nil {
				s.Close()
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path)) {
				t.Errorf("got %v, want %q and the file in it", err, tt.want)
			}
			if made := after.TotalAlloc - before.TotalAlloc; made > most {
				t.Errorf("%d bytes were allocated", made)
			}
		})
	}
}
