// Package lines reads text files that people write: labels, classes, seeds,
// texts. Editors leave marks in them that are no text, and each of these files
// is read alike:
//
//   - a byte order mark before the first line is no part of it;
//   - a line ends with LF or CRLF, the last one perhaps with neither;
//   - space around a line is cut, and blank lines are skipped;
//   - lines are numbered from 1, blank ones too, for messages;
//   - what is not UTF-8 (Latin-1, UTF-16) is told, with its line and byte.
//
// [Read] takes a short file whole and refuses it when a line is not UTF-8. [Each]
// streams one of any length and leaves it to the caller what to do about blank
// lines and those that [Line.Check] finds fault with.
package lines

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"unicode/utf8"
)

// MaxBytes is the most that a line may have, with its end.
const MaxBytes = 1 << 20

// mark is the byte order mark, U+FEFF, in UTF-8.
var mark = []byte("\uFEFF")

// Line is one line of a file.
type Line struct {
	Number int    // from 1
	Text   string // without its end and the space around it
}

// Check says where a line is not UTF-8; nil where it is.
func (l Line) Check() error {
	for i, r := range l.Text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(l.Text[i:]); size == 1 {
			return fmt.Errorf("line %d is not UTF-8 (%q has the byte 0x%02X); save the file as UTF-8", l.Number, excerpt(l.Text, i), l.Text[i])
		}
	}
	return nil
}

// excerpt is what surrounds byte i of a text.
func excerpt(text string, i int) string { return text[max(0, i-20):min(len(text), i+20)] }

// Each yields every line of r, blank ones with an empty text. An error, of r or
// of a line over [MaxBytes], comes last.
func Each(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		s := bufio.NewScanner(WithoutMark(r))
		s.Buffer(nil, MaxBytes)
		number := 1
		for ; s.Scan(); number++ {
			if !yield(Line{number, strings.TrimSpace(s.Text())}, nil) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(Line{}, fmt.Errorf("line %d: %w; a line may have %d bytes", number, err, MaxBytes))
		}
	}
}

// Read is the lines of a file that are not blank. Its errors name the file.
func Read(path string) ([]Line, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // names the file
	}
	defer f.Close()
	var list []Line
	for line, err := range Each(f) {
		if err == nil {
			err = line.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if line.Text != "" {
			list = append(list, line)
		}
	}
	return list, nil
}

// WithoutMark reads r, without a byte order mark at its beginning, for parsers
// that find the lines themselves.
func WithoutMark(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	if head, _ := b.Peek(len(mark)); bytes.Equal(head, mark) {
		b.Discard(len(mark))
	}
	return b
}
