package extsort

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Record is one sorted record. Key and Value are valid until the next step of
// the iteration.
type Record struct{ Key, Value []byte }

// Sorter collects and sorts records. It is not safe for concurrent use, and must
// be closed: its memory is not the garbage collector's.
type Sorter struct {
	dir    string
	memory int

	// region is one mapping of memory bytes, of which the system gives what is
	// touched: records grow from its start, as appendRecord writes them, and
	// their entries from its end.
	region  []byte
	used    int // bytes of records
	entries int
	sorted  bool // the entries are in order

	runs  []*os.File
	count int64

	touched byte // keeps the compiler from leaving out a load; see touch
}

// entry is one record in the region. The first eight bytes of the key, as a
// number, settle most comparisons without touching the record.
type entry struct {
	prefix uint64
	offset uint64
}

const entrySize = int(unsafe.Sizeof(entry{}))

// leastMemory is the least that a sorter takes.
const leastMemory = 64 << 10

// New returns a sorter that takes up to memory bytes, 64 KiB at least, and spills
// what is more into temporary files in dir. A single record that is larger is
// sorted all the same.
func New(dir string, memory int) *Sorter {
	return &Sorter{dir: dir, memory: max(memory, leastMemory)}
}

// Len is the number of records added.
func (s *Sorter) Len() int64 { return s.count }

// Add takes a record; key and value are copied.
func (s *Sorter) Add(key, value []byte) error {
	size := len(key) + len(value) + 2*binary.MaxVarintLen32
	if s.used+size+entrySize*(s.entries+1) > len(s.region) {
		if s.entries > 0 {
			if err := s.spill(); err != nil {
				return err
			}
		}
		if err := s.reserve(size + entrySize); err != nil {
			return err
		}
	}
	var head [8]byte
	copy(head[:], key)
	start := s.used
	s.used = len(appendRecord(s.region[:start:len(s.region)-entrySize*s.entries], key, value))
	s.entries++
	*s.entry(s.entries - 1) = entry{binary.BigEndian.Uint64(head[:]), uint64(start)}
	s.sorted = false
	s.count++
	return nil
}

// reserve maps the region, large enough for a record of size bytes.
func (s *Sorter) reserve(size int) error {
	size = max(size, s.memory)
	size = (size + entrySize - 1) / entrySize * entrySize
	if len(s.region) >= size {
		return nil
	}
	s.release()
	region, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("take %d bytes for sorting: %w", size, err)
	}
	unix.Madvise(region, unix.MADV_HUGEPAGE) // faster where there is such a thing
	s.region = region
	return nil
}

// release gives the region back.
func (s *Sorter) release() {
	if s.region != nil {
		unix.Munmap(s.region)
	}
	s.region, s.used, s.entries = nil, 0, 0
}

// entry is entry i, counted from the end of the region.
func (s *Sorter) entry(i int) *entry {
	return (*entry)(unsafe.Pointer(&s.region[len(s.region)-entrySize*(i+1)]))
}

// all is the entries, the last one first until they are sorted.
func (s *Sorter) all() []entry {
	if s.entries == 0 {
		return nil
	}
	return unsafe.Slice(s.entry(s.entries-1), s.entries)
}

// record is the record at offset, and wire is it as appendRecord wrote it.
func (s *Sorter) record(offset uint64) (r Record, wire []byte) {
	b := s.region[offset:s.used]
	keySize, n := binary.Uvarint(b)
	valSize, m := binary.Uvarint(b[n:])
	start := n + m
	middle, end := start+int(keySize), start+int(keySize+valSize)
	return Record{b[start:middle:middle], b[middle:end:end]}, b[:end]
}

// Records come in another order than they lie in, so that each is a miss of all
// caches. Those of touchAhead entries are touched together: no load waits for
// another, and the times that memory takes pass in parallel.
const (
	touchAhead = 16
	cacheLine  = 64
	touchLines = 6 // of each record; the processor foresees more itself
)

// touch is called before entry i is looked at, for every i in turn.
func (s *Sorter) touch(i int) {
	if i%touchAhead != 0 {
		return
	}
	all := s.all()
	for _, e := range all[i:min(i+touchAhead, len(all))] {
		lines := s.region[e.offset:min(int(e.offset)+touchLines*cacheLine, s.used)]
		for at := 0; at < len(lines); at += cacheLine {
			s.touched |= lines[at]
		}
	}
}

func (s *Sorter) sort() {
	if s.sorted {
		return
	}
	slices.SortFunc(s.all(), func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		x, _ := s.record(a.offset)
		y, _ := s.record(b.offset)
		return compare(x, y)
	})
	s.sorted = true
}

func compare(a, b Record) int {
	if c := bytes.Compare(a.Key, b.Key); c != 0 {
		return c
	}
	return bytes.Compare(a.Value, b.Value)
}

func (s *Sorter) spill() error {
	s.sort()
	run, err := newRun(s.dir)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, run.file)
	for i, e := range s.all() {
		s.touch(i)
		_, wire := s.record(e.offset)
		if err := run.write(wire); err != nil {
			return err
		}
	}
	s.used, s.entries = 0, 0
	return run.flush()
}

// Settle ends the adding, so that Held is what the sorter takes from now on.
func (s *Sorter) Settle() error {
	if len(s.runs) == 0 {
		return nil
	}
	if s.entries > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.release() // the merge's buffers take its place
	return s.lengthenRuns()
}

// Held is how many bytes of memory the sorter takes, or will take while its runs
// are merged.
func (s *Sorter) Held() int {
	if len(s.runs) > 0 {
		return min(s.memory, (len(s.runs)+1)*runBuffer)
	}
	return s.used + entrySize*s.entries
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
		if err := s.Settle(); err != nil {
			yield(Record{}, err)
			return
		}
		if len(s.runs) == 0 {
			s.sort()
			for i, e := range s.all() {
				s.touch(i)
				if rec, _ := s.record(e.offset); !yield(rec, nil) {
					return
				}
			}
			return
		}
		for rec, err := range merge(s.runs, s.memory) {
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
		var wire []byte
		for rec, err := range merge(group, s.memory) {
			if err == nil {
				wire = appendRecord(wire[:0], rec.Key, rec.Value)
				err = long.write(wire)
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
	s.runs = nil
	s.release()
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
