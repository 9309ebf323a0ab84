package places

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/pairloom/pairloom/internal/cells"
)

// What can be wrong with a picture that is read where it lies.
var (
	ErrGone     = errors.New("is gone")
	ErrChanged  = errors.New("is another than it was")
	ErrTooLarge = errors.New("is larger than it may be")
)

// mostOpen is how many tars and Parquet files stay open.
const mostOpen = 512

// Pictures reads pictures where lists have them. Files that hold many stay open, the
// last ones that were asked for. Its methods may be called concurrently.
type Pictures struct {
	maxBytes int64
	advice   Advice

	mu     sync.Mutex
	files  map[string]*container
	order  []string // the one that was opened first comes first
	stamps map[string]stamp
}

// Advice says in errors what to do about a file that is gone, or is another, and which
// setting bounds a picture.
type Advice struct{ Gone, Changed, Limit string }

// New returns a reader of pictures of at most maxBytes bytes.
func New(maxBytes int64, advice Advice) *Pictures {
	return &Pictures{maxBytes: maxBytes, advice: advice, files: map[string]*container{}, stamps: map[string]stamp{}}
}

// stamp is the fingerprint of a file that was closed since, and by what it is known to be
// the same when it is opened again: reading both ends takes longer than a picture.
type stamp struct {
	print, size uint64
	modified    time.Time
}

// container is an open file that holds many pictures.
type container struct {
	once    sync.Once
	err     error
	file    *os.File
	parquet *cells.File
	print   uint64
	users   sync.WaitGroup

	mu    sync.Mutex
	pages map[[2]int64]*cells.Pages // of a Parquet file, by row group and column
	spans []cells.Span              // of the row group and column that was asked for last
	of    [2]int64
	// next goes on in the column that was read last: who reads in order unpacks a page once.
	next   sync.Mutex
	reader cells.Reader
	ahead  [3]int64 // the row that reader comes to, as Place.At; row 0 for none
}

func (s *Pictures) open(c *container, p *Place) {
	f, info, err := Open(p.Path)
	if err != nil {
		c.err = err
		return
	}
	c.file = f
	s.mu.Lock()
	known, ok := s.stamps[p.Path]
	s.mu.Unlock()
	now := stamp{known.print, uint64(info.Size()), info.ModTime()}
	if !ok || known != now {
		if now.print, c.err = Fingerprint(f, info.Size(), ContainerEnds); c.err != nil {
			return
		}
		s.mu.Lock()
		s.stamps[p.Path] = now
		s.mu.Unlock()
	}
	if c.print = now.print; c.print == p.Print && p.Kind == Parquet {
		f.Close()
		c.file, c.pages = nil, map[[2]int64]*cells.Pages{}
		c.parquet, c.err = cells.Open(p.Path)
	}
}

// pagesOf knows where the pages of a column of a row group lie.
func (c *container) pagesOf(group, column int64) (*cells.Pages, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]int64{group, column}
	pages := c.pages[key]
	if pages == nil {
		var err error
		if pages, err = c.parquet.Pages(int(group), int(column)); err != nil {
			return nil, err
		}
		c.pages[key] = pages
	}
	return pages, nil
}

func (c *container) close() {
	c.users.Wait()
	if c.file != nil {
		c.file.Close()
	}
	if c.parquet != nil {
		c.parquet.Close()
	}
}

// Close closes the files.
func (s *Pictures) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.files {
		c.close()
	}
	s.files, s.order = map[string]*container{}, nil
}

// Read appends the picture at a place to body. The error wraps [ErrGone], [ErrChanged]
// or [ErrTooLarge], or says why the picture cannot be taken out of its file, and what
// to do.
func (s *Pictures) Read(at string, body *bytes.Buffer) error {
	p, err := Parse(at)
	if err != nil {
		return err
	}
	if p.Kind == File {
		return s.whole(&p, body)
	}
	c := s.container(&p)
	defer c.users.Done()
	c.once.Do(func() { s.open(c, &p) })
	switch {
	case c.err != nil && (errors.Is(c.err, fs.ErrNotExist) || errors.Is(c.err, fs.ErrPermission)):
		return s.gone(p.Path, c.err)
	case c.err != nil:
		return c.err
	case c.print != p.Print:
		return s.changed(p.Path)
	case p.Kind == Parquet:
		return s.row(c, &p, body)
	case p.At[1] > s.maxBytes:
		return s.tooLarge(p.At[1])
	}
	body.Grow(int(p.At[1]))
	n, err := body.ReadFrom(io.NewSectionReader(c.file, p.At[0], p.At[1]))
	if err == nil && n < p.At[1] {
		return s.changed(p.Path)
	}
	return err
}

