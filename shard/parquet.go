package shard

import (
	"errors"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// Parquet is written by Arrow's column writers. Its package pqarrow would take
// whole records, and makes the program larger by half: it brings Arrow's compute
// kernels along.

// parquetSchema has the columns of an embedding file; none may be null.
func parquetSchema() (root *schema.GroupNode, err error) {
	leaf := func(name string, logical schema.LogicalType, kind parquet.Type) schema.Node {
		n, fault := schema.NewPrimitiveNodeLogical(name, parquet.Repetitions.Required, logical, kind, 0, -1)
		if err == nil {
			err = fault
		}
		return n
	}
	fields := schema.FieldList{
		leaf("id", schema.NewIntLogicalType(64, false), parquet.Types.Int64),
		leaf("row", schema.NewIntLogicalType(32, false), parquet.Types.Int32),
		leaf("name", schema.StringLogicalType{}, parquet.Types.ByteArray),
	}
	words := leaf("element", schema.NoLogicalType{}, parquet.Types.Float)
	if err != nil {
		return nil, err
	}
	list, err := schema.ListOfWithName("embedding", words, parquet.Repetitions.Required, -1)
	if err != nil {
		return nil, err
	}
	return schema.NewGroupNode("schema", parquet.Repetitions.Required, append(fields, list), -1)
}

// writeParquet writes a row group a batch. Nothing is compressed and there are no
// dictionaries, since vectors hardly repeat; a page ends with a row.
func (e *Embeddings) writeParquet(w io.Writer) error {
	root, err := parquetSchema()
	if err != nil {
		return err
	}
	var about metadata.KeyValueMetadata
	keys, values := e.Origin.metadata()
	for i, key := range keys {
		if err := about.Append(key, values[i]); err != nil {
			return err
		}
	}
	f := file.NewParquetWriter(w, root, file.WithWriteMetadata(about), file.WithWriterProps(parquet.NewWriterProperties(
		parquet.WithCreatedBy("pairloom"), parquet.WithDictionaryDefault(false), parquet.WithStats(false),
		parquet.WithBatchSize(int64(e.Dim*max(1, 1024/e.Dim))))))
	for i := range e.Batches {
		if err := e.writeRowGroup(f.AppendRowGroup(), &e.Batches[i]); err != nil {
			return err
		}
	}
	return f.Close()
}

func (e *Embeddings) writeRowGroup(group file.SerialRowGroupWriter, b *EmbeddingBatch) error {
	names := make([]parquet.ByteArray, len(b.IDs))
	for i := range names {
		names[i] = parquet.ByteArray(b.Name(i))
	}
	// A row begins with repetition level 0, its further words have 1. All words are
	// there: definition level 1.
	defined := slices.Repeat([]int16{1}, len(b.Vectors))
	repeated := slices.Clone(defined)
	for at := 0; at < len(repeated); at += e.Dim {
		repeated[at] = 0
	}
	for range group.NumColumns() {
		column, err := group.NextColumn()
		if err != nil {
			return err
		}
		switch c := column.(type) {
		case *file.Int64ColumnChunkWriter:
			_, err = c.WriteBatch(viewOf[int64](b.IDs), nil, nil)
		case *file.Int32ColumnChunkWriter:
			_, err = c.WriteBatch(viewOf[int32](b.Rows), nil, nil)
		case *file.ByteArrayColumnChunkWriter:
			_, err = c.WriteBatch(names, nil, nil)
		case *file.Float32ColumnChunkWriter:
			_, err = c.WriteBatch(b.Vectors, defined, repeated)
		}
		if err = errors.Join(err, column.Close()); err != nil {
			return err
		}
	}
	return group.Close()
}
