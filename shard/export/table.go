package export

import (
	"errors"
	"io"
	"sync"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/klauspost/compress/zstd"
	"github.com/pairloom/pairloom/shard"
)

// tableWriter writes a Parquet file, a row group a batch. A picture is a group of bytes
// and path, and the metadata say so to Hugging Face's datasets. Texts and numbers are
// compressed by zstd; pictures, which are compressed already, are not.
type tableWriter struct {
	columns []column
	file    *file.Writer
	levels  levels
	texts   []parquet.ByteArray
	int32s  []int32
	int64s  []int64
}

// levels say of each value how much of it is there (Parquet's definition levels), and of
// an element of a list whether it begins a row (0) or goes on (1). All columns may be
// null, and none is: the fields of Hugging Face's features may, and datasets pass over
// features whose fields are others.
type levels struct{ defined, repeated []int16 }

// pageBytes is about how much of a column is written at a time, which is what a page
// holds at least.
const pageBytes = 1 << 20

// tableLevel is the level of zstd in tables.
const tableLevel = 1

// pageEncoder compresses pages of all tables; it may be shared.
var pageEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithZeroFrames(true), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(tableLevel)))
})

// tableZstd is the library's codec, which makes an encoder, megabytes of tables, anew for
// each page; this one keeps it, and gives the same bytes.
type tableZstd struct{ compress.Codec }

func (z tableZstd) EncodeLevel(dst, src []byte, level int) []byte {
	e, err := pageEncoder()
	if err != nil || level != tableLevel {
		return z.Codec.EncodeLevel(dst, src, level)
	}
	return e.EncodeAll(src, dst[:0])
}

func init() {
	if codec, err := compress.GetCodec(compress.Codecs.Zstd); err == nil {
		compress.RegisterCodec(compress.Codecs.Zstd, tableZstd{codec})
	}
}

func newTable(w io.Writer, list []column) (*tableWriter, error) {
	root, err := tableSchema(list)
	if err != nil {
		return nil, err
	}
	var about metadata.KeyValueMetadata
	if err := about.Append("huggingface", schemaFeatures(list)); err != nil {
		return nil, err
	}
	props := []parquet.WriterProperty{
		parquet.WithCreatedBy("pairloom"), parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(tableLevel),
		parquet.WithDictionaryDefault(false), parquet.WithCompressionFor("image.bytes", compress.Codecs.Uncompressed),
		parquet.WithStatsFor("image.bytes", false), parquet.WithStatsFor("image.path", false),
	}
	for _, c := range list {
		if c.few {
			props = append(props, parquet.WithDictionaryFor(c.name, true))
		}
	}
	f := file.NewParquetWriter(w, root, file.WithWriteMetadata(about), file.WithWriterProps(parquet.NewWriterProperties(props...)))
	return &tableWriter{columns: list, file: f}, nil
}

func tableSchema(list []column) (*schema.GroupNode, error) {
	var fault error
	leaf := func(name string, logical schema.LogicalType, kind parquet.Type) schema.Node {
		n, err := schema.NewPrimitiveNodeLogical(name, parquet.Repetitions.Optional, logical, kind, 0, -1)
		fault = errors.Join(fault, err)
		return n
	}
	var fields schema.FieldList
	for _, c := range list {
		var n schema.Node
		var err error
		switch c.kind {
		case kindText:
			n = leaf(c.name, schema.StringLogicalType{}, parquet.Types.ByteArray)
		case kindInt32:
			n = leaf(c.name, schema.NewIntLogicalType(32, true), parquet.Types.Int32)
		case kindInt64:
			n = leaf(c.name, schema.NewIntLogicalType(64, true), parquet.Types.Int64)
		case kindUint64:
			n = leaf(c.name, schema.NewIntLogicalType(64, false), parquet.Types.Int64)
		case kindUint32s:
			n, err = schema.ListOfWithName(c.name, leaf("element", schema.NewIntLogicalType(32, false), parquet.Types.Int32), parquet.Repetitions.Optional, -1)
		case kindPicture:
			n, err = schema.NewGroupNode(c.name, parquet.Repetitions.Optional, schema.FieldList{
				leaf("bytes", schema.NoLogicalType{}, parquet.Types.ByteArray),
				leaf("path", schema.StringLogicalType{}, parquet.Types.ByteArray),
			}, -1)
		}
		if fault = errors.Join(fault, err); fault != nil {
			return nil, fault
		}
		fields = append(fields, n)
	}
	return schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
}

