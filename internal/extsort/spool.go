package extsort

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// Spool keeps records in the order in which they were added, in memory or, when
// they outgrow it, in a temporary file: for what must be looked at once more when
// all of it has been seen. It is not safe for concurrent use.
type Spool struct {
	dir    string
	memory int
	buffer []byte // for each record its two sizes as uvarints, key and value
	file   *os.File
	spills bool // some of the records lie in file
	count  int64
}

// NewSpool returns an empty spool that holds about memory bytes and writes what
// is more into a file in dir.
func NewSpool(dir string, memory int) *Spool { return &Spool{dir: dir, memory: max(memory, 4096)} }

// Len is the number of records.
func (s *Spool) Len() int64 { return s.count }

// Add takes a record; key and value are copied.
func (s *Spool) Add(key, value []byte) error {
	if len(s.buffer)+len(key)+len(value)+2*binary.MaxVarintLen64 > s.memory && len(s.buffer) > 0 {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.buffer = appendRecord(s.buffer, key, value)
	s.count++
	return nil
}

func (s *Spool) flush() error {
	if s.file == nil {
		var err error
		if s.file, err = Temporary(s.dir); err != nil {
			return err
		}
	}
	if _, err := s.file.Write(s.buffer); err != nil {
		return fmt.Errorf("spill to disk: %w", err)
	}
	s.buffer, s.spills = s.buffer[:0], true
	return nil
}

// Walk walks the records in order; it may be repeated, but not while another
// walk is under way.
func (s *Spool) Walk() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if s.spills {
			if err := s.flush(); err != nil {
				yield(Record{}, err)
				return
			}
			if _, err := s.file.Seek(0, io.SeekStart); err != nil {
				yield(Record{}, fmt.Errorf("read what was spilled to disk: %w", err))
				return
			}
			r := newRunReader(s.file, min(runBuffer, s.memory))
			for {
				err := r.next()
				if errors.Is(err, io.EOF) {
					return
				}
				if !yield(r.front, err) || err != nil {
					return
				}
			}
		}
		for b := s.buffer; len(b) > 0; {
			keySize, n := binary.Uvarint(b)
			valSize, m := binary.Uvarint(b[n:])
			b = b[n+m:]
			end := keySize + valSize
			if !yield(Record{b[:keySize:keySize], b[keySize:end:end]}, nil) {
				return
			}
			b = b[end:]
		}
	}
}

// Reset empties the spool; its memory and its file stay for what comes next.
func (s *Spool) Reset() error {
	s.buffer, s.count = s.buffer[:0], 0
	if !s.spills {
		return nil
	}
	s.spills = false
	err := s.file.Truncate(0)
	if err == nil {
		_, err = s.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("empty a temporary file: %w", err)
	}
	return nil
}

// Close frees memory and the temporary file; it may be called at any time.
func (s *Spool) Close() {
	if s.file != nil {
		s.file.Close()
	}
	*s = Spool{dir: s.dir, memory: s.memory}
}
