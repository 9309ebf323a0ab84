package export

import (
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// streamWriter writes an Arrow stream, as datasets maps it: no compression, so that what
// is mapped is what is read.
type streamWriter struct {
	columns []column
	out     *ipc.Writer
	build   *array.RecordBuilder
}

// streamRows is the most rows of a record batch: a reader that asks for one row looks at
// the offsets of as many.
const streamRows = 256

func newStream(w io.Writer, list []column) *streamWriter {
	var fields []arrow.Field
	for _, c := range list {
		fields = append(fields, arrow.Field{Name: c.name, Type: arrowType(c.kind), Nullable: true})
	}
	about := arrow.NewMetadata([]string{"huggingface"}, []string{schemaFeatures(list)})
	s := arrow.NewSchema(fields, &about)
	return &streamWriter{list, ipc.NewWriter(w, ipc.WithSchema(s)), array.NewRecordBuilder(memory.DefaultAllocator, s)}
}

func arrowType(k kind) arrow.DataType {
	switch k {
	case kindPicture:
		return arrow.StructOf(arrow.Field{Name: "bytes", Type: arrow.BinaryTypes.Binary, Nullable: true}, arrow.Field{Name: "path", Type: arrow.BinaryTypes.String, Nullable: true})
	case kindInt32:
		return arrow.PrimitiveTypes.Int32
	case kindInt64:
		return arrow.PrimitiveTypes.Int64
	case kindUint64:
		return arrow.PrimitiveTypes.Uint64
	case kindUint32s:
		return arrow.ListOf(arrow.PrimitiveTypes.Uint32)
	}
	return arrow.BinaryTypes.String
}

// write writes samples as a record batch.
func (w *streamWriter) write(batch []sample) error {
	for i := range w.columns {
		c := &w.columns[i]
		switch b := w.build.Field(i).(type) {
		case *array.StringBuilder:
			for k := range batch {
				b.Append(c.text(&batch[k]))
			}
		case *array.Int32Builder:
			for k := range batch {
				b.Append(int32(c.number(&batch[k])))
			}
		case *array.Int64Builder:
			for k := range batch {
				b.Append(int64(c.number(&batch[k])))
			}
		case *array.Uint64Builder:
			for k := range batch {
				b.Append(c.number(&batch[k]))
			}
		case *array.ListBuilder:
			ids := b.ValueBuilder().(*array.Uint32Builder)
			for k := range batch {
				b.Append(true)
				ids.AppendValues(batch[k].QueryIDs, nil)
			}
		case *array.StructBuilder:
			bytes, path := b.FieldBuilder(0).(*array.BinaryBuilder), b.FieldBuilder(1).(*array.StringBuilder)
			total := 0
			for k := range batch {
				total += len(batch[k].Image)
			}
			bytes.ReserveData(total)
			for k := range batch {
				b.Append(true)
				bytes.Append(batch[k].Image)
				path.Append(pictureName(&batch[k]))
			}
		}
	}
	record := w.build.NewRecord()
	defer record.Release()
	return w.out.Write(record)
}

func (w *streamWriter) close() error {
	w.build.Release()
	return w.out.Close()
}
