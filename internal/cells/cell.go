package cells

import (
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// File is an open file whose footer was read.
type File struct {
	*os.File
	Size   int64
	Footer *file.Reader
}

// Open opens a Parquet file. Its errors name it.
func Open(path string) (*File, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{File: opened}
	err = Recovered(path, func() (err error) {
		if f.Size, err = wholeParquet(opened); err == nil {
			f.Footer, err = file.NewParquetReader(opened)
		}
		if err != nil {
			return fmt.Errorf("it is no whole Parquet file: %w; get it again", err)
		}
		return nil
	})
	if err != nil {
		opened.Close()
		return nil, err
	}
	return f, nil
}

// Recovered calls f, whose errors it puts a name before, and makes an error of a panic,
// since the library has some on damaged files.
func Recovered(name string, f func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	return f()
}

// Cell is a value of a column, or null.
type Cell struct {
	Null   bool
	Bytes  []byte // of texts and the like; until the next cell
	Number int64  // of integers, and of booleans 0 or 1
	Float  float64
}

// Reader reads the cells of a column, one by one.
type Reader struct {
	pages  pageReader
	values file.ColumnChunkReader // nil where nothing is open

	level   [1]int16
	bytes   [1]parquet.ByteArray
	fixed   [1]parquet.FixedLenByteArray
	boolean [1]bool
	int32   [1]int32
	int64   [1]int64
	float32 [1]float32
	float64 [1]float64
}

// IsOpen tells whether there is something to read.
func (r *Reader) IsOpen() bool { return r.values != nil }

// Open begins with the first row of a column of a row group.
func (r *Reader) Open(f *File, group, column int) error {
	r.values = nil
	rows := f.Footer.RowGroup(group).MetaData()
	if column >= rows.NumColumns() {
		return fmt.Errorf("row group %d lacks columns; get the file again", group)
	}
	chunk, err := rows.ColumnChunk(column)
	if err != nil {
		return err
	}
	about := f.Footer.MetaData().Schema.Column(column)
	if err := r.pages.open(f.File, f.Size, rows.NumRows(), chunk, int(about.MaxDefinitionLevel())); err != nil {
		return err
	}
	r.values = file.NewColumnReader(about, &r.pages, memory.DefaultAllocator, f.Footer.BufferPool())
	return nil
}

// Skip passes rows, right after Open. Whole pages of them are not unpacked.
func (r *Reader) Skip(rows int64) error {
	left, err := r.pages.pass(rows)
	for ; left > 0 && err == nil; left-- {
		_, err = r.Next()
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Next is the next cell, or io.EOF.
func (r *Reader) Next() (c Cell, err error) {
	var rows int64
	var values int
	switch v := r.values.(type) {
	case *file.ByteArrayColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.bytes[:], r.level[:], nil)
		c.Bytes = r.bytes[0]
	case *file.FixedLenByteArrayColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.fixed[:], r.level[:], nil)
		c.Bytes = r.fixed[0]
	case *file.BooleanColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.boolean[:], r.level[:], nil)
		if r.boolean[0] {
			c.Number = 1
		}
	case *file.Int32ColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.int32[:], r.level[:], nil)
		c.Number = int64(r.int32[0])
	case *file.Int64ColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.int64[:], r.level[:], nil)
		c.Number = r.int64[0]
	case *file.Float32ColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.float32[:], r.level[:], nil)
		c.Float = float64(r.float32[0])
	case *file.Float64ColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.float64[:], r.level[:], nil)
		c.Float = r.float64[0]
	default:
		return c, fmt.Errorf("a column of the type %v is not read", r.values.Type())
	}
	if err == nil && rows == 0 {
		if err = r.values.Err(); err == nil {
			err = io.EOF
		}
	}
	r.pages.rest -= rows
	c.Null = values == 0
	return c, err
}
