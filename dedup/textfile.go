package dedup

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pairloom/pairloom/internal/extsort"
)

// storedText is a text with the number of its group and the id of what has it.
type storedText struct {
	group, id uint64
	text      []byte
	buffer    []byte
}

// textFile keeps texts on disk, each at a place of placeSize bytes and those after it.
type textFile struct {
	file *os.File
	w    *bufio.Writer
	size int64
}

const (
	placeSize  = 16
	textHeader = 20
	readAhead  = 512 // bytes; most texts are shorter
)

func (f *textFile) create(dir string) (err error) {
	if f.file, err = extsort.Temporary(dir); err == nil {
		f.w = bufio.NewWriterSize(f.file, 256<<10)
	}
	return err
}

// places is how many there are.
func (f *textFile) places() uint64 { return uint64(f.size / placeSize) }

// add returns the place of the text.
func (f *textFile) add(group, id uint64, text []byte) (at uint64, err error) {
	var head [textHeader]byte
	binary.LittleEndian.PutUint64(head[:], group)
	binary.LittleEndian.PutUint64(head[8:], id)
	binary.LittleEndian.PutUint32(head[16:], uint32(len(text)))
	at = f.places()
	size := (textHeader + len(text) + placeSize - 1) / placeSize * placeSize
	f.w.Write(head[:])
	f.w.Write(text)
	var zeros [placeSize]byte
	if _, err := f.w.Write(zeros[:size-textHeader-len(text)]); err != nil {
		return 0, fmt.Errorf("spill to disk: %w", err)
	}
	f.size += int64(size)
	return at, nil
}

// flush ends the adding.
func (f *textFile) flush() error {
	if err := f.w.Flush(); err != nil {
		return fmt.Errorf("spill to disk: %w", err)
	}
	return nil
}

// read reads the text at a place.
func (f *textFile) read(at uint64, t *storedText) error {
	if len(t.buffer) < readAhead {
		t.buffer = make([]byte, readAhead)
	}
	n, err := f.file.ReadAt(t.buffer, int64(at*placeSize))
	if err != nil && !(errors.Is(err, io.EOF) && n >= textHeader) {
		return fmt.Errorf("read what was spilled to disk: %w", err)
	}
	size := int(binary.LittleEndian.Uint32(t.buffer[16:]))
	if missing := textHeader + size - n; missing > 0 {
		t.buffer = append(t.buffer[:n], make([]byte, missing)...)
		if _, err := f.file.ReadAt(t.buffer[n:], int64(at*placeSize)+int64(n)); err != nil {
			return fmt.Errorf("read what was spilled to disk: %w", err)
		}
	}
	t.group, t.id = binary.LittleEndian.Uint64(t.buffer), binary.LittleEndian.Uint64(t.buffer[8:])
	t.text = t.buffer[textHeader : textHeader+size]
	return nil
}

func (f *textFile) close() {
	if f.file != nil {
		f.file.Close()
	}
}
