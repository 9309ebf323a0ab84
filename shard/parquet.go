package shard

import (
	"encoding/binary"
	"io"
	"strconv"
)

// The Parquet format, as far as embeddings need it: a row group a batch, a
// column chunk of one data page (version 1, PLAIN, not compressed) a column, and
// the footer in Thrift's compact protocol. Numbers are those of parquet.thrift.

const (
	parquetMagic = "PAR1"

	parquetInt32, parquetInt64, parquetFloat, parquetBytes = 1, 2, 4, 6 // Type

	convertedUTF8, convertedList, convertedUint32, convertedUint64 = 0, 3, 13, 14 // ConvertedType

	required, repeated = 0, 2 // FieldRepetitionType
	encodingPlain      = 0
	encodingRLE        = 3
)

// thrift appends values in the compact protocol. A struct is begun by begin and
// ended by end.
type thrift struct {
	bytes []byte
	last  []int16 // id of the last field of each open struct
}

// Types of the compact protocol.
const (
	thriftI32, thriftI64, thriftBinary, thriftList, thriftStruct = 5, 6, 8, 9, 12
)

func (t *thrift) begin() { t.last = append(t.last, 0) }

func (t *thrift) end() {
	t.bytes = append(t.bytes, 0)
	t.last = t.last[:len(t.last)-1]
}

// field writes the header of a field; ids ascend by less than 16.
func (t *thrift) field(id int16, kind byte) {
	last := &t.last[len(t.last)-1]
	t.bytes = append(t.bytes, byte(id-*last)<<4|kind)
	*last = id
}

func (t *thrift) i32(id int16, v int) {
	t.field(id, thriftI32)
	t.bytes = binary.AppendVarint(t.bytes, int64(v))
}

func (t *thrift) i64(id int16, v int64) {
	t.field(id, thriftI64)
	t.bytes = binary.AppendVarint(t.bytes, v)
}

func (t *thrift) text(id int16, v string) {
	t.field(id, thriftBinary)
	t.string(v)
}

func (t *thrift) string(v string) {
	t.bytes = binary.AppendUvarint(t.bytes, uint64(len(v)))
	t.bytes = append(t.bytes, v...)
}

func (t *thrift) list(id int16, kind byte, n int) {
	t.field(id, thriftList)
	if n < 15 {
		t.bytes = append(t.bytes, byte(n)<<4|kind)
	} else {
		t.bytes = binary.AppendUvarint(append(t.bytes, 0xF0|kind), uint64(n))
	}
}

// parquetColumn is a leaf of the schema.
type parquetColumn struct {
	path []string
	kind int
	// page appends levels and values of a batch and returns the number of values.
	page func(to []byte, b *EmbeddingBatch) ([]byte, int)
}

// run appends one RLE run of levels of one bit.
func run(to []byte, n int, level byte) []byte {
	return append(binary.AppendUvarint(to, uint64(n)<<1), level)
}

// withLength puts the length of levels before them.
func withLength(to, levels []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(to, uint32(len(levels))), levels...)
}

func (e *Embeddings) parquetColumns() []parquetColumn {
	return []parquetColumn{
		{[]string{"id"}, parquetInt64, func(to []byte, b *EmbeddingBatch) ([]byte, int) { return append(to, bytesOf(b.IDs)...), len(b.IDs) }},
		{[]string{"row"}, parquetInt32, func(to []byte, b *EmbeddingBatch) ([]byte, int) { return append(to, bytesOf(b.Rows)...), len(b.Rows) }},
		{[]string{"name"}, parquetBytes, func(to []byte, b *EmbeddingBatch) ([]byte, int) {
			for i := range b.IDs {
				to = binary.LittleEndian.AppendUint32(to, uint32(len(b.Name(i))))
				to = append(to, b.Name(i)...)
			}
			return to, len(b.IDs)
		}},
		{[]string{"embedding", "list", "element"}, parquetFloat, func(to []byte, b *EmbeddingBatch) ([]byte, int) {
			// A row begins with repetition level 0, its further words have 1. All
			// words are there: definition level 1.
			var levels []byte
			for range b.IDs {
				levels = run(levels, 1, 0)
				if e.Dim > 1 {
					levels = run(levels, e.Dim-1, 1)
				}
			}
			to = withLength(to, levels)
			to = withLength(to, run(nil, len(b.Vectors), 1))
			return append(to, bytesOf(b.Vectors)...), len(b.Vectors)
		}},
	}
}

