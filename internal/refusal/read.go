package refusal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// MaxLine is the most bytes that a line may have.
const MaxLine = 8 << 10

// Fault is a line that is no entry.
type Fault struct {
	Line int    `json:"line"` // from 1
	What string `json:"what"`
}

// mostFaults bounds what a file of something else costs.
const mostFaults = 100

// Faults collects them; the first are kept, and all are counted.
type faults struct {
	list []Fault
	more int
}

func (f *faults) add(line int, what string) {
	if len(f.list) < mostFaults {
		f.list = append(f.list, Fault{line, what})
	} else {
		f.more++
	}
}

func (f *faults) all() []Fault {
	if f.more > 0 {
		f.list = append(f.list, Fault{0, fmt.Sprintf("and %d lines more are no entries", f.more)})
	}
	return f.list
}

// Each calls line for every line of r that has something, numbered from 1, without its
// end and a byte order mark; what it says is wrong, and lines of more than [MaxLine] bytes, are the faults. A
// list is read to its end whatever is in it; the error is that of r.
func Each(r io.Reader, line func(number int, text string) error) ([]Fault, error) {
	in := bufio.NewReaderSize(r, MaxLine+2) // with its end
	var found faults
	for number := 1; ; number++ {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			found.add(number, fmt.Sprintf("it has more than %d bytes", MaxLine))
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			text = nil
		}
		if number == 1 {
			text = bytes.TrimPrefix(text, []byte("\uFEFF"))
		}
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		if len(text) > 0 {
			if what := line(number, string(text)); what != nil {
				found.add(number, what.Error())
			}
		}
		if errors.Is(err, io.EOF) {
			return found.all(), nil
		}
		if err != nil {
			return found.all(), err
		}
	}
}

// Read reads a list.
func (p Parser) Read(r io.Reader) (*List, error) {
	var entries []Entry
	found, err := Each(r, func(_ int, text string) error {
		e, ok, err := p.Line(text)
		if ok {
			entries = append(entries, e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	l := New(entries)
	l.Faults = found
	return l, nil
}

// ReadFile reads the list at path; one that is not there is empty.
func (p Parser) ReadFile(path string) (*List, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return New(nil), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read refusals: %w; it must be readable, since what it refuses must not be used", err)
	}
	defer f.Close()
	l, err := p.Read(f)
	if err != nil {
		return nil, fmt.Errorf("read refusals of %s: %w", path, err)
	}
	return l, nil
}
