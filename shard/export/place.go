package export

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"strings"
)

// A place is a folder or a bucket that an export lies in. Names are paths below it, with
// slashes. Its methods may be called from several goroutines.
type place interface {
	// String is what people call it; no key or token is in it.
	String() string
	// list walks the files whose names begin with prefix.
	list(ctx context.Context, prefix string) iter.Seq2[entry, error]
	// create begins a file that appears whole or not at all. A small one of many is
	// durable after the next sync only.
	create(ctx context.Context, name string, small bool) (output, error)
	open(ctx context.Context, name string) (input, error)
	// copyFile gives a file a second name, move another.
	copyFile(ctx context.Context, from, to string) error
	move(ctx context.Context, from, to string) error
	remove(ctx context.Context, name string) error
	// sync makes durable what small files there are.
	sync() error
	close() error
}

// entry is a file that is there.
type entry struct {
	name string
	size int64
}

// output is a file that is being written: one of Commit and Discard ends it.
type output interface {
	io.Writer
	Commit() error
	Discard()
}

// input is a file that is being read, from its start by Read, or anywhere.
type input interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64
}

// ErrInUse is wrapped when another export writes to the place.
var ErrInUse = fmt.Errorf("another export writes there")

// openPlace opens a folder, or a bucket by its address. To write is to keep others from
// writing, where that can be done.
func openPlace(ctx context.Context, to string, write bool) (place, error) {
	scheme, _, bucket := strings.Cut(to, "://")
	if !bucket {
		return openLocal(to, write)
	}
	u, err := url.Parse(to)
	if err != nil { // which may hold a password: it is not shown
		return nil, refused("the destination is no address that can be read; give a folder, or s3://BUCKET/PREFIX")
	}
	if u.User != nil {
		return nil, refused("the address of the bucket %s holds a name or a password; keys come from the environment alone", u.Host)
	}
	if scheme != u.Scheme || u.Host == "" {
		return nil, refused("%s names no bucket; give a folder, or s3://BUCKET/PREFIX", to)
	}
	return openBucket(ctx, u)
}

// ReadFile reads a small file of a place, such as the record; the error of one that is
// not there is fs.ErrNotExist.
func readFile(ctx context.Context, p place, name string) ([]byte, error) {
	in, err := p.open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(in)
}

// writeFile writes a small file.
func writeFile(ctx context.Context, p place, name string, data []byte) error {
	out, err := p.create(ctx, name, false)
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		out.Discard()
		return err
	}
	return out.Commit()
}

// faultAt is an error of one object, and what to do.
func faultAt(p place, verb, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w; run again to go on", verb, strings.TrimSuffix(p.String(), "/")+"/"+name, err)
}

// safeName tells a name that leads nowhere but below the place.
func safeName(name string) bool {
	return fs.ValidPath(name) && name != "." && !strings.Contains(name, "\\")
}

// seeker is an input that knows its end, as the reader of Parquet files asks for it.
type seeker struct{ input }

// Seek goes no further than to tell where a file ends.
func (s seeker) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return s.Size() + offset, nil
	}
	return offset, nil
}
