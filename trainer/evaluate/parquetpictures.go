package evaluate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/pairloom/pairloom/internal/cells"
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
	reader cells.Reader
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
func (p *parquetPictures) Centre(ctx context.Context, dst []byte, i, side int) error {
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
	if !p.reader.IsOpen() || i < p.first || i > next+farRows {
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
	return cells.Recovered(f.Name(), func() error {
		if err := p.reader.Open(f.File, g.group, f.image); err != nil {
			return err
		}
		return p.reader.Skip(int64(i - g.first))
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
	err := cells.Recovered(p.name(i), func() error {
		v, err := p.reader.Next()
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

func (p *parquetPictures) keep(i int, c cells.Cell) {
	var r row
	switch data := c.Bytes; {
	case c.Null:
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
