package lists

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/cells"
)

// A place says where a picture lies. As text, in a candidate's PictureAt, it is a word
// for the kind, the file's fingerprint, numbers and the file's path, with a space
// between:
//
//	file 1b2f5e0c9a8d7e61 - /data/cats/1.jpg            the whole file
//	bytes 1b2f5e0c9a8d7e61 1536+20480 /data/0.tar       20,480 bytes from byte 1536 on
//	parquet 1b2f5e0c9a8d7e61 3/17/2 /data/0.parquet     row group 3, row 17 of it, column 2
type place struct {
	kind  string
	print uint64
	at    [3]int64
	path  string
}

const (
	placeFile    = "file"
	placeBytes   = "bytes"
	placeParquet = "parquet"
)

func (p place) String() string {
	where := "-"
	switch p.kind {
	case placeBytes:
		where = fmt.Sprintf("%d+%d", p.at[0], p.at[1])
	case placeParquet:
		where = fmt.Sprintf("%d/%d/%d", p.at[0], p.at[1], p.at[2])
	}
	return fmt.Sprintf("%s %016x %s %s", p.kind, p.print, where, p.path)
}

var errNoPlace = errors.New("is no place of a picture")

func parsePlace(text string) (p place, err error) {
	fields := strings.SplitN(text, " ", 4)
	if len(fields) != 4 {
		return p, fmt.Errorf("%.100q %w", text, errNoPlace)
	}
	p.kind, p.path = fields[0], fields[3]
	if p.print, err = strconv.ParseUint(fields[1], 16, 64); err != nil {
		return p, fmt.Errorf("%.100q %w", text, errNoPlace)
	}
	var numbers []string
	switch p.kind {
	case placeBytes:
		numbers = strings.Split(fields[2], "+")
	case placeParquet:
		numbers = strings.Split(fields[2], "/")
	}
	if want := map[string]int{placeFile: 0, placeBytes: 2, placeParquet: 3}; p.path == "" || len(numbers) != want[p.kind] || want[p.kind] == 0 && p.kind != placeFile {
		return p, fmt.Errorf("%.100q %w", text, errNoPlace)
	}
	for i, n := range numbers {
		if p.at[i], err = strconv.ParseInt(n, 10, 64); err != nil || p.at[i] < 0 {
			return p, fmt.Errorf("%.100q %w", text, errNoPlace)
		}
	}
	return p, nil
}

// What of a file's two ends goes into its fingerprint: of one that is a picture less,
// since there are many.
const (
	containerEnds = 64 << 10
	pictureEnds   = 4 << 10
)

// fingerprint tells a file of so many bytes from others by its length and both ends.
func fingerprint(f io.ReaderAt, size, ends int64) (uint64, error) {
	d := xxhash.New()
	fmt.Fprintf(d, "%d\n", size)
	for _, at := range []int64{0, max(0, size-ends)} {
		if _, err := io.Copy(d, io.NewSectionReader(f, at, ends)); err != nil {
			return 0, err
		}
	}
	return d.Sum64(), nil
}

// openFile opens a file, and nothing else: a pipe would wait for its other end.
func openFile(path string) (*os.File, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	return f, info, err
}

// mostOpen is how many tars and Parquet files stay open.
const mostOpen = 64

// Pictures reads pictures where lists have them. Files that hold many stay open, the
// last ones that were asked for. Its methods may be called concurrently.
type Pictures struct {
	maxBytes int64

	mu    sync.Mutex
	files map[string]*container
	order []string // the one that was opened first comes first
}

// NewPictures returns a reader of pictures of at most maxBytes bytes.
func NewPictures(maxBytes int64) *Pictures {
	return &Pictures{maxBytes: maxBytes, files: map[string]*container{}}
}

// container is an open file that holds many pictures.
type container struct {
	once    sync.Once
	err     error
	file    *os.File
	parquet *cells.File
	print   uint64
	size    int64
	users   sync.WaitGroup
}

func (c *container) open(p *place) {
	f, info, err := openFile(p.path)
	if err != nil {
		c.err = err
		return
	}
	c.file, c.size = f, info.Size()
	if c.print, c.err = fingerprint(f, c.size, containerEnds); c.err == nil && c.print == p.print && p.kind == placeParquet {
		f.Close()
		c.parquet, c.err = cells.Open(p.path)
		c.file = nil
	}
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
	p, err := parsePlace(at)
	if err != nil {
		return err
	}
	if p.kind == placeFile {
		return s.whole(&p, body)
	}
	c := s.container(&p)
	defer c.users.Done()
	c.once.Do(func() { c.open(&p) })
	switch {
	case c.err != nil && (errors.Is(c.err, fs.ErrNotExist) || errors.Is(c.err, fs.ErrPermission)):
		return gone(p.path, c.err)
	case c.err != nil:
		return c.err
	case c.print != p.print:
		return changed(p.path)
	case p.kind == placeParquet:
		return s.row(c.parquet, &p, body)
	case p.at[1] > s.maxBytes:
		return tooLarge(p.at[1])
	}
	body.Grow(int(p.at[1]))
	n, err := body.ReadFrom(io.NewSectionReader(c.file, p.at[0], p.at[1]))
	if err == nil && n < p.at[1] {
		return changed(p.path)
	}
	return err
}

func gone(path string, err error) error {
	return fmt.Errorf("%s %w (%v); put it back and run pairloom fetch --retry, or import the list again from where it is now", path, ErrGone, err)
}

func changed(path string) error {
	return fmt.Errorf("%s %w; import the list again, then run pairloom fetch --retry", path, ErrChanged)
}

func tooLarge(n int64) error { return fmt.Errorf("the picture has %d bytes; it %w", n, ErrTooLarge) }

// whole reads a file that is a picture.
func (s *Pictures) whole(p *place, body *bytes.Buffer) error {
	f, info, err := openFile(p.path)
	if err != nil {
		return gone(p.path, err)
	}
	defer f.Close()
	if info.Size() > s.maxBytes {
		return tooLarge(info.Size())
	}
	if print, err := fingerprint(f, info.Size(), pictureEnds); err != nil || print != p.print {
		return changed(p.path)
	}
	body.Grow(int(info.Size()))
	_, err = body.ReadFrom(io.LimitReader(f, info.Size()))
	return err
}

// row reads a cell of a Parquet file.
func (s *Pictures) row(f *cells.File, p *place, body *bytes.Buffer) error {
	return cells.Recovered(p.path, func() error {
		if p.at[0] >= int64(f.Footer.NumRowGroups()) || p.at[2] >= int64(f.Footer.MetaData().Schema.NumColumns()) {
			return errNoPlace
		}
		var r cells.Reader
		if err := r.Open(f, int(p.at[0]), int(p.at[2])); err != nil {
			return err
		}
		if err := r.Skip(p.at[1]); err != nil {
			return err
		}
		c, err := r.Next()
		switch {
		case err != nil:
			return fmt.Errorf("row group %d, row %d: %w", p.at[0], p.at[1], err)
		case c.Null:
			return fmt.Errorf("row group %d, row %d has no picture", p.at[0], p.at[1])
		case int64(len(c.Bytes)) > s.maxBytes:
			return tooLarge(int64(len(c.Bytes)))
		}
		body.Write(c.Bytes)
		return nil
	})
}

// container finds the open file, or begins with it; the caller must say Done to its
// users. The key is the fingerprint too, so that a list imported again from a file that
// was replaced is read from the new one.
func (s *Pictures) container(p *place) *container {
	key := fmt.Sprintf("%s %016x %s", p.kind, p.print, p.path)
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
