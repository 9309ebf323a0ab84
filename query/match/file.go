package match

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unicode"
	"unsafe"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"golang.org/x/sys/unix"
)

// version is the file format's; docs/format.md describes it.
//
//	1  first version
const version = 1

const magic = "plmatch\n"

// Where the parts of the header lie, in bytes. See docs/format.md.
const (
	versionAt  = 8
	modeAt     = 12
	listHashAt = 16
	unicodeAt  = 48
	countsAt   = 64
	lengthsAt  = 80
	checksumAt = 128
	headerSize = 192
	listHashes = unicodeAt - listHashAt // bytes that a list's hash may have
)

// ErrOther is wrapped by what Open returns for a file that is whole but was made
// of another list, in another mode or by another version: compile it again.
var ErrOther = errors.New("compile the list again")

// ErrDamaged is wrapped by what Open returns for a file that is cut short, was
// changed or is no compiled list.
var ErrDamaged = errors.New("remove the file and compile the list again")

// header is what a compiled list says of itself.
type header struct {
	mode                       Mode
	listHash, unicode          string
	queries, shadowed, empty   uint32
	words, edges, pairs, bytes int // lengths of the tables
}

// Compile writes the matcher of queries in mode to the file at path, whole or
// not at all. listHash tells one list from another; Open wants the same.
func Compile(path string, queries []string, listHash string, mode Mode) error {
	if len(listHash) > listHashes {
		return fmt.Errorf("compile %s: the list's hash %q has more than %d bytes", path, listHash, listHashes)
	}
	return atomicfile.WriteFile(path, build(queries, mode, listHash))
}

// Open maps the file that Compile made of the list with this hash in this mode.
// Its pages are shared by all processes that have it open. All of it is read
// once, to hold it against its checksum.
func Open(path, listHash string, mode Mode) (*Matcher, error) {
	data, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("open compiled query list: %w", err)
	}
	m, err := attach(data)
	if err == nil {
		err = m.of(listHash, mode)
	}
	if err != nil {
		unix.Munmap(data)
		return nil, fmt.Errorf("open compiled query list %s: %w", path, err)
	}
	m.unmap = func() error { return unix.Munmap(data) }
	return m, nil
}

func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < headerSize {
		return nil, fmt.Errorf("%s has %d bytes, too few for a compiled query list: %w", path, info.Size(), ErrDamaged)
	}
	return unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
}

// of tells whether the file was made of this list, in this mode and with the
// same Unicode tables, which decide how texts are folded.
func (m *Matcher) of(listHash string, mode Mode) error {
	switch {
	case m.mode != mode:
		return fmt.Errorf("it was compiled in mode %s, not %s: %w", m.mode, mode, ErrOther)
	case m.listHash != listHash:
		return fmt.Errorf("it was compiled of the list with the hash %q, not %q: %w", m.listHash, listHash, ErrOther)
	case m.header.unicode != unicode.Version:
		return fmt.Errorf("it was compiled with Unicode %s, this program has %s: %w", m.header.unicode, unicode.Version, ErrOther)
	}
	return nil
}

// attach makes a matcher of the bytes that build made.
func attach(data []byte) (*Matcher, error) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, errors.New("compiled query lists are little-endian, this machine is not")
	}
	if len(data) < headerSize || string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("it is no compiled query list: %w", ErrDamaged)
	}
	if v := binary.LittleEndian.Uint32(data[versionAt:]); v != version {
		return nil, fmt.Errorf("it is of version %d, this program reads version %d: %w", v, version, ErrOther)
	}
	m := &Matcher{}
	m.read(data)
	if want := m.size(); want != len(data) {
		return nil, fmt.Errorf("it has %d bytes, its header calls for %d: %w", len(data), want, ErrDamaged)
	}
	if got, want := checksum(data), binary.LittleEndian.Uint64(data[checksumAt:]); got != want {
		return nil, fmt.Errorf("its checksum is %016x, its header says %016x: %w", got, want, ErrDamaged)
	}
	m.slice(data)
	if err := m.sound(); err != nil {
		return nil, fmt.Errorf("%w: %w", err, ErrDamaged)
	}
	return m, nil
}

// sound tells whether lookups in the tables end and stay inside them, whoever
// wrote the file.
func (m *Matcher) sound() error {
	free := 0
	for i := range m.words {
		s := &m.words[i]
		switch {
		case s.id == 0:
			free++
		case s.query > m.queries:
			return fmt.Errorf("slot %d of the words names query %d of %d", i, s.query, m.queries)
		case s.length > inlineMax && uint64(s.at)+uint64(s.length) > uint64(len(m.bytes)):
			return fmt.Errorf("the word in slot %d lies outside the bytes", i)
		}
	}
	if free == 0 {
		return errors.New("the table of words is full")
	}
	free = 0
	for i := range m.edges {
		if e := &m.edges[i]; e.to == 0 {
			free++
		} else if e.query > m.queries {
			return fmt.Errorf("slot %d of the edges names query %d of %d", i, e.query, m.queries)
		}
	}
	if free == 0 || len(m.pairs) == 0 {
		return errors.New("the table of edges is full")
	}
	return nil
}

// size is the length of the file in bytes, or -1 if no file can be so long.
func (h *header) size() int {
	const most = 1 << 31
	if max(h.words, h.edges, h.pairs, h.bytes) > most {
		return -1
	}
	return headerSize + h.words*int(unsafe.Sizeof(wordSlot{})) + h.edges*int(unsafe.Sizeof(edgeSlot{})) + h.pairs*8 + h.bytes
}

// slice sets the tables to where they lie in data.
func (m *Matcher) slice(data []byte) {
	rest := data[headerSize:]
	m.words, rest = cast[wordSlot](rest, m.header.words)
	m.edges, rest = cast[edgeSlot](rest, m.header.edges)
	m.pairs, rest = cast[uint64](rest, m.header.pairs)
	m.bytes = rest[:m.header.bytes]
}

// cast takes n values off b, which begins at a multiple of eight.
func cast[T any](b []byte, n int) (values []T, rest []byte) {
	var zero T
	size := n * int(unsafe.Sizeof(zero))
	_ = b[:size]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), b[size:]
}

func (h *header) counts() []*uint32 { return []*uint32{&h.queries, &h.shadowed, &h.empty} }
func (h *header) lengths() []*int {
	return []*int{&h.words, &h.edges, &h.pairs, &h.bytes}
}

// write writes all but the checksum.
func (h *header) write(data []byte) {
	copy(data, magic)
	binary.LittleEndian.PutUint32(data[versionAt:], version)
	binary.LittleEndian.PutUint32(data[modeAt:], uint32(h.mode))
	copy(data[listHashAt:unicodeAt], h.listHash)
	copy(data[unicodeAt:countsAt], h.unicode)
	at := countsAt
	for _, c := range h.counts() {
		binary.LittleEndian.PutUint32(data[at:], *c)
		at += 4
	}
	at = lengthsAt
	for _, n := range h.lengths() {
		binary.LittleEndian.PutUint64(data[at:], uint64(*n))
		at += 8
	}
}

func (h *header) read(data []byte) {
	text := func(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }
	h.mode = Mode(binary.LittleEndian.Uint32(data[modeAt:]))
	h.listHash, h.unicode = text(data[listHashAt:unicodeAt]), text(data[unicodeAt:countsAt])
	at := countsAt
	for _, c := range h.counts() {
		*c = binary.LittleEndian.Uint32(data[at:])
		at += 4
	}
	at = lengthsAt
	for _, n := range h.lengths() {
		*n = int(min(binary.LittleEndian.Uint64(data[at:]), 1<<40))
		at += 8
	}
}
