package build

import (
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"
)

// chunkBytes is the size in which a dump's text goes from decompression to the
// splitter.
const chunkBytes = 1 << 20

// blockMark begins a block of bzip2: six bytes with the digits of pi. After "BZh"
// and the block size it begins a stream. Ten such bytes stand by chance in one of
// 10^23 places, and a stream that is cut in the wrong place is an error.
var blockMark = []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}

// chunk is a piece of a dump's text, or why there is none.
type chunk struct {
	data []byte
	read int64 // bytes of the file that were used up to here
	err  error
}

// segment is a bzip2 stream of a dump file.
type segment struct {
	start, end int64
	out        chan chunk
}

// readDump gives the text of the dump in f, in order, to take. Streams of a
// multistream bzip2 file are decompressed by workers side by side; at most two
// streams a worker, with four chunks each, wait to be taken.
func readDump(ctx context.Context, f *os.File, workers int, take func(data []byte, read int64) error) error {
	head := make([]byte, 3)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if !bytes.Equal(head[:n], []byte("BZh")) {
		return readPlain(ctx, f, take)
	}
	g, ctx := errgroup.WithContext(ctx)
	jobs := make(chan *segment, 2*workers)
	order := make(chan *segment, 2*workers)
	g.Go(func() error {
		defer close(jobs)
		defer close(order)
		return findStreams(f, func(start, end int64) error {
			s := &segment{start, end, make(chan chunk, 4)}
			for _, to := range []chan *segment{order, jobs} {
				select {
				case to <- s:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	for range workers {
		g.Go(func() error {
			for s := range jobs {
				if err := decompress(ctx, f, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		for s := range order {
			for {
				var c chunk
				var more bool
				select {
				case c, more = <-s.out:
				case <-ctx.Done():
					return ctx.Err()
				}
				if !more {
					break
				}
				if c.err != nil {
					return c.err
				}
				if err := take(c.data, c.read); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return g.Wait()
}

// decompress sends the text of one stream.
func decompress(ctx context.Context, f *os.File, s *segment) error {
	defer close(s.out)
	counted := &countingReader{r: io.NewSectionReader(f, s.start, s.end-s.start)}
	r := bzip2.NewReader(counted)
	for {
		data := make([]byte, chunkBytes)
		n, err := io.ReadFull(r, data)
		c := chunk{data: data[:n], read: s.start + counted.n}
		end := errors.Is(err, io.EOF) || err == io.ErrUnexpectedEOF && counted.n == s.end-s.start && complete(r)
		if err != nil && !end {
			c.err = fmt.Errorf("read %s: the bzip2 stream at byte %d is cut or damaged near byte %d (%w); fetch the file again",
				f.Name(), s.start, s.start+counted.n, err)
		}
		select {
		case s.out <- c:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return nil
		}
	}
}

// complete tells whether r is at a clean end: io.ReadFull calls any end within
// its buffer unexpected, be it clean or not.
func complete(r io.Reader) bool {
	_, err := r.Read(make([]byte, 1))
	return errors.Is(err, io.EOF) && err != io.ErrUnexpectedEOF
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func readPlain(ctx context.Context, f *os.File, take func([]byte, int64) error) error {
	var read int64
	for {
		data := make([]byte, chunkBytes)
		n, err := f.ReadAt(data, read)
		read += int64(n)
		if n > 0 {
			if err := take(data[:n], read); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Name(), err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// findStreams calls found for each bzip2 stream of f, in order.
func findStreams(f *os.File, found func(start, end int64) error) error {
	const mark = 10
	start, at := int64(-1), int64(0)
	buf := make([]byte, 0, chunkBytes+mark)
	for {
		n, err := f.ReadAt(buf[len(buf):cap(buf)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", f.Name(), err)
		}
		base := at - int64(len(buf))
		buf = buf[:len(buf)+n]
		at += int64(n)
		for i := 4; ; {
			j := bytes.Index(buf[min(i, len(buf)):], blockMark)
			if j < 0 {
				break
			}
			i += j
			if h := buf[i-4 : i]; string(h[:3]) == "BZh" && '1' <= h[3] && h[3] <= '9' {
				here := base + int64(i) - 4
				if start >= 0 && here > start {
					if err := found(start, here); err != nil {
						return err
					}
				}
				start = here
			}
			i++
		}
		if errors.Is(err, io.EOF) {
			if start < 0 {
				start = 0
			}
			return found(start, at)
		}
		// What could begin a mark is looked at again with what follows.
		keep := min(mark-1, len(buf))
		copy(buf, buf[len(buf)-keep:])
		buf = buf[:keep]
	}
}
