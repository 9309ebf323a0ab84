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
//	request:  "PLQ2" | mode u8 | always u8 | format u8 | quality u8 | size u32 | max pixels u64 | n u32 | n bytes
//	response: "PLR2" | 6 texts | 4 x u32 sides | frames u32 | spread u32 | hash u64 | n u32 | n bytes
//
// where a text is a u16 length with that many bytes: reason, detail, original format,
// format, licence and credit; the sides are width and height of the picture that is
// kept, then those of the original. Of a picture that is kept as it came, the response
// has no bytes.
const (
	helloMagic    = "PLH2"
	requestMagic  = "PLQ2"
	responseMagic = "PLR2"

	// maxFrameBytes bounds the picture in one frame; a longer length is a sign
	// that the two ends have lost each other.
	maxFrameBytes = 256 << 20
)

var errProtocol = errors.New("bytes are not of the picture protocol")

// request asks a child for one picture.
type request struct {
	mode      Mode
	always    bool
	format    string
	quality   uint8
	size      uint32 // pixels
	maxPixels uint64
	original  []byte
}

// appendRequest appends the frame of r without the picture's own bytes, which
// the caller writes next: they may be megabytes and need no second copy.
func appendRequest(b []byte, r *request) []byte {
	b = append(b, requestMagic...)
	always := uint8(0)
	if r.always {
		always = 1
	}
	b = append(b, modeCodes[r.mode], always, formatCodes[r.format], r.quality)
	b = binary.LittleEndian.AppendUint32(b, r.size)
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
	r := request{
		mode: keyOf(modeCodes, h[4]), always: h[5] == 1, format: keyOf(formatCodes, h[6]), quality: h[7],
		size: binary.LittleEndian.Uint32(h[8:]), maxPixels: binary.LittleEndian.Uint64(h[12:]),
	}
	if string(h[:4]) != requestMagic || r.mode == "" || r.format == "" || h[5] > 1 {
		return request{}, fmt.Errorf("read request: %w", errProtocol)
	}
	var err error
	r.original, err = readBytes(in, binary.LittleEndian.Uint32(h[20:]), buf)
	if err != nil {
		return request{}, fmt.Errorf("read request: %w", err)
	}
	return r, nil
}

// keyOf is what has the code; "" when nothing has.
func keyOf[K ~string](codes map[K]uint8, code uint8) K {
	for k, c := range codes {
		if c == code {
			return k
		}
	}
	return ""
}

// texts are those of a response, in their order.
func (r *Result) texts() []*string {
	return []*string{&r.Reason, &r.Detail, &r.OriginalFormat, &r.Format, &r.License, &r.Credit}
}

// numbers are those of a response, in their order.
func (r *Result) numbers() []*int {
	return []*int{&r.Width, &r.Height, &r.OriginalWidth, &r.OriginalHeight, &r.Frames, &r.Spread}
}

// appendResponse appends the frame of r, picture and all.
func appendResponse(b []byte, r *Result) []byte {
	b = append(b, responseMagic...)
	for _, s := range r.texts() {
		s := (*s)[:min(len(*s), 0xffff)]
		b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	for _, n := range r.numbers() {
		b = binary.LittleEndian.AppendUint32(b, uint32(*n))
	}
	b = binary.LittleEndian.AppendUint64(b, r.PHash)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Bytes)))
	return append(b, r.Bytes...)
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
	for _, s := range r.texts() {
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
	var h [36]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return Result{}, unexpected(err)
	}
	for i, n := range r.numbers() {
		*n = int(binary.LittleEndian.Uint32(h[4*i:]))
	}
	r.PHash = binary.LittleEndian.Uint64(h[24:])
	var err error
	r.Bytes, err = readBytes(in, binary.LittleEndian.Uint32(h[32:]), nil)
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
