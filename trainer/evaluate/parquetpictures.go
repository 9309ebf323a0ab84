package evaluate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// NoPicture is the reason for which a row without a picture is left out.
const NoPicture = "no_picture"

const (
	// recentBytes bounds the pictures of Parquet files that are kept since
	// threads ask for them in slightly other orders.
	recentBytes = 64 << 20
	// rowBytes is what a row takes beside its picture.
	rowBytes = 64
	// farRows is the number of rows that are rather read over than jumped over.
	farRows = 1024
)

// parquetPictures are the pictures of Parquet files. They are read in order, a
// page at a time; who asks for one that was passed long ago makes them begin
// again at its row group.
type parquetPictures struct {
	convert Convert
	files   []*parquetFile
	groups  []pictureRows
	rows    int

	mu     sync.Mutex
	group  int // that is read
	reader cellReader
	first  int // row of recent[0]
	recent []row
	held   int // bytes of recent
}

// pictureRows is the column of pictures of one row group.
type pictureRows struct {
	file  int
	group int // of the file
	first int // row, of all files
	begin int // first row of the file
}

// row is a picture as its file has it; bad says why there is none.
type row struct {
	data []byte
	bad  *BadPicture
}

// Len is the number of rows.
func (p *parquetPictures) Len() int { return p.rows }

// Centre is that of [Pictures].
func (p *parquetPictures) Centre(ctx context.Context, dst []float32, i, side int) error {
	r, err := p.row(i)
	if err != nil {
		return err
	}
	if r.bad != nil {
		return r.bad
	}
	return p.convert.centre(ctx, dst, p.name(i), r.data, side)
}

// groupOf is the row group of row i.
func (p *parquetPictures) groupOf(i int) int {
	return sort.Search(len(p.groups), func(g int) bool { return p.groups[g].first > i }) - 1
}

// name is the file and row of picture i.
func (p *parquetPictures) name(i int) string {
	g := p.groups[p.groupOf(i)]
	return fmt.Sprintf("%s row %d", p.files[g.file].Name(), i-g.begin)
}

// row finds picture i, reading on or going back as it must. Its bytes stay.
func (p *parquetPictures) row(i int) (r row, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.first + len(p.recent)
	if p.reader.values == nil || i < p.first || i > next+farRows {
		p.group = p.groupOf(i)
		p.first, p.recent, p.held = i, nil, 0
		if err := p.open(i); err != nil {
			return r, err
		}
	}
	for p.first+len(p.recent) <= i {
		if err := p.read(); err != nil {
			return r, err
		}
	}
	return p.recent[i-p.first], nil
}

// open begins to read at row i of the group.
func (p *parquetPictures) open(i int) error {
	g := p.groups[p.group]
	f := p.files[g.file]
	return recovered(f.Name(), func() error {
		err := p.reader.open(f, g.group, f.image)
		for row := g.first; row < i && err == nil; row++ {
			_, err = p.reader.next()
		}
		return err
	})
}

// read takes in the next row.
func (p *parquetPictures) read() error {
	i := p.first + len(p.recent)
	if g := p.groupOf(i); g != p.group {
		p.group = g
		if err := p.open(i); err != nil {
			return err
		}
	}
	err := recovered(p.name(i), func() error {
		v, err := p.reader.next()
		if errors.Is(err, io.EOF) {
			return errors.New("its row group has fewer pictures than labels; get the file again")
		}
		if err == nil {
			p.keep(i, v)
		}
		return err
	})
	for ; p.held > recentBytes && len(p.recent) > 1; p.first++ {
		p.held -= len(p.recent[0].data) + rowBytes
		p.recent = p.recent[1:]
	}
	return err
}

func (p *parquetPictures) keep(i int, c cell) {
	var r row
	switch data := c.bytes; {
	case c.null:
		r.bad = &BadPicture{Name: p.name(i), Reason: NoPicture, Err: errors.New("the row has none")}
	case len(data) > largestFile:
		r.bad = tooLarge(p.name(i), int64(len(data)))
	default:
		r.data = bytes.Clone(data)
	}
	p.recent = append(p.recent, r)
	p.held += len(r.data) + rowBytes
}

func (p *parquetPictures) close() error {
	var faults []error
	for _, f := range p.files {
		faults = append(faults, f.Close())
	}
	p.files = nil
	return errors.Join(faults...)
}

// cell is a value of a column: bytes or a number, or null.
type cell struct {
	null   bool
	bytes  []byte // until the next cell
	number int64
}

// cellReader reads the cells of a column, one by one.
type cellReader struct {
	pages  pageReader
	values file.ColumnChunkReader // nil where nothing is open

	level [1]int16
	bytes [1]parquet.ByteArray
	int32 [1]int32
	int64 [1]int64
}

// open begins with the first row of a column of a row group.
func (r *cellReader) open(f *parquetFile, group, column int) error {
	r.values = nil
	rows := f.footer.RowGroup(group).MetaData()
	chunk, err := rows.ColumnChunk(column)
	if err != nil {
		return err
	}
	about := f.footer.MetaData().Schema.Column(column)
	if err := r.pages.open(f.File, f.size, rows.NumRows(), chunk, int(about.MaxDefinitionLevel())); err != nil {
		return err
	}
	r.values = file.NewColumnReader(about, &r.pages, memory.DefaultAllocator, f.footer.BufferPool())
	return nil
}

// next is the next cell, or io.EOF.
func (r *cellReader) next() (c cell, err error) {
	var rows int64
	var values int
	switch v := r.values.(type) {
	case *file.ByteArrayColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.bytes[:], r.level[:], nil)
		c.bytes = r.bytes[0]
	case *file.Int32ColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.int32[:], r.level[:], nil)
		c.number = int64(r.int32[0])
	case *file.Int64ColumnChunkReader:
		rows, values, err = v.ReadBatch(1, r.int64[:], r.level[:], nil)
		c.number = r.int64[0]
	}
	if err == nil && rows == 0 {
		if err = r.values.Err(); err == nil {
			err = io.EOF
		}
	}
	r.pages.rest -= rows
	c.null = values == 0
	return c, err
}