// chunk is where a column chunk of a row group lies.
type chunk struct {
	offset, size int64
	values       int
}

func (e *Embeddings) writeParquet(w io.Writer) error {
	out := countingWriter{w: w}
	out.hash.Reset()
	if _, err := io.WriteString(&out, parquetMagic); err != nil {
		return err
	}
	columns := e.parquetColumns()
	groups := make([][]chunk, len(e.Batches))
	for g := range e.Batches {
		for _, c := range columns {
			page, values := c.page(nil, &e.Batches[g])
			offset := out.n
			if _, err := out.Write(append(pageHeader(len(page), values), page...)); err != nil {
				return err
			}
			groups[g] = append(groups[g], chunk{offset, out.n - offset, values})
		}
	}
	footer := e.parquetFooter(columns, groups)
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	_, err := out.Write(append(footer, parquetMagic...))
	return err
}

func pageHeader(size, values int) []byte {
	var t thrift
	t.begin() // PageHeader
	t.i32(1, 0)
	t.i32(2, size)
	t.i32(3, size)
	t.field(5, thriftStruct)
	t.begin() // DataPageHeader
	t.i32(1, values)
	t.i32(2, encodingPlain)
	t.i32(3, encodingRLE)
	t.i32(4, encodingRLE)
	t.end()
	t.end()
	return t.bytes
}

func (e *Embeddings) parquetFooter(columns []parquetColumn, groups [][]chunk) []byte {
	var t thrift
	t.begin() // FileMetaData
	t.i32(1, 1)
	element := func(kind, repetition int, name string, children, converted int) {
		t.begin() // SchemaElement
		if kind >= 0 {
			t.i32(1, kind)
		}
		if repetition >= 0 {
			t.i32(3, repetition)
		}
		t.text(4, name)
		if children > 0 {
			t.i32(5, children)
		}
		if converted >= 0 {
			t.i32(6, converted)
		}
		t.end()
	}
	t.list(2, thriftStruct, 7)
	element(-1, -1, "schema", 4, -1)
	element(parquetInt64, required, "id", 0, convertedUint64)
	element(parquetInt32, required, "row", 0, convertedUint32)
	element(parquetBytes, required, "name", 0, convertedUTF8)
	element(-1, required, "embedding", 1, convertedList)
	element(-1, repeated, "list", 1, -1)
	element(parquetFloat, required, "element", 0, -1)
	t.i64(3, int64(e.Len()))
	t.list(4, thriftStruct, len(groups))
	for g, chunks := range groups {
		var total int64
		t.begin() // RowGroup
		t.list(1, thriftStruct, len(chunks))
		for i, c := range chunks {
			total += c.size
			t.begin() // ColumnChunk
			t.i64(2, c.offset)
			t.field(3, thriftStruct)
			t.begin() // ColumnMetaData
			t.i32(1, columns[i].kind)
			t.list(2, thriftI32, 2)
			t.bytes = binary.AppendVarint(binary.AppendVarint(t.bytes, encodingPlain), encodingRLE)
			t.list(3, thriftBinary, len(columns[i].path))
			for _, name := range columns[i].path {
				t.string(name)
			}
			t.i32(4, 0) // not compressed
			t.i64(5, int64(c.values))
			t.i64(6, c.size)
			t.i64(7, c.size)
			t.i64(9, c.offset)
			t.end()
			t.end()
		}
		t.i64(2, total)
		t.i64(3, int64(len(e.Batches[g].IDs)))
		t.end()
	}
	metadata := [][2]string{
		{metaEmbeddings, strconv.Itoa(EmbeddingsVersion)}, {metaModel, e.Origin.Model}, {metaOf, e.Origin.Of},
		{metaSource, e.Origin.Source}, {metaInput, e.Origin.Input},
	}
	t.list(5, thriftStruct, len(metadata))
	for _, kv := range metadata {
		t.begin() // KeyValue
		t.text(1, kv[0])
		t.text(2, kv[1])
		t.end()
	}
	t.text(6, "pairloom")
	t.end()
	return t.bytes
}
