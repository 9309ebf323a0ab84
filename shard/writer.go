package shard

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"
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
	layout  *layout
	path    string
	file    *atomicfile.File
	buffer  *bufio.Writer
	counter countingWriter
	writer  ipcWriter
	columns []columnBuffer
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
	w := &PartWriter[T]{layout: layoutOf[T](), path: path, file: file, buffer: bufio.NewWriterSize(file, 1<<20)}
	w.counter.w = w.buffer
	w.counter.hash.Reset()
	w.counter.stretch.Reset()
	w.writer = ipcWriter{w: &w.counter, columns: w.layout.columns, metadata: [][2]string{
		{metaVersion, strconv.Itoa(SchemaVersion)}, {metaStage, origin.Stage}, {metaSettings, origin.Settings}, {metaInput, origin.Input},
	}}
	w.columns = make([]columnBuffer, len(w.layout.columns))
	for i, c := range w.layout.columns {
		w.columns[i].reset(c.kind)
	}
	if w.layout.compress {
		w.writer.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false)) // the manifest has sums
	}
	if err == nil {
		err = w.writer.begin()
	}
	if err != nil {
		w.file.Discard()
		return nil, fmt.Errorf("create part %s: %w", path, err)
	}
	return w, nil
}

// Write appends one row. The row's strings and bytes are copied; a string that
// is not UTF-8 gets U+FFFD where it is not, as the column's type asks.
func (w *PartWriter[T]) Write(row *T) error {
	for i := range w.columns {
		w.columns[i].add(&w.layout.columns[i], unsafe.Pointer(row))
	}
	return w.end()
}

// WriteWire appends a row that AppendRow wrote, from texts that were read from a
// part: what is no more than sorted on its way needs no record.
func (w *PartWriter[T]) WriteWire(src []byte) (err error) {
	for i := range w.columns {
		if src, err = w.columns[i].addWire(&w.layout.columns[i], src); err != nil {
			return fmt.Errorf("write part %s: %w", w.path, err)
		}
	}
	return w.end()
}

// end ends a row.
func (w *PartWriter[T]) end() error {
	w.pending++
	w.rows++
	if w.pending == w.layout.batchRows {
		return w.flush()
	}
	return nil
}

// Rows is the number of rows written so far.
func (w *PartWriter[T]) Rows() int64 { return w.rows }

func (w *PartWriter[T]) flush() error {
	if w.pending == 0 {
		return nil
	}
	if err := w.writer.batch(w.pending, w.columns); err != nil {
		return fmt.Errorf("write part %s: %w", w.path, err)
	}
	w.pending = 0
	for i, c := range w.layout.columns {
		w.columns[i].reset(c.kind)
	}
	w.sums = append(w.sums, w.counter.sum())
	return nil
}

// Close makes the part appear, durable, and says what the manifest needs to
// know of it. After an error nothing has appeared.
func (w *PartWriter[T]) Close() (Part, error) {
	err := w.flush()
	if err == nil {
		if err = w.writer.end(); err == nil {
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
	if err := w.file.Commit(); err != nil {
		return Part{}, err
	}
	return Part{
		Name:  filepath.Base(w.path),
		Rows:  w.rows,
		Bytes: w.counter.n,
		XXH64: fmt.Sprintf("%016x", w.counter.hash.Sum64()), Batches: append(w.sums, w.counter.sum()), Facts: w.writer.facts,
	}, nil
}

// Discard abandons the part; nothing appears.
func (w *PartWriter[T]) Discard() { w.file.Discard() }