// write writes samples as a row group.
func (t *tableWriter) write(batch []sample) error {
	group := t.file.AppendRowGroup()
	for i := range t.columns {
		var err error
		switch c := &t.columns[i]; c.kind {
		case kindText:
			err = t.writeTexts(group, batch, 1, c.text)
		case kindPicture:
			err = t.writePictures(group, batch)
		case kindUint32s:
			err = t.writeLists(group, batch)
		case kindInt32:
			t.int32s = t.int32s[:0]
			for k := range batch {
				t.int32s = append(t.int32s, int32(c.number(&batch[k])))
			}
			err = nextColumn(group, func(w *file.Int32ColumnChunkWriter) error {
				_, err := w.WriteBatch(t.int32s, t.all(len(t.int32s), 1), nil)
				return err
			})
		default:
			t.int64s = t.int64s[:0]
			for k := range batch {
				t.int64s = append(t.int64s, int64(c.number(&batch[k])))
			}
			err = nextColumn(group, func(w *file.Int64ColumnChunkWriter) error {
				_, err := w.WriteBatch(t.int64s, t.all(len(t.int64s), 1), nil)
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	return group.Close()
}

// nextColumn writes the column chunk that comes next.
func nextColumn[W file.ColumnChunkWriter](group file.SerialRowGroupWriter, write func(W) error) error {
	column, err := group.NextColumn()
	if err != nil {
		return err
	}
	return errors.Join(write(column.(W)), column.Close())
}

// all is the level of as many values that are there.
func (t *tableWriter) all(n int, level int16) []int16 {
	t.levels.defined = t.levels.defined[:0]
	for range n {
		t.levels.defined = append(t.levels.defined, level)
	}
	return t.levels.defined
}

// writeTexts writes texts; those within a picture have the level 2.
func (t *tableWriter) writeTexts(group file.SerialRowGroupWriter, batch []sample, level int16, text func(*sample) string) error {
	return nextColumn(group, func(w *file.ByteArrayColumnChunkWriter) error {
		return t.writeBytes(w, batch, level, func(s *sample) []byte { return []byte(text(s)) })
	})
}

func (t *tableWriter) writePictures(group file.SerialRowGroupWriter, batch []sample) error {
	err := nextColumn(group, func(w *file.ByteArrayColumnChunkWriter) error {
		return t.writeBytes(w, batch, 2, func(s *sample) []byte { return s.Image })
	})
	if err != nil {
		return err
	}
	return t.writeTexts(group, batch, 2, pictureName)
}

// pictureName is the path that a picture has beside its bytes, by which readers tell its
// format.
func pictureName(s *sample) string { return shard.FormatPairID(s.PairID) + "." + extension(s.Format) }

// writeBytes hands values to the library a page at a time: it counts a page's bytes no
// more often than that.
func (t *tableWriter) writeBytes(w *file.ByteArrayColumnChunkWriter, batch []sample, level int16, value func(*sample) []byte) error {
	t.texts = t.texts[:0]
	bytes := 0
	for i := range batch {
		v := value(&batch[i])
		t.texts = append(t.texts, v)
		if bytes += len(v); bytes < pageBytes && i < len(batch)-1 {
			continue
		}
		if _, err := w.WriteBatch(t.texts, t.all(len(t.texts), level), nil); err != nil {
			return err
		}
		t.texts, bytes = t.texts[:0], 0
	}
	return nil
}

func (t *tableWriter) writeLists(group file.SerialRowGroupWriter, batch []sample) error {
	t.int32s, t.levels = t.int32s[:0], levels{t.levels.defined[:0], t.levels.repeated[:0]}
	for i := range batch {
		ids := batch[i].QueryIDs
		if len(ids) == 0 {
			t.levels.defined, t.levels.repeated = append(t.levels.defined, 1), append(t.levels.repeated, 0) // a list without elements
		}
		for k, id := range ids {
			t.int32s = append(t.int32s, int32(id))
			t.levels.defined, t.levels.repeated = append(t.levels.defined, 3), append(t.levels.repeated, int16(min(k, 1)))
		}
	}
	return nextColumn(group, func(w *file.Int32ColumnChunkWriter) error {
		_, err := w.WriteBatch(t.int32s, t.levels.defined, t.levels.repeated)
		return err
	})
}

func (t *tableWriter) close() error { return t.file.Close() }
