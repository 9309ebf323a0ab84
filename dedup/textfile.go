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

// storedText is a text with the number of its group and the id of what has it, within
// a buffer of what was read of a textFile.
type storedText struct {
	group, id uint64
	text      []byte

	room   int // of the buffer, at first
	buffer []byte
	begin  int64 // of the buffer in the file
	filled int
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
	// Room of a storedText, in bytes, for texts that are read here and there, of which
	// most are shorter, and for those that are read in order.
	textRoom  = 512
	orderRoom = 64 << 10
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

// read reads the text at a place into t, and as much behind it as t has room for, so
// that texts which follow one another are read together.
func (f *textFile) read(at uint64, t *storedText) error {
	offset := int64(at * placeSize)
	from := offset - t.begin // in the buffer
	if from < 0 || from+textHeader > int64(t.filled) || from+textHeader+textSize(t.buffer[from:]) > int64(t.filled) {
		if err := f.fill(offset, t); err != nil {
			return err
		}
		from = 0
	}
	b := t.buffer[from:]
	t.group, t.id = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	t.text = b[textHeader : textHeader+textSize(b)]
	return nil
}

// textSize is the size of a text by its header.
func textSize(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b[16:])) }

// fill reads from offset on, the whole text there at least.
func (f *textFile) fill(offset int64, t *storedText) error {
	if t.buffer == nil {
		t.buffer = make([]byte, t.room)
	}
	n, err := f.file.ReadAt(t.buffer, offset)
	if err != nil && !(errors.Is(err, io.EOF) && n >= textHeader) {
		return fmt.Errorf("read what was spilled to disk: %w", err)
	}
	if missing := textHeader + int(textSize(t.buffer)) - n; missing > 0 {
		t.buffer = append(t.buffer[:n], make([]byte, missing)...)
		if _, err := f.file.ReadAt(t.buffer[n:], offset+int64(n)); err != nil {
			return fmt.Errorf("read what was spilled to disk: %w", err)
		}
		n = len(t.buffer)
	}
	t.begin, t.filled = offset, n
	return nil
}

func (f *textFile) close() {
	if f.file != nil {
		f.file.Close()
	}
}
