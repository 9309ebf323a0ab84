package build

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/extsort"
)

// count is one key, a word or a phrase, and how often it occurs. Key is valid
// until the next step of the iteration.
type count struct {
	key []byte
	n   int64
}

// summed adds up the equal keys of a sorter, in the order of their bytes.
func summed(s *extsort.Sorter) iter.Seq2[count, error] {
	return func(yield func(count, error) bool) {
		var key []byte
		var n int64
		for rec, err := range s.Sorted() {
			if err == nil && n > 0 && !bytes.Equal(key, rec.Key) {
				if !yield(count{key, n}, nil) {
					return
				}
				n = 0
			}
			var more int64
			if err == nil {
				more, err = strconv.ParseInt(string(rec.Value), 10, 64)
			}
			if err != nil {
				yield(count{}, err)
				return
			}
			key = append(key[:0], rec.Key...)
			n += more
		}
		if n > 0 {
			yield(count{key, n}, nil)
		}
	}
}

// writeCounts writes counts to the file at path, whole or not at all: zstd over
// records of key size, key and count, sizes and counts as uvarints. A record of
// size 0 ends the file.
func writeCounts(path string, counts iter.Seq2[count, error]) error {
	return atomicfile.WriteStream(path, func(f io.Writer) error {
		z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(z, 256<<10)
		for c, err := range counts {
			if err != nil {
				return err
			}
			w.Write(binary.AppendUvarint(w.AvailableBuffer(), uint64(len(c.key))))
			w.Write(c.key)
			if _, err := w.Write(binary.AppendUvarint(w.AvailableBuffer(), uint64(c.n))); err != nil {
				return err
			}
		}
		w.WriteByte(0)
		if err := w.Flush(); err != nil {
			return err
		}
		return z.Close()
	})
}

// readCounts walks a file that writeCounts made.
func readCounts(path string) iter.Seq2[count, error] {
	return func(yield func(count, error) bool) {
		fail := func(err error) {
			yield(count{}, fmt.Errorf("read counts %s: %w; remove the folder and run again", path, err))
		}
		f, err := os.Open(path)
		if err != nil {
			fail(err)
			return
		}
		defer f.Close()
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			fail(err)
			return
		}
		defer z.Close()
		r := bufio.NewReaderSize(z, 64<<10)
		var key []byte
		for {
			size, err := binary.ReadUvarint(r)
			if err == nil && size == 0 {
				return
			}
			var n uint64
			if err == nil && size > 4*maxWordBytes {
				err = fmt.Errorf("a key of %d bytes", size)
			}
			if err == nil {
				key = append(key[:0], make([]byte, size)...)
				_, err = io.ReadFull(r, key)
			}
			if err == nil {
				n, err = binary.ReadUvarint(r)
			}
			if err != nil {
				if errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				fail(err)
				return
			}
			if !yield(count{key, int64(n)}, nil) {
				return
			}
		}
	}
}

// merged walks several files of counts as one, adding up equal keys.
func merged(paths []string) iter.Seq2[count, error] {
	return func(yield func(count, error) bool) {
		var h countHeap
		for _, p := range paths {
			next, stop := iter.Pull2(readCounts(p))
			defer stop()
			c, err, ok := next()
			if err != nil {
				yield(count{}, err)
				return
			}
			if ok {
				h = append(h, &countReader{c, next})
			}
		}
		heap.Init(&h)
		var key []byte
		var n int64
		for len(h) > 0 {
			front := h[0]
			if n > 0 && !bytes.Equal(key, front.key) {
				if !yield(count{key, n}, nil) {
					return
				}
				n = 0
			}
			key = append(key[:0], front.key...)
			n += front.n
			c, err, ok := front.next()
			switch {
			case err != nil:
				yield(count{}, err)
				return
			case ok:
				front.count = c
				heap.Fix(&h, 0)
			default:
				heap.Pop(&h)
			}
		}
		if n > 0 {
			yield(count{key, n}, nil)
		}
	}
}

type countReader struct {
	count
	next func() (count, error, bool)
}

type countHeap []*countReader

func (h countHeap) Len() int           { return len(h) }
func (h countHeap) Less(i, j int) bool { return bytes.Compare(h[i].key, h[j].key) < 0 }
func (h countHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *countHeap) Push(x any)        { *h = append(*h, x.(*countReader)) }
func (h *countHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