func (s *Pictures) gone(path string, err error) error {
	return fmt.Errorf("%s %w (%v); %s", path, ErrGone, err, s.advice.Gone)
}

func (s *Pictures) changed(path string) error {
	return fmt.Errorf("%s %w; %s", path, ErrChanged, s.advice.Changed)
}

func (s *Pictures) tooLarge(n int64) error {
	return fmt.Errorf("the picture has %d bytes and %w (%d, %s)", n, ErrTooLarge, s.maxBytes, s.advice.Limit)
}

// whole reads a file that is a picture.
func (s *Pictures) whole(p *Place, body *bytes.Buffer) error {
	f, info, err := Open(p.Path)
	if err != nil {
		return s.gone(p.Path, err)
	}
	defer f.Close()
	if info.Size() > s.maxBytes {
		return s.tooLarge(info.Size())
	}
	if print, err := Fingerprint(f, info.Size(), PictureEnds); err != nil || print != p.Print {
		return s.changed(p.Path)
	}
	body.Grow(int(info.Size()))
	_, err = body.ReadFrom(io.LimitReader(f, info.Size()))
	return err
}

// row reads a cell of a Parquet file.
func (s *Pictures) row(in *container, p *Place, body *bytes.Buffer) error {
	f := in.parquet
	return cells.Recovered(p.Path, func() error {
		if p.At[0] >= int64(f.Footer.NumRowGroups()) || p.At[2] >= int64(f.Footer.MetaData().Schema.NumColumns()) {
			return errNoPlace
		}
		var own cells.Reader
		r := &own
		if in.next.TryLock() {
			defer in.next.Unlock()
			r = &in.reader
		}
		var err error
		if r == &own || in.ahead != p.At || p.At[1] == 0 {
			var pages *cells.Pages
			if pages, err = in.pagesOf(p.At[0], p.At[2]); err == nil {
				err = r.OpenAt(f, int(p.At[0]), int(p.At[2]), pages, p.At[1])
			}
		}
		var c cells.Cell
		if err == nil {
			c, err = r.Next()
		}
		if r != &own {
			if in.ahead = [3]int64{p.At[0], p.At[1] + 1, p.At[2]}; err != nil {
				in.ahead[1] = 0
			}
		}
		switch {
		case err != nil:
			return fmt.Errorf("row group %d, row %d: %w", p.At[0], p.At[1], err)
		case c.Null:
			return fmt.Errorf("row group %d, row %d has no picture", p.At[0], p.At[1])
		case int64(len(c.Bytes)) > s.maxBytes:
			return s.tooLarge(int64(len(c.Bytes)))
		}
		body.Write(c.Bytes)
		return nil
	})
}

// Direct is the place of a picture in a Parquet file as a stretch of bytes, if it lies
// there as it is; else p itself. It is quick for places that come in order.
func (s *Pictures) Direct(p Place) (Place, error) {
	if p.Kind != Parquet {
		return p, nil
	}
	c := s.container(&p)
	defer c.users.Done()
	c.once.Do(func() { s.open(c, &p) })
	if c.err != nil {
		return p, c.err
	}
	if c.print != p.Print {
		return p, s.changed(p.Path)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if of := [2]int64{p.At[0], p.At[2]}; c.spans == nil || c.of != of {
		err := cells.Recovered(p.Path, func() (err error) {
			c.spans, err = c.parquet.Spans(int(of[0]), int(of[1]))
			return err
		})
		if err != nil {
			return p, err
		}
		if c.of = of; c.spans == nil {
			c.spans = []cells.Span{} // none lies as it is
		}
	}
	if p.At[1] >= int64(len(c.spans)) || c.spans[p.At[1]].At < 0 {
		return p, nil
	}
	span := c.spans[p.At[1]]
	return Place{Kind: Bytes, Print: p.Print, At: [3]int64{span.At, span.Len}, Path: p.Path}, nil
}

// container finds the open file, or begins with it; the caller must say Done to its
// users. The key is the fingerprint too, so that a list imported again from a file that
// was replaced is read from the new one.
func (s *Pictures) container(p *Place) *container {
	key := fmt.Sprintf("%s %016x %s", p.Kind, p.Print, p.Path)
	s.mu.Lock()
	c, ok := s.files[key]
	var old *container
	if !ok {
		if len(s.order) == mostOpen {
			old = s.files[s.order[0]]
			delete(s.files, s.order[0])
			s.order = s.order[1:]
		}
		c = &container{}
		s.files[key] = c
		s.order = append(s.order, key)
	}
	c.users.Add(1)
	s.mu.Unlock()
	if old != nil {
		old.close() // once those who read it are done
	}
	return c
}
