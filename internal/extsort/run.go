package extsort

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// mergeWidth is how many runs one merge reads.
const mergeWidth = 64

// Buffers of one run: for writing, and bounds of those for reading, which share
// the sorter's memory.
const (
	runBuffer   = 256 << 10
	leastBuffer = 4 << 10
)

// appendRecord appends a record as runs, spools and sorters keep it: the two
// sizes as uvarints, then key and value.
func appendRecord(b, key, value []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(append(b, key...), value...)
}

// runWriter writes a sorted run.
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

// write takes what appendRecord wrote.
func (r *runWriter) write(wire []byte) error {
	if _, err := r.w.Write(wire); err != nil {
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

// runReader holds the front record of a run, within its buffer.
type runReader struct {
	file   io.Reader
	buffer []byte
	at     int // the next record, or what is there of it
	end    int // of what was read
	front  Record
	prefix uint64 // the first eight bytes of the front's key
}

func newRunReader(f io.Reader, buffer int) runReader {
	return runReader{file: f, buffer: make([]byte, buffer)}
}

// next reads the following record; io.EOF at the end of the run.
func (r *runReader) next() error {
	for {
		b := r.buffer[r.at:r.end]
		keySize, n := binary.Uvarint(b)
		valSize, m := uint64(0), 0
		if n > 0 {
			valSize, m = binary.Uvarint(b[n:])
		}
		need := 2 * binary.MaxVarintLen64
		if n > 0 && m > 0 {
			start, middle := n+m, n+m+int(keySize)
			need = middle + int(valSize)
			if need <= len(b) {
				r.front = Record{b[start:middle:middle], b[middle:need:need]}
				r.at += need
				var head [8]byte
				copy(head[:], r.front.Key)
				r.prefix = binary.BigEndian.Uint64(head[:])
				return nil
			}
		} else if n < 0 || m < 0 {
			return errors.New("read what was spilled to disk: a record's size is no number")
		}
		if err := r.more(need); err != nil {
			return err
		}
	}
}

// more reads on, so that there are need bytes of the next record if the run has
// them.
func (r *runReader) more(need int) error {
	left := copy(r.buffer, r.buffer[r.at:r.end])
	r.at, r.end = 0, left
	if need > len(r.buffer) {
		r.buffer = append(r.buffer[:left], make([]byte, need-left)...)
	}
	n, err := io.ReadAtLeast(r.file, r.buffer[left:], 1)
	r.end += n
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) && left == 0:
		return io.EOF
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read what was spilled to disk: %w", err)
}

// before tells whether r's front comes before o's.
func (r *runReader) before(o *runReader) bool {
	if r.prefix != o.prefix {
		return r.prefix < o.prefix
	}
	return compare(r.front, o.front) < 0
}

// siftAt moves reader i of a heap down to its place.
func siftAt(heap []*runReader, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1].before(heap[child]) {
			child++
		}
		if !heap[child].before(heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// merge walks the records of all runs in order, with buffers of about memory
// bytes together.
func merge(files []*os.File, memory int) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		buffer := min(max(memory/len(files), leastBuffer), runBuffer)
		var heap []*runReader
		for _, f := range files {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				yield(Record{}, fmt.Errorf("read what was spilled to disk: %w", err))
				return
			}
			r := newRunReader(f, buffer)
			switch err := r.next(); {
			case err == nil:
				heap = append(heap, &r)
			case !errors.Is(err, io.EOF):
				yield(Record{}, err)
				return
			}
		}
		for i := len(heap)/2 - 1; i >= 0; i-- {
			siftAt(heap, i)
		}
		for len(heap) > 0 {
			if !yield(heap[0].front, nil) {
				return
			}
			switch err := heap[0].next(); {
			case err == nil:
			case errors.Is(err, io.EOF):
				heap[0] = heap[len(heap)-1]
				heap = heap[:len(heap)-1]
			default:
				yield(Record{}, err)
				return
			}
			siftAt(heap, 0)
		}
	}
}
