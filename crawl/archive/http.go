package archive

import (
	"bytes"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// response is an HTTP response as an archive keeps it.
type response struct {
	status int
	header http.Header
	body   []byte // as stored: perhaps chunked, perhaps encoded
}

// parseResponse reads a record's block leniently: lines may end in \n alone, a
// line that is no field is passed over, and of an HTTP/2 response the pseudo-header
// :status counts, with or without a status line. What Content-Length says is not
// asked: the record has a length of its own. ok is false for what is no response.
func parseResponse(block []byte) (r response, ok bool) {
	line, rest := cutLine(block)
	if r.status, ok = statusLine(line); !ok {
		if !bytes.HasPrefix(line, []byte(":")) {
			return r, false
		}
		rest = block
	}
	r.header = make(http.Header, 16)
	for {
		if len(rest) == 0 {
			return r, r.status > 0
		}
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(line, []byte(":status")); found {
			value = bytes.TrimLeft(value, ": \t")
			if n, err := strconv.Atoi(string(value)); err == nil && r.status == 0 {
				r.status = n
			}
			continue
		}
		i := bytes.IndexByte(line, ':')
		if i <= 0 || line[0] == ' ' || line[0] == '\t' {
			continue
		}
		key := textproto.CanonicalMIMEHeaderKey(string(bytes.TrimRight(line[:i], " \t")))
		r.header[key] = append(r.header[key], string(bytes.TrimSpace(line[i+1:])))
	}
	r.body = rest
	return r, r.status > 0
}

// cutLine cuts the first line off, without its end.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return bytes.TrimRight(b, "\r"), nil
	}
	return bytes.TrimRight(b[:i], "\r"), b[i+1:]
}

// statusLine reads "HTTP/1.1 200 OK" and "HTTP/2 200".
func statusLine(line []byte) (status int, ok bool) {
	if !bytes.HasPrefix(line, []byte("HTTP/")) {
		return 0, false
	}
	_, rest, _ := bytes.Cut(line, []byte(" "))
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) < 3 {
		return 0, false
	}
	n, err := strconv.Atoi(string(rest[:3]))
	return n, err == nil && n >= 100
}

// unchunk undoes the chunked coding (RFC 9112, 7.1) where the body has it: many
// archives keep the header of a body that they have undone. A body that breaks off
// gives what came.
func unchunk(r *response, buffer []byte) []byte {
	if !strings.Contains(strings.ToLower(strings.Join(r.header["Transfer-Encoding"], ",")), "chunked") {
		return r.body
	}
	out, rest := buffer[:0], r.body
	for first := true; ; first = false {
		line, after := cutLine(rest)
		text, _, _ := bytes.Cut(line, []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 16, 31)
		if err != nil || len(after) == 0 && size > 0 {
			if first {
				return r.body
			}
			return out
		}
		if size == 0 {
			return out
		}
		n := min(int(size), len(after))
		out = append(out, after[:n]...)
		if rest = after[n:]; len(rest) == 0 {
			return out
		}
		_, rest = cutLine(rest)
	}
}
