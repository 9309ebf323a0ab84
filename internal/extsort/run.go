package extsort

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
)

// mergeWidth is how many runs one merge reads.
const mergeWidth = 64

// runBuffer is the read and write buffer of one run.
const runBuffer = 256 << 10

// runWriter writes a sorted run: for each record the two sizes as uvarints,
// then key and value.
type runWriter struct {
	file *os.File
	w    *bufio.Writer
}

func newRun(dir string) (*runWriter, error) {
	f, err := Temporary(dir)
	if err != nil {
		return nil, err
	}
	return &runWriter{f, bufio.NewWriterSize(f, runBuffer)}, nil
}

func (r *runWriter) write(key, value []byte) error {
	var head [2 * binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(len(key)))
	n += binary.PutUvarint(head[n:], uint64(len(value)))
	r.w.Write(head[:n])
	r.w.Write(key)
	if _, err := r.w.Write(value); err != nil {
		return fmt.Errorf("spill to disk: %w", err)
	}
	return nil
}

func (r *runWriter) flush() error {
	if err := r.w.Flush(); err != nil {
		return fmt.Errorf("spill to disk: %w", err)
	}
	return nil
}

// runReader holds the front record of a run.
type runReader struct {
	r       *bufio.Reader
	record  []byte
	keySize int
}

func (r *runReader) key() []byte   { return r.record[:r.keySize] }
func (r *runReader) value() []byte { return r.record[r.keySize:] }

// next reads the following record; io.EOF at the end of the run.
func (r *runReader) next() error {
	keySize, err := binary.ReadUvarint(r.r)
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	var valSize uint64
	if err == nil {
		valSize, err = binary.ReadUvarint(r.r)
	}
	if err == nil {
		n := int(keySize + valSize)
		if cap(r.record) < n {
			r.record = make([]byte, n)
		}
		r.record, r.keySize = r.record[:n], int(keySize)
		_, err = io.ReadFull(r.r, r.record)
	}
	if err != nil {
		return fmt.Errorf("read what was spilled to disk: %w", err)
	}
	return nil
}

type runHeap []*runReader

func (h runHeap) Len() int { return len(h) }
func (h runHeap) Less(i, j int) bool {
	if c := bytes.Compare(h[i].key(), h[j].key()); c != 0 {
		return c < 0
	}
	return bytes.Compare(h[i].value(), h[j].value()) < 0
}
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)   { *h = append(*h, x.(*runReader)) }
func (h *runHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

func merge(files []*os.File) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		h := make(runHeap, 0, len(files))
		for _, f := range files {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				yield(Record{}, fmt.Errorf("read what was spilled to disk: %w", err))
				return
			}
			r := &runReader{r: bufio.NewReaderSize(f, runBuffer)}
			switch err := r.next(); {
			case err == nil:
				h = append(h, r)
			case !errors.Is(err, io.EOF):
				yield(Record{}, err)
				return
			}
		}
		heap.Init(&h)
		for len(h) > 0 {
			front := h[0]
			if !yield(Record{front.key(), front.value()}, nil) {
				return
			}
			switch err := front.next(); {
			case err == nil:
				heap.Fix(&h, 0)
			case errors.Is(err, io.EOF):
				heap.Pop(&h)
			default:
				yield(Record{}, err)
				return
			}
		}
	}
}
