package archive

import (
	"bytes"
	"strconv"
	"time"
)

// readHeader reads a record's header, of a WARC or an ARC file. ok is false for
// one that is none; err is the stream's.
func (r *Reader) readHeader() (length int64, ok bool, err error) {
	h := r.beginHeader()
	r.header = r.header[:0]
	line, err := r.line()
	if err != nil {
		return 0, false, err
	}
	if !bytes.HasPrefix(line, []byte("WARC/")) {
		return r.arcHeader(line)
	}
	for {
		before := len(r.header)
		if line, err = r.line(); err != nil {
			return 0, false, err
		}
		if len(line) == 0 {
			length, ok = r.endHeader(h)
			return length, ok, nil
		}
		if beginsHeader(line) { // the header before it breaks off
			r.suspect(r.member)
			if !r.packed {
				r.member = r.tape.offset() - int64(len(r.header)-before)
				r.tape.mark = r.member
			}
			h, r.header = r.beginHeader(), r.header[:0]
			continue
		}
		r.field(&h, line)
	}
}

// beginsHeader tells whether a line is the first of a WARC record's header.
func beginsHeader(line []byte) bool { return bytes.HasPrefix(line, []byte("WARC/1.")) }

// header is what is known of a WARC record's header on the way through it.
type header struct {
	length   int64 // -1 when it is not known yet, -2 for one that is none
	lastDate int64
	dated    bool
}

func (r *Reader) beginHeader() header {
	h := header{length: -1, lastDate: r.record.Date}
	r.record = Record{Date: h.lastDate}
	return h
}

// field takes in a line.
func (r *Reader) field(h *header, line []byte) {
	key, value, found := bytes.Cut(line, []byte(":"))
	if !found {
		return // a continued line, or none
	}
	key, value = bytes.TrimSpace(key), bytes.TrimSpace(value)
	switch {
	case is(key, "content-length"):
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			h.length = -2
		} else if h.length == -1 {
			h.length = n
		}
	case is(key, "warc-type"):
		r.record.Type = typeOf(value)
	case is(key, "warc-target-uri"):
		r.record.URI = string(bytes.Trim(value, "<>"))
	case is(key, "warc-date"):
		r.record.Date = h.lastDate
		r.record.Date, h.dated = r.unix(value), true
	case is(key, "content-type"):
		r.record.ContentType = string(value)
	}
}

// endHeader tells how long the block is; ok is false for a header without a length.
func (r *Reader) endHeader(h header) (length int64, ok bool) {
	if !h.dated {
		r.record.Date, r.date = 0, ""
	}
	return h.length, h.length >= 0
}

// typeOf is a WARC-Type in lower case.
func typeOf(value []byte) string {
	for _, known := range recordTypes {
		if len(value) == len(known) && bytes.EqualFold(value, []byte(known)) {
			return known
		}
	}
	return string(bytes.ToLower(value))
}

// recordTypes are those of the standard (WARC 1.1, 6), the frequent ones first.
var recordTypes = []string{"metadata", "response", "request", "warcinfo", "revisit", "resource", "conversion", "continuation"}

// is compares a header's name without regard to case.
func is(key []byte, name string) bool {
	return len(key) == len(name) && bytes.EqualFold(key, []byte(name))
}

// line reads a line without its end; the lines of a header are bounded together.
func (r *Reader) line() ([]byte, error) {
	start := len(r.header)
	for {
		part, err := r.stream.ReadSlice('\n')
		if len(r.header)+len(part) > maxHeaderBytes {
			return nil, errHeader
		}
		r.header = append(r.header, part...)
		r.headBytes = len(r.header)
		if err == nil {
			return bytes.TrimRight(r.header[start:], "\r\n"), nil
		}
		if len(part) == 0 || len(part) < r.stream.Size() {
			return nil, err
		}
	}
}

// arcHeader reads the line before an ARC's record (archive.org's ARC format, 1 and
// 2): address, internet address, date of 14 digits, content type, ..., length.
func (r *Reader) arcHeader(line []byte) (length int64, ok bool, err error) {
	f, ok := arcFields(line)
	if !ok {
		return 0, false, nil
	}
	length, err = strconv.ParseInt(string(f[len(f)-1]), 10, 64)
	if err != nil || length < 0 {
		return 0, false, nil
	}
	r.record.URI, r.record.ContentType, r.record.Type = string(f[0]), string(f[3]), "response"
	r.record.arc = true
	r.record.Date, r.date = 0, ""
	if at, err := time.Parse("20060102150405", string(f[2])); err == nil {
		r.record.Date = at.Unix()
	}
	r.record.HTTP = bytes.HasPrefix(f[0], []byte("http://")) || bytes.HasPrefix(f[0], []byte("https://"))
	if bytes.HasPrefix(f[0], []byte("filedesc:")) {
		r.record.Type = "warcinfo"
	}
	return length, true, nil
}

// arcFields cuts such a line; false for one that is none.
func arcFields(line []byte) (fields [][]byte, ok bool) {
	f := bytes.Fields(line)
	if len(f) < 5 || len(f[2]) != len("20060102150405") {
		return nil, false
	}
	for _, number := range [][]byte{f[2], f[len(f)-1]} {
		if len(bytes.Trim(number, "0123456789")) > 0 {
			return nil, false
		}
	}
	return f, true
}
