package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A child first writes the four bytes of helloMagic: it started and has libvips.
// After that the pipes carry frames, all numbers little-endian:
//
//	request:  "PLQ1" | short side u32 | quality u32 | max pixels u64 | n u32 | n bytes
//	response: "PLR1" | reason | detail | format | 4 x u32 sides | hash u64 | n u32 | n bytes
//
// where reason, detail and format are a u16 length with that many bytes, and
// the sides are width and height of the JPEG, then those of the original.
const (
	helloMagic    = "PLH1"
	requestMagic  = "PLQ1"
	responseMagic = "PLR1"

	// maxFrameBytes bounds the picture in one frame; a longer length is a sign
	// that the two ends have lost each other.
	maxFrameBytes = 256 << 20
)

var errProtocol = errors.New("bytes are not of the picture protocol")

// request asks a child for one picture.
type request struct {
	shortSide uint32 // pixels
	quality   uint32 // of the JPEG, 1 to 100
	maxPixels uint64
	original  []byte
}

// appendRequest appends the frame of r without the picture's own bytes, which
// the caller writes next: they may be megabytes and need no second copy.
func appendRequest(b []byte, r *request) []byte {
	b = append(b, requestMagic...)
	b = binary.LittleEndian.AppendUint32(b, r.shortSide)
	b = binary.LittleEndian.AppendUint32(b, r.quality)
	b = binary.LittleEndian.AppendUint64(b, r.maxPixels)
	return binary.LittleEndian.AppendUint32(b, uint32(len(r.original)))
}

// readRequest reads one frame. The picture's bytes use buf while it has room.
// The error is io.EOF when the input ends between frames.
func readRequest(in io.Reader, buf []byte) (request, error) {
	var h [24]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return request{}, err
	}
	if string(h[:4]) != requestMagic {
		return request{}, fmt.Errorf("read request: %w", errProtocol)
	}
	r := request{
		shortSide: binary.LittleEndian.Uint32(h[4:]),
		quality:   binary.LittleEndian.Uint32(h[8:]),
		maxPixels: binary.LittleEndian.Uint64(h[12:]),
	}
	var err error
	r.original, err = readBytes(in, binary.LittleEndian.Uint32(h[20:]), buf)
	if err != nil {
		return request{}, fmt.Errorf("read request: %w", err)
	}
	return r, nil
}

// appendResponse appends the frame of r, picture and all.
func appendResponse(b []byte, r *Result) []byte {
	b = append(b, responseMagic...)
	for _, s := range []string{r.Reason, r.Detail, r.OriginalFormat} {
		s = s[:min(len(s), 0xffff)]
		b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	for _, n := range []int{r.Width, r.Height, r.OriginalWidth, r.OriginalHeight} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	b = binary.LittleEndian.AppendUint64(b, r.PHash)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.JPEG)))
	return append(b, r.JPEG...)
}

// readResponse reads one frame.
func readResponse(in io.Reader) (Result, error) {
	r, err := readResponseFrame(in)
	if err != nil {
		return Result{}, fmt.Errorf("read response: %w", err)
	}
	return r, nil
}

func readResponseFrame(in io.Reader) (Result, error) {
	var magic [4]byte
	if _, err := io.ReadFull(in, magic[:]); err != nil {
		return Result{}, err
	}
	if string(magic[:]) != responseMagic {
		return Result{}, errProtocol
	}
	var r Result
	for _, s := range []*string{&r.Reason, &r.Detail, &r.OriginalFormat} {
		var n [2]byte
		if _, err := io.ReadFull(in, n[:]); err != nil {
			return Result{}, unexpected(err)
		}
		b := make([]byte, binary.LittleEndian.Uint16(n[:]))
		if _, err := io.ReadFull(in, b); err != nil {
			return Result{}, unexpected(err)
		}
		*s = string(b)
	}
	var h [28]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return Result{}, unexpected(err)
	}
	for i, n := range []*int{&r.Width, &r.Height, &r.OriginalWidth, &r.OriginalHeight} {
		*n = int(binary.LittleEndian.Uint32(h[4*i:]))
	}
	r.PHash = binary.LittleEndian.Uint64(h[16:])
	var err error
	r.JPEG, err = readBytes(in, binary.LittleEndian.Uint32(h[24:]), nil)
	return r, err
}

// readBytes reads n bytes into buf while it has room, growing by what really
// arrives, so that a wrong length does not cost its size in memory.
func readBytes(in io.Reader, n uint32, buf []byte) ([]byte, error) {
	if n > maxFrameBytes {
		return nil, fmt.Errorf("%w: a picture of %d bytes", errProtocol, n)
	}
	buf = buf[:0]
	const step = 1 << 20
	for len(buf) < int(n) {
		from := len(buf)
		want := min(int(n)-from, step)
		if cap(buf) < from+want {
			grown := make([]byte, from, max(2*from, from+want))
			copy(grown, buf)
			buf = grown
		}
		buf = buf[:from+want]
		if _, err := io.ReadFull(in, buf[from:]); err != nil {
			return nil, unexpected(err)
		}
	}
	return buf, nil
}

// unexpected names an end of input inside a frame for what it is.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
