package extsort

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"slices"
)

// Record is one sorted record. Key and Value are valid until the next step of
// the iteration.
type Record struct{ Key, Value []byte }

// Sorter collects and sorts records. It is not safe for concurrent use.
type Sorter struct {
	dir     string
	memory  int
	arena   []byte
	entries []entry
	runs    []*os.File
	count   int64
}

// entry is one record in the arena. The first eight bytes of the key, as a
// number, settle most comparisons without touching the arena.
type entry struct {
	prefix           uint64
	offset           int
	keySize, valSize uint32
}

const entrySize = 24

// New returns a sorter that spills into temporary files in dir once it holds
// about memory bytes.
func New(dir string, memory int) *Sorter {
	return &Sorter{dir: dir, memory: max(memory, 4096)}
}

// Len is the number of records added.
func (s *Sorter) Len() int64 { return s.count }

// Add takes a record; key and value are copied.
func (s *Sorter) Add(key, value []byte) error {
	if len(s.arena)+len(key)+len(value)+entrySize*(len(s.entries)+1) > s.memory && len(s.entries) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	e := entry{offset: len(s.arena), keySize: uint32(len(key)), valSize: uint32(len(value))}
	var head [8]byte
	copy(head[:], key)
	e.prefix = binary.BigEndian.Uint64(head[:])
	s.arena = append(append(s.arena, key...), value...)
	s.entries = append(s.entries, e)
	s.count++
	return nil
}

func (s *Sorter) key(e entry) []byte { return s.arena[e.offset : e.offset+int(e.keySize)] }

func (s *Sorter) value(e entry) []byte {
	start := e.offset + int(e.keySize)
	return s.arena[start : start+int(e.valSize)]
}

func (s *Sorter) sortArena() {
	slices.SortFunc(s.entries, func(a, b entry) int {
		if a.prefix != b.prefix {
			if a.prefix < b.prefix {
				return -1
			}
			return 1
		}
		if c := bytes.Compare(s.key(a), s.key(b)); c != 0 {
			return c
		}
		return bytes.Compare(s.value(a), s.value(b))
	})
}

func (s *Sorter) spill() error {
	s.sortArena()
	run, err := newRun(s.dir)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, run.file)
	for _, e := range s.entries {
		if err := run.write(s.key(e), s.value(e)); err != nil {
			return err
		}
	}
	s.arena, s.entries = s.arena[:0], s.entries[:0]
	return run.flush()
}

// Sorted walks the records in order. It may be called once; nothing can be
// added afterwards. The sorter closes itself when the walk ends.
func (s *Sorter) Sorted() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		defer s.Close()
		s.Walk()(yield)
	}
}

// Walk is Sorted for callers who look at the records more than once: the sorter
// stays open, and Walk or Sorted may follow, one at a time. A second walk costs
// the merge, not the sorting.
func (s *Sorter) Walk() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if len(s.runs) == 0 {
			s.sortArena()
			for _, e := range s.entries {
				if !yield(Record{s.key(e), s.value(e)}, nil) {
					return
				}
			}
			return
		}
		if len(s.entries) > 0 {
			if err := s.spill(); err != nil {
				yield(Record{}, err)
				return
			}
		}
		s.arena, s.entries = nil, nil
		if err := s.lengthenRuns(); err != nil {
			yield(Record{}, err)
			return
		}
		for rec, err := range merge(s.runs) {
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// lengthenRuns merges runs until one merge can read all that are left.
func (s *Sorter) lengthenRuns() error {
	for len(s.runs) > mergeWidth {
		long, err := newRun(s.dir)
		if err != nil {
			return err
		}
		group := s.runs[:mergeWidth]
		s.runs = append(slices.Clone(s.runs[mergeWidth:]), long.file)
		for rec, err := range merge(group) {
			if err == nil {
				err = long.write(rec.Key, rec.Value)
			}
			if err != nil {
				closeAll(group)
				return err
			}
		}
		closeAll(group)
		if err := long.flush(); err != nil {
			return err
		}
	}
	return nil
}

// Close frees memory and temporary files; it may be called at any time.
func (s *Sorter) Close() error {
	closeAll(s.runs)
	s.runs, s.arena, s.entries = nil, nil, nil
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// Temporary makes a file in dir that has no name: a kill leaves nothing behind,
// but for a moment in which it is called .sort- and a number.
func Temporary(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".sort-*")
	if err != nil {
		return nil, fmt.Errorf("spill to disk: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("spill to disk: %w", err)
	}
	return f, nil
}
