package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/gate"
)

const (
	rangeAttempts = 5               // in a row that bring nothing
	rangeStall    = 2 * time.Minute // without a byte
)

// rangeReader reads a file over HTTP through the gate. A connection that breaks is
// made again, from the byte that comes next (RFC 9110, 14.2 and 13.1.5); a server
// that sends all from the beginning has what is known passed over; a file that
// changed meanwhile is an error.
type rangeReader struct {
	ctx     context.Context
	gate    *gate.Gate
	url     string
	at      int64
	size    int64  // -1 when it is not known
	version string // ETag, else Last-Modified, of the first response
	body    io.ReadCloser
	cancel  context.CancelFunc
	stall   *time.Timer
	idle    int // attempts since the last byte
}

func newRangeReader(ctx context.Context, g *gate.Gate, url string) (*rangeReader, error) {
	if g == nil {
		return nil, errors.New("no gate to the network")
	}
	r := &rangeReader{ctx: gate.WithKind(ctx, gate.Archive), gate: g, url: url, size: -1}
	if err := r.connect(); err != nil {
		return nil, err
	}
	return r, nil
}

// Read is that of io.Reader.
func (r *rangeReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if r.body == nil {
			if err := r.connect(); err != nil {
				return 0, err
			}
		}
		r.stall.Reset(rangeStall)
		n, err := r.body.Read(p)
		r.stall.Stop()
		r.at += int64(n)
		if n > 0 {
			r.idle = 0
			if err != nil && err != io.EOF {
				r.disconnect()
			}
			return n, nil
		}
		if err == io.EOF && (r.size < 0 || r.at >= r.size) {
			return 0, io.EOF
		}
		if err == nil {
			continue
		}
		r.disconnect()
		if r.ctx.Err() != nil {
			return 0, r.ctx.Err()
		}
		if r.idle++; r.idle >= rangeAttempts {
			return 0, fmt.Errorf("read %s from byte %d: %w, %d times in a row", r.url, r.at, err, r.idle)
		}
	}
}

// connect asks for what is left.
func (r *rangeReader) connect() error {
	ctx, cancel := context.WithCancel(r.ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		cancel()
		return err
	}
	if r.at > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(r.at, 10)+"-")
		if r.version != "" && !strings.HasPrefix(r.version, "W/") {
			req.Header.Set("If-Range", r.version)
		}
	}
	resp, err := r.gate.Do(req)
	if err != nil {
		cancel()
		return fmt.Errorf("read %s from byte %d: %w", r.url, r.at, err)
	}
	fail := func(format string, args ...any) error {
		resp.Body.Close()
		cancel()
		return fmt.Errorf("read %s: "+format, append([]any{r.url}, args...)...)
	}
	version := resp.Header.Get("ETag")
	if version == "" {
		version = resp.Header.Get("Last-Modified")
	}
	skip := int64(0)
	switch size := int64(-1); {
	case resp.StatusCode == http.StatusPartialContent && r.at > 0:
		begin, whole, ok := contentRange(resp.Header.Get("Content-Range"))
		if !ok || begin > r.at {
			return fail("Content-Range %q is not what was asked for, from byte %d", gate.OneLine(resp.Header.Get("Content-Range")), r.at)
		}
		skip = r.at - begin
		if size = whole; size < 0 {
			size = r.size
		}
		if version != r.version || r.size >= 0 && size != r.size {
			return fail("it changed while it was read; run again")
		}
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && r.at > 0 && r.at == r.size:
		resp.Body.Close()
		resp.Body = http.NoBody
	case resp.StatusCode == http.StatusOK:
		size = resp.ContentLength
		if r.at > 0 && (version != r.version || r.size >= 0 && size >= 0 && size != r.size) {
			return fail("it changed while it was read; run again")
		}
		if skip = r.at; skip == 0 {
			r.version, r.size = version, size
		}
	default:
		return fail("the server answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	r.body, r.cancel = resp.Body, cancel
	r.stall = time.AfterFunc(rangeStall, cancel)
	if skip > 0 {
		n, err := io.CopyN(io.Discard, stallReader{r}, skip)
		if err != nil {
			r.disconnect()
			if r.idle++; r.idle < rangeAttempts && r.ctx.Err() == nil {
				return r.connect()
			}
			return fmt.Errorf("read %s: %w after %d bytes of a new connection, which began with what is known", r.url, err, n)
		}
	}
	return nil
}

// stallReader gives each read its time.
type stallReader struct{ r *rangeReader }

func (s stallReader) Read(p []byte) (int, error) {
	s.r.stall.Reset(rangeStall)
	return s.r.body.Read(p)
}

// contentRange reads "bytes 5-9/10"; size is -1 for *.
func contentRange(value string) (begin, size int64, ok bool) {
	rest, found := strings.CutPrefix(value, "bytes ")
	span, whole, cut := strings.Cut(rest, "/")
	first, _, dash := strings.Cut(span, "-")
	begin, err := strconv.ParseInt(first, 10, 64)
	if !found || !cut || !dash || err != nil {
		return 0, 0, false
	}
	if size, err = strconv.ParseInt(whole, 10, 64); err != nil {
		size = -1
	}
	return begin, size, true
}

func (r *rangeReader) disconnect() {
	if r.body != nil {
		r.body.Close()
		r.stall.Stop()
		r.cancel()
		r.body = nil
	}
}

// Close ends the connection.
func (r *rangeReader) Close() error {
	r.disconnect()
	return nil
}
