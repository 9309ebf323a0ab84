package shard

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

// embeddingBatchBytes is about how much of a file's vectors one record batch
// holds.
const embeddingBatchBytes = 8 << 20

// EmbeddingWriter writes a file of vectors: Arrow IPC, not compressed, with the
// columns id uint64, row uint32, name utf8 and embedding
// fixed_size_list<float>[dim]. The file appears whole or not at all. It is not
// safe for concurrent use.
type EmbeddingWriter struct {
	path      string
	dim       int
	batchRows int
	file      *atomicfile.File
	buffer    *bufio.Writer
	counter   countingWriter
	writer    *ipc.FileWriter
	builder   *array.RecordBuilder
	pending   int
}

// CreateEmbeddings starts a file of vectors of dim words, under a temporary
// name.
func CreateEmbeddings(path string, dim int, o EmbeddingOrigin) (*EmbeddingWriter, error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	meta := arrow.NewMetadata(o.metadata())
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Uint64},
		{Name: "row", Type: arrow.PrimitiveTypes.Uint32},
		{Name: "name", Type: arrow.BinaryTypes.String},
		{Name: "embedding", Type: arrow.FixedSizeListOfNonNullable(int32(dim), arrow.PrimitiveTypes.Float32)},
	}, &meta)
	w := &EmbeddingWriter{path: path, dim: dim, batchRows: max(1, embeddingBatchBytes/(4*dim)), file: file, buffer: bufio.NewWriterSize(file, 1<<20)}
	w.counter.w = w.buffer
	w.counter.hash.Reset()
	if w.writer, err = ipc.NewFileWriter(&w.counter, ipc.WithSchema(schema), ipc.WithAllocator(memory.DefaultAllocator)); err != nil {
		w.file.Discard()
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	w.builder = array.NewRecordBuilder(memory.DefaultAllocator, schema)
	return w, nil
}

// metadata is what a file says of its origin, as keys with their values. A path
// may have bytes that are not UTF-8, text of a file may not.
func (o EmbeddingOrigin) metadata() (keys, values []string) {
	return []string{metaEmbeddings, metaModel, metaOf, metaSource, metaInput},
		[]string{strconv.Itoa(EmbeddingsVersion), o.Model, o.Of, validText(o.Source), o.Input}
}

// validText is a text with U+FFFD in place of what is not UTF-8, which no reader
// takes in a column of texts.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// Write appends one row; vector has dim words. Both are copied. What of the name
// is not UTF-8 is replaced by U+FFFD.
func (w *EmbeddingWriter) Write(row EmbeddingRow, vector []float32) error {
	if len(vector) != w.dim {
		panic(fmt.Sprintf("write %s: a vector of %d words, %d expected", w.path, len(vector), w.dim))
	}
	w.builder.Field(0).(*array.Uint64Builder).Append(row.ID)
	w.builder.Field(1).(*array.Uint32Builder).Append(row.Row)
	w.builder.Field(2).(*array.StringBuilder).Append(validText(row.Name))
	list := w.builder.Field(3).(*array.FixedSizeListBuilder)
	list.Append(true)
	list.ValueBuilder().(*array.Float32Builder).AppendValues(vector, nil)
	w.pending++
	if w.pending == w.batchRows {
		return w.flush()
	}
	return nil
}

func (w *EmbeddingWriter) flush() error {
	if w.pending == 0 {
		return nil
	}
	w.pending = 0
	batch := w.builder.NewRecord()
	defer batch.Release()
	if err := w.writer.Write(batch); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Close makes the file appear, durable. After an error nothing has appeared.
func (w *EmbeddingWriter) Close() error {
	err := w.flush()
	if err == nil {
		if err = w.writer.Close(); err == nil {
			err = w.buffer.Flush()
		}
		if err != nil {
			err = fmt.Errorf("write %s: %w", w.path, err)
		}
	}
	w.builder.Release()
	if err != nil {
		w.file.Discard()
		return err
	}
	return w.file.Commit()
}

// Discard abandons the file; nothing appears.
func (w *EmbeddingWriter) Discard() {
	w.writer.Close()
	w.builder.Release()
	w.file.Discard()
}
