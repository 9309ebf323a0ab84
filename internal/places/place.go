package places

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// A Place says where a picture lies. As text it is a word for the kind, the file's
// fingerprint, numbers and the file's path, with a space between:
//
//	file 1b2f5e0c9a8d7e61 - /data/cats/1.jpg            the whole file
//	bytes 1b2f5e0c9a8d7e61 1536+20480 /data/0.tar       20,480 bytes from byte 1536 on
//	parquet 1b2f5e0c9a8d7e61 3/17/2 /data/0.parquet     row group 3, row 17 of it, column 2
type Place struct {
	Kind  string
	Print uint64   // fingerprint of the file
	At    [3]int64 // see the kinds
	Path  string
}

// Kinds of places.
const (
	File    = "file"    // the whole file
	Bytes   = "bytes"   // At is the first byte, and how many there are
	Parquet = "parquet" // At is the row group, the row of it and the column
)

// String is the place as text.
func (p Place) String() string {
	where := "-"
	switch p.Kind {
	case Bytes:
		where = fmt.Sprintf("%d+%d", p.At[0], p.At[1])
	case Parquet:
		where = fmt.Sprintf("%d/%d/%d", p.At[0], p.At[1], p.At[2])
	}
	return fmt.Sprintf("%s %016x %s %s", p.Kind, p.Print, where, p.Path)
}

// Where is the place for people.
func (p Place) Where() string {
	switch p.Kind {
	case Bytes:
		return fmt.Sprintf("%s, bytes %d to %d,", p.Path, p.At[0], p.At[0]+p.At[1])
	case Parquet:
		return fmt.Sprintf("%s, row group %d, row %d,", p.Path, p.At[0], p.At[1])
	}
	return p.Path
}

var errNoPlace = errors.New("is no place of a picture")

// Parse reads what [Place.String] wrote.
func Parse(text string) (p Place, err error) {
	fields := strings.SplitN(text, " ", 4)
	if len(fields) != 4 {
		return p, fmt.Errorf("%.100q %w", text, errNoPlace)
	}
	p.Kind, p.Path = fields[0], fields[3]
	if p.Print, err = strconv.ParseUint(fields[1], 16, 64); err != nil {
		return p, fmt.Errorf("%.100q %w", text, errNoPlace)
	}
	var numbers []string
	switch p.Kind {
	case Bytes:
		numbers = strings.Split(fields[2], "+")
	case Parquet:
		numbers = strings.Split(fields[2], "/")
	}
	if want := map[string]int{File: 0, Bytes: 2, Parquet: 3}; p.Path == "" || len(numbers) != want[p.Kind] || want[p.Kind] == 0 && p.Kind != File {
		return p, fmt.Errorf("%.100q %w", text, errNoPlace)
	}
	for i, n := range numbers {
		if p.At[i], err = strconv.ParseInt(n, 10, 64); err != nil || p.At[i] < 0 {
			return p, fmt.Errorf("%.100q %w", text, errNoPlace)
		}
	}
	return p, nil
}

// What of a file's two ends goes into its fingerprint: of one that is a picture less,
// since there are many.
const (
	ContainerEnds = 64 << 10
	PictureEnds   = 4 << 10
)

// Fingerprint tells a file of so many bytes from others by its length and both ends.
func Fingerprint(f io.ReaderAt, size, ends int64) (uint64, error) {
	d := xxhash.New()
	fmt.Fprintf(d, "%d\n", size)
	for _, at := range []int64{0, max(0, size-ends)} {
		if _, err := io.Copy(d, io.NewSectionReader(f, at, ends)); err != nil {
			return 0, err
		}
	}
	return d.Sum64(), nil
}

// Open opens a file, and nothing else: a pipe would wait for its other end.
func Open(path string) (*os.File, os.FileInfo, error) {
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
