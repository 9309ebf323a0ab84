package lists

import (
	"bytes"
	"io"
)

// lines gives a text's lines, and knows their numbers. What it holds is one line, or
// the lines that a record spans, mostRow bytes at most.
type lines struct {
	r          io.Reader
	buf        []byte
	start, end int
	err        error // of r; io.EOF at its end
	number     int64 // of the line at start, from 1 on
}

func newLines(r io.Reader) *lines {
	return &lines{r: r, buf: make([]byte, 256<<10), number: 1}
}

// until finds the end of the line of which the byte at from, counted from the present
// line's first, is one: the place of its line feed, or of the text's end. ok is false
// where no line begins, or where it would take more than mostRow bytes.
func (l *lines) until(from int) (end int, ok bool) {
	searched := from
	for {
		have := l.buf[l.start:l.end]
		if searched < len(have) {
			if i := bytes.IndexByte(have[searched:], '\n'); i >= 0 {
				return searched + i, searched+i <= mostRow
			}
			searched = len(have)
		}
		if l.err != nil {
			return len(have), from < len(have) && len(have) <= mostRow
		}
		if len(have) > mostRow {
			return len(have), false
		}
		l.fill()
	}
}

// fill reads on.
func (l *lines) fill() {
	if l.start > 0 {
		copy(l.buf, l.buf[l.start:l.end])
		l.start, l.end = 0, l.end-l.start
	}
	if l.end == len(l.buf) {
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
	var n int
	n, l.err = l.r.Read(l.buf[l.end:])
	l.end += n
}

// more tells whether there is another line.
func (l *lines) more() bool {
	for l.start == l.end && l.err == nil {
		l.fill()
	}
	return l.start < l.end
}

// fault is the reader's error, if it is one.
func (l *lines) fault() error {
	if l.err == io.EOF {
		return nil
	}
	return l.err
}

// pass goes past the bytes of a record that ends at a line feed at end, or with the
// text.
func (l *lines) pass(end int) {
	l.number += 1 + int64(bytes.Count(l.buf[l.start:l.start+end], []byte("\n")))
	l.start = min(l.start+end+1, l.end)
}

// skip goes past a line of any length.
func (l *lines) skip() {
	for {
		if i := bytes.IndexByte(l.buf[l.start:l.end], '\n'); i >= 0 {
			l.start += i + 1
			break
		}
		l.start = l.end
		if l.err != nil {
			break
		}
		l.fill()
	}
	l.number++
}

// line is the present line up to end, without the carriage return before it.
func (l *lines) line(end int) []byte {
	return bytes.TrimSuffix(l.buf[l.start:l.start+end], []byte("\r"))
}
