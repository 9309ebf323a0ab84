package archive

import (
	"bytes"
	"strconv"
	"time"
)

// readHeader reads a record's header, of a WARC or an ARC file. ok is false for
// one that is none; err is the stream's.
func (r *Reader) readHeader() (length int64, ok bool, err error) {
	r.record = Record{Date: r.record.Date, Block: nil}
	lastDate := r.record.Date
	r.header = r.header[:0]
	line, err := r.line()
	if err != nil {
		return 0, false, err
	}
	if !bytes.HasPrefix(line, []byte("WARC/")) {
		return r.arcHeader(line)
	}
	length = -1
	dated := false
	for {
		if line, err = r.line(); err != nil {
			return 0, false, err
		}
		if len(line) == 0 {
			break
		}
		key, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue // a continued line, or none
		}
		value = bytes.TrimSpace(value)
		switch {
		case is(key, "content-length"):
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil || n < 0 {
				length = -2
			} else if length == -1 {
				length = n
			}
		case is(key, "warc-type"):
			r.record.Type = string(bytes.ToLower(value))
		case is(key, "warc-target-uri"):
			r.record.URI = string(bytes.Trim(value, "<>"))
		case is(key, "warc-date"):
			r.record.Date = lastDate
			r.record.Date, dated = r.unix(value), true
		case is(key, "content-type"):
			r.record.ContentType = string(value)
		}
	}
	if !dated {
		r.record.Date, r.date = 0, ""
	}
	return length, length >= 0, nil
}

// is compares a header's name without regard to case.
func is(key []byte, name string) bool {
	key = bytes.TrimSpace(key)
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
