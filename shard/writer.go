package shard

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

// Origin says what a part was made by and from. It lies in the part's schema
// metadata; a part whose origin equals the present one need not be made again.
type Origin struct {
	Stage    string
	Settings string // hash of the settings that can change the stage's output
	Input    string // hash of what the part was made from
}

const (
	metaVersion  = "pairloom.schema_version"
	metaStage    = "pairloom.stage"
	metaSettings = "pairloom.settings"
	metaInput    = "pairloom.input"
)

// PartWriter writes one part. It is not safe for concurrent use.
type PartWriter[T Record] struct {
	layout  layout[T]
	path    string
	file    *atomicfile.File
	buffer  *bufio.Writer
	counter countingWriter
	writer  *ipc.FileWriter
	builder *array.RecordBuilder
	pending int
	rows    int64
	sums    []string // Part.Batches so far
}

// countingWriter hashes and counts what passes. Arrow's file writer asks for
// an io.Seeker and uses it only to learn where it stands.
type countingWriter struct {
	w       io.Writer
	hash    xxhash.Digest
	stretch xxhash.Digest // of what passed since the last call of sum
	n       int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.hash.Write(p[:n])
	c.stretch.Write(p[:n])
	c.n += int64(n)
	return n, err
}

// sum ends a stretch.
func (c *countingWriter) sum() string {
	s := fmt.Sprintf("%016x", c.stretch.Sum64())
	c.stretch.Reset()
	return s
}

func (c *countingWriter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("seek in a part: parts are written from front to back")
	}
	return c.n, nil
}

// CreatePart starts the part folder/name under a temporary name.
func CreatePart[T Record](folder, name string, origin Origin) (*PartWriter[T], error) {
	path := filepath.Join(folder, name)
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	l := layoutOf[T]()
	meta := arrow.NewMetadata(
		[]string{metaVersion, metaStage, metaSettings, metaInput},
		[]string{strconv.Itoa(SchemaVersion), origin.Stage, origin.Settings, origin.Input})
	schema := arrow.NewSchema(arrowFields(l.columns), &meta)
	w := &PartWriter[T]{layout: l, path: path, file: file, buffer: bufio.NewWriterSize(file, 1<<20)}
	w.counter.w = w.buffer
	w.counter.hash.Reset()
	w.counter.stretch.Reset()
	options := []ipc.Option{ipc.WithSchema(schema), ipc.WithAllocator(memory.DefaultAllocator)}
	if l.compress {
		options = append(options, ipc.WithZstd(), ipc.WithCompressConcurrency(1))
	}
	if w.writer, err = ipc.NewFileWriter(&w.counter, options...); err != nil {
		w.file.Discard()
		return nil, fmt.Errorf("create part %s: %w", path, err)
	}
	w.builder = array.NewRecordBuilder(memory.DefaultAllocator, schema)
	return w, nil
}

// Write appends one row. The row's strings and bytes are copied.
func (w *PartWriter[T]) Write(row *T) error {
	for i, c := range w.layout.columns {
		appendValue(w.builder.Field(i), c.kind, c.at(row))
	}
	w.pending++
	w.rows++
	if w.pending == w.layout.batchRows {
		return w.flush()
	}
	return nil
}

func appendValue(b array.Builder, k kind, value any) {
	switch k {
	case kindString:
		b.(*array.StringBuilder).Append(*value.(*string))
	case kindBytes:
		// Append takes nil for null, and no column here is nullable.
		if v := *value.(*[]byte); v != nil {
			b.(*array.BinaryBuilder).Append(v)
		} else {
			b.(*array.BinaryBuilder).Append([]byte{})
		}
	case kindInt32:
		b.(*array.Int32Builder).Append(*value.(*int32))
	case kindInt64:
		b.(*array.Int64Builder).Append(*value.(*int64))
	case kindUint32:
		b.(*array.Uint32Builder).Append(*value.(*uint32))
	case kindUint64:
		b.(*array.Uint64Builder).Append(*value.(*uint64))
	case kindUint32List:
		list := b.(*array.ListBuilder)
		list.Append(true)
		list.ValueBuilder().(*array.Uint32Builder).AppendValues(*value.(*[]uint32), nil)
	}
}

// Rows is the number of rows written so far.
func (w *PartWriter[T]) Rows() int64 { return w.rows }

func (w *PartWriter[T]) flush() error {
	if w.pending == 0 {
		return nil
	}
	w.pending = 0
	batch := w.builder.NewRecord()
	defer batch.Release()
	if err := w.writer.Write(batch); err != nil {
		return fmt.Errorf("write part %s: %w", w.path, err)
	}
	w.sums = append(w.sums, w.counter.sum())
	return nil
}

// Close makes the part appear, durable, and says what the manifest needs to
// know of it. After an error nothing has appeared.
func (w *PartWriter[T]) Close() (Part, error) {
	err := w.flush()
	if err == nil {
		if err = w.writer.Close(); err == nil {
			err = w.buffer.Flush()
		}
		if err != nil {
			err = fmt.Errorf("write part %s: %w", w.path, err)
		}
	}
	if err != nil {
		w.file.Discard()
		return Part{}, err
	}
	w.builder.Release()
	if err := w.file.Commit(); err != nil {
		return Part{}, err
	}
	return Part{
		Name:  filepath.Base(w.path),
		Rows:  w.rows,
		Bytes: w.counter.n,
		XXH64: fmt.Sprintf("%016x", w.counter.hash.Sum64()), Batches: append(w.sums, w.counter.sum()),
	}, nil
}

// Discard abandons the part; nothing appears.
func (w *PartWriter[T]) Discard() {
	w.writer.Close()
	w.builder.Release()
	w.file.Discard()
}
