package extsort

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Number is a record of [Numbers].
type Number struct{ Key, Value uint64 }

const numberSize = int(unsafe.Sizeof(Number{}))

// Numbers is a [Sorter] of records that are two numbers each: by key, then by value.
// It counts digits where a Sorter compares, which costs about a tenth. It is not safe
// for concurrent use, and must be closed.
type Numbers struct {
	dir    string
	most   int // records that memory holds
	region []byte
	all    []Number // in the first half of the region
	spare  []Number // the second half
	rises  bool     // the values of all never fell
	runs   []*os.File
	count  int64
}

// NewNumbers returns an empty sorter that takes up to memory bytes, 64 KiB at least,
// and spills what is more into temporary files in dir.
func NewNumbers(dir string, memory int) *Numbers {
	return &Numbers{dir: dir, most: max(memory, leastMemory) / (2 * numberSize), rises: true}
}

// Len is the number of records added.
func (s *Numbers) Len() int64 { return s.count }

// Add takes a record. It is fastest where values come in ascending order.
func (s *Numbers) Add(key, value uint64) error {
	if s.region == nil {
		region, err := unix.Mmap(-1, 0, 2*s.most*numberSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return fmt.Errorf("take %d bytes for sorting: %w", 2*s.most*numberSize, err)
		}
		s.region = region
		both := unsafe.Slice((*Number)(unsafe.Pointer(&region[0])), 2*s.most)
		s.all, s.spare = both[:0:s.most], both[s.most:]
	}
	if len(s.all) == s.most {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if n := len(s.all); n > 0 && s.all[n-1].Value > value {
		s.rises = false
	}
	s.all = append(s.all, Number{key, value})
	s.count++
	return nil
}

// sort orders what is in memory, digit by digit from the lowest, a byte each. Digits
// that all records share are left out.
func (s *Numbers) sort() {
	if len(s.all) < 2 {
		return
	}
	var counts [16][256]uint32 // eight of the value, eight of the key
	for _, n := range s.all {
		for d := range 8 {
			counts[d][byte(n.Value>>(8*d))]++
			counts[8+d][byte(n.Key>>(8*d))]++
		}
	}
	from, to := s.all, s.spare[:len(s.all)]
	for d := range counts {
		first := byte(from[0].Value >> (8 * d & 63))
		if d >= 8 {
			first = byte(from[0].Key >> (8 * (d - 8)))
		}
		if d < 8 && s.rises || int(counts[d][first]) == len(from) {
			continue
		}
		var at [256]uint32
		for i := 1; i < 256; i++ {
			at[i] = at[i-1] + counts[d][i-1]
		}
		if shift := 8 * (d & 7); d < 8 {
			for _, n := range from {
				digit := byte(n.Value >> shift)
				to[at[digit]] = n
				at[digit]++
			}
		} else {
			for _, n := range from {
				digit := byte(n.Key >> shift)
				to[at[digit]] = n
				at[digit]++
			}
		}
		from, to = to, from
	}
	s.all, s.spare = from[:len(from):s.most], to[:s.most]
	s.rises = false
}

func (s *Numbers) spill() error {
	s.sort()
	run, err := newRun(s.dir)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, run.file)
	var wire [16]byte
	for _, n := range s.all {
		binary.LittleEndian.PutUint64(wire[:], n.Key)
		binary.LittleEndian.PutUint64(wire[8:], n.Value)
		if err := run.write(wire[:]); err != nil {
			return err
		}
	}
	s.all, s.rises = s.all[:0], true
	return run.flush()
}

// Sorted walks the records in order. It may be called once; nothing can be added
// afterwards. The sorter closes itself when the walk ends.
func (s *Numbers) Sorted() iter.Seq2[Number, error] {
	return func(yield func(Number, error) bool) {
		defer s.Close()
		if len(s.runs) == 0 {
			s.sort()
			for _, n := range s.all {
				if !yield(n, nil) {
					return
				}
			}
			return
		}
		if len(s.all) > 0 {
			if err := s.spill(); err != nil {
				yield(Number{}, err)
				return
			}
		}
		s.release()
		for len(s.runs) > mergeWidth {
			if err := s.lengthen(); err != nil {
				yield(Number{}, err)
				return
			}
		}
		mergeNumbers(s.runs, 2*s.most*numberSize)(yield)
	}
}

// lengthen merges the first runs into one.
func (s *Numbers) lengthen() error {
	long, err := newRun(s.dir)
	if err != nil {
		return err
	}
	group := s.runs[:mergeWidth]
	s.runs = append(slices.Clone(s.runs[mergeWidth:]), long.file)
	defer closeAll(group)
	var wire [16]byte
	for n, err := range mergeNumbers(group, 2*s.most*numberSize) {
		if err == nil {
			binary.LittleEndian.PutUint64(wire[:], n.Key)
			binary.LittleEndian.PutUint64(wire[8:], n.Value)
			err = long.write(wire[:])
		}
		if err != nil {
			return err
		}
	}
	return long.flush()
}

// numberRun is a run with its front record.
type numberRun struct {
	r     *bufio.Reader
	front Number
}

func (r *numberRun) next() error {
	var wire [16]byte
	if _, err := io.ReadFull(r.r, wire[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("read what was spilled to disk: %w", err)
	}
	r.front = Number{binary.LittleEndian.Uint64(wire[:]), binary.LittleEndian.Uint64(wire[8:])}
	return nil
}

func compareNumbers(a, b Number) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
}

// mergeNumbers walks the records of all runs in order. Few runs are merged: their
// fronts are kept in order by insertion.
func mergeNumbers(files []*os.File, memory int) iter.Seq2[Number, error] {
	return func(yield func(Number, error) bool) {
		var runs []*numberRun // the first front is the least
		insert := func(r *numberRun) {
			at, _ := slices.BinarySearchFunc(runs, r, func(a, b *numberRun) int { return compareNumbers(a.front, b.front) })
			runs = slices.Insert(runs, at, r)
		}
		buffer := min(max(memory/len(files), leastBuffer), runBuffer)
		for _, f := range files {
			_, err := f.Seek(0, io.SeekStart)
			r := &numberRun{r: bufio.NewReaderSize(f, buffer)}
			if err == nil {
				err = r.next()
			}
			switch {
			case err == nil:
				insert(r)
			case !errors.Is(err, io.EOF):
				yield(Number{}, err)
				return
			}
		}
		for len(runs) > 0 {
			if !yield(runs[0].front, nil) {
				return
			}
			r := runs[0]
			switch err := r.next(); {
			case errors.Is(err, io.EOF):
				runs = slices.Delete(runs, 0, 1)
			case err != nil:
				yield(Number{}, err)
				return
			case len(runs) > 1 && compareNumbers(runs[1].front, r.front) < 0:
				at, _ := slices.BinarySearchFunc(runs[1:], r, func(a, b *numberRun) int { return compareNumbers(a.front, b.front) })
				copy(runs, runs[1:1+at])
				runs[at] = r
			}
		}
	}
}

// release gives the region back.
func (s *Numbers) release() {
	if s.region != nil {
		unix.Munmap(s.region)
	}
	s.region, s.all, s.spare = nil, nil, nil
}

// Close frees memory and temporary files; it may be called at any time.
func (s *Numbers) Close() error {
	closeAll(s.runs)
	s.runs = nil
	s.release()
	return nil
}
