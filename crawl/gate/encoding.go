package gate

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// acceptEncoding names the content codings that are read, for the request.
const acceptEncoding = "gzip, deflate, br, zstd"

// zstdWindow is the most memory that RFC 9659 lets a zstd response ask for.
const zstdWindow = 8 << 20

// errEncoding marks bytes that are not of the content coding they are said to
// have.
var errEncoding = errors.New("body is not of its Content-Encoding")

// contentCoding names the codings of a response besides identity, lower case, in the
// order in which they were applied; "" for none.
func contentCoding(h http.Header) string {
	var codings []string
	for _, line := range h.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "" && coding != "identity" {
				codings = append(codings, coding)
			}
		}
	}
	return strings.Join(codings, ", ")
}

// maxCodings are undone of one response.
const maxCodings = 3

// undo returns body without the codings that contentCoding names, the last first
// (RFC 9110, 8.4); false where one of them is not read, or there are too many.
func undo(body io.ReadCloser, codings string) (io.ReadCloser, bool) {
	names := strings.Split(codings, ", ")
	if len(names) > maxCodings {
		return body, false
	}
	for _, coding := range names {
		if decoder(coding) == nil {
			return body, false
		}
	}
	for _, coding := range slices.Backward(names) {
		body = newDecodedBody(body, decoder(coding))
	}
	return body, true
}

// decoder returns what opens a stream of a content coding (RFC 9110, 8.4.1);
// nil for one that is not read.
func decoder(coding string) func(*bufio.Reader) (io.ReadCloser, error) {
	switch coding {
	case "gzip", "x-gzip": // the same by RFC 9110, 8.4.1.3
		return func(r *bufio.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }
	case "deflate":
		return func(r *bufio.Reader) (io.ReadCloser, error) {
			// The standard means zlib, and some servers send what is inside it. A
			// zlib header is a multiple of 31 (RFC 1950, 2.2).
			h, _ := r.Peek(2)
			if len(h) == 2 && h[0]&0x0f == 8 && (int(h[0])<<8|int(h[1]))%31 == 0 {
				return zlib.NewReader(r)
			}
			return flate.NewReader(r), nil
		}
	case "br":
		return func(r *bufio.Reader) (io.ReadCloser, error) { return io.NopCloser(brotli.NewReader(r)), nil }
	case "zstd":
		return func(r *bufio.Reader) (io.ReadCloser, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		}
	}
	return nil
}

// decodedBody undoes a content coding while it is read, so that no more is
// decoded than the caller takes.
type decodedBody struct {
	raw  *rawBody
	open func(*bufio.Reader) (io.ReadCloser, error)
	in   io.ReadCloser // nil before the first byte
}

func newDecodedBody(body io.ReadCloser, open func(*bufio.Reader) (io.ReadCloser, error)) *decodedBody {
	return &decodedBody{raw: &rawBody{ReadCloser: body}, open: open}
}

func (b *decodedBody) Read(p []byte) (int, error) {
	if b.in == nil {
		r := bufio.NewReader(b.raw)
		if _, err := r.Peek(1); err != nil { // no body is none in any coding
			return 0, err
		}
		in, err := b.open(r)
		if err != nil {
			return 0, b.blame(err)
		}
		b.in = in
	}
	n, err := b.in.Read(p)
	return n, b.blame(err)
}

// blame tells a fault of the connection from one of the bytes.
func (b *decodedBody) blame(err error) error {
	switch {
	case err == nil, err == io.EOF:
		return err
	case b.raw.err != nil:
		return b.raw.err
	}
	return fmt.Errorf("%w: %w", errEncoding, err)
}

func (b *decodedBody) Close() error {
	if b.in != nil {
		b.in.Close() // of a decoder; it has nothing to say that Read has not
	}
	return b.raw.Close()
}

// rawBody remembers how the connection failed.
type rawBody struct {
	io.ReadCloser
	err error
}

func (b *rawBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}
