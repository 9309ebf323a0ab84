package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Bounds on what the zstd frames of a file can make a reader hold.
const (
	maxZstdWindow     = 128 << 20
	maxZstdDictionary = 16 << 20
)

// coding is how a member is stored.
type coding int

const (
	plain coding = iota
	gzipped
	zstandard
	skippable // a zstd frame without data, such as a dictionary
)

const longestMagic = 4

// codingOf tells by the first bytes.
func codingOf(b []byte) coding {
	switch {
	case len(b) >= 4 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8 && b[3] < 0x20: // RFC 1952, 2.3
		return gzipped
	case len(b) < 4:
	case binary.LittleEndian.Uint32(b) == 0xFD2FB528: // RFC 8878, 3.1.1
		return zstandard
	case binary.LittleEndian.Uint32(b)&^15 == 0x184D2A50: // RFC 8878, 3.1.2
		return skippable
	}
	return plain
}

// members opens the members of a file one after another.
type members struct {
	tape *tape
	gzip *gzip.Reader
	zstd *zstd.Decoder
	dict []byte // of the file's zstd frames
	text bytes.Reader
}

// open returns the content of the member at the tape's position, which ends with
// io.EOF where the member does and leaves the tape behind it.
func (m *members) open(c coding) (io.Reader, error) {
	if c == gzipped {
		return m.openGzip(m.tape.Reader)
	}
	return m.openFrame(m.tape.Reader)
}

func (m *members) openGzip(in io.Reader) (io.Reader, error) {
	if m.gzip == nil {
		m.gzip = new(gzip.Reader)
	}
	if err := m.gzip.Reset(in); err != nil {
		return nil, err
	}
	m.gzip.Multistream(false)
	return m.gzip, nil
}

func (m *members) openFrame(in *bufio.Reader) (io.Reader, error) {
	frame := &frameReader{r: in}
	if m.zstd == nil {
		options := []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow)}
		if m.dict != nil {
			options = append(options, zstd.WithDecoderDicts(m.dict))
		}
		d, err := zstd.NewReader(nil, options...)
		if err != nil {
			return nil, fmt.Errorf("dictionary: %w", err)
		}
		m.zstd = d
	}
	if err := m.zstd.Reset(frame); err != nil {
		return nil, err
	}
	return zstdMember{m.zstd, frame}, nil
}

// peekMember fills content with what the gzip member that text begins with begins with,
// as far as text goes, and tells how many bytes of text that took.
func (m *members) peekMember(text, content []byte) ([]byte, int) {
	m.text.Reset(text)
	n := 0
	if in, err := m.openGzip(&m.text); err == nil {
		n, _ = io.ReadFull(in, content)
	}
	return content[:n], len(text) - m.text.Len()
}

// peekFrame does that with a frame of zstd.
func (m *members) peekFrame(text, content []byte) ([]byte, int) {
	m.text.Reset(text)
	n := 0
	if in, err := m.openFrame(bufio.NewReader(&m.text)); err == nil {
		n, _ = io.ReadFull(in, content)
	}
	return content[:n], len(text) - m.text.Len()
}

// zstdMember reads a frame to its very end, checksum included.
type zstdMember struct {
	*zstd.Decoder
	frame *frameReader
}

func (z zstdMember) Read(p []byte) (int, error) {
	n, err := z.Decoder.Read(p)
	if err == io.EOF && !z.frame.ended {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (m *members) close() {
	if m.zstd != nil {
		m.zstd.Close()
	}
}

// skip passes over a frame without data. A dictionary is kept
// (iipc.github.io/warc-specifications, WARC-ZSTD: magic number 0x184D2A5D).
func (m *members) skip() error {
	var head [8]byte
	if _, err := io.ReadFull(m.tape.Reader, head[:]); err != nil {
		return err
	}
	size := int(binary.LittleEndian.Uint32(head[4:]))
	if head[0] != 0x5D || size > maxZstdDictionary {
		_, err := m.tape.Discard(size)
		return err
	}
	dict := make([]byte, size)
	if _, err := io.ReadFull(m.tape.Reader, dict); err != nil {
		return err
	}
	if codingOf(dict) == zstandard {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxZstdDictionary))
		if err != nil {
			return err
		}
		defer d.Close()
		if dict, err = d.DecodeAll(dict, nil); err != nil {
			return err
		}
	}
	m.close()
	m.zstd, m.dict = nil, dict
	return nil
}

// frameReader passes on one zstd frame (RFC 8878, 3.1.1) and ends behind it.
type frameReader struct {
	r      *bufio.Reader
	left   int // bytes of the piece under way
	last   bool
	sum    bool // a checksum follows the last block
	begun  bool
	ended  bool
	failed error
}

var errFrame = errors.New("not a zstd frame")

func (f *frameReader) Read(p []byte) (int, error) {
	for f.left == 0 {
		if f.failed == nil {
			f.failed = f.piece()
		}
		if f.failed != nil {
			return 0, f.failed
		}
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	f.left -= n
	if err == io.EOF && f.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// piece finds the length of the frame's next piece: header, block or checksum.
func (f *frameReader) piece() error {
	switch {
	case !f.begun:
		f.begun = true
		b, err := f.r.Peek(zstd.HeaderMaxSize)
		var h zstd.Header
		if herr := h.Decode(b); herr != nil || h.Skippable {
			if err != nil && err != io.EOF {
				return err
			}
			return errFrame
		}
		f.left, f.sum = h.HeaderSize, h.HasCheckSum
	case f.last && f.sum:
		f.left, f.sum = 4, false
	case f.last:
		f.ended = true
		return io.EOF
	default:
		b, err := f.r.Peek(3)
		if err != nil {
			return io.ErrUnexpectedEOF
		}
		word := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		f.last = word&1 == 1
		f.left = 3 + word>>3
		if word>>1&3 == 1 { // a byte to repeat
			f.left = 4
		}
	}
	return nil
}

// beginsRecord tells whether text is the beginning of a record of some archive.
func beginsRecord(text []byte) bool {
	return bytes.HasPrefix(text, []byte("WARC/")) || bytes.HasPrefix(text, []byte("filedesc://"))
}
