package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

var (
	errShort  = errors.New("it is cut short")
	errHeader = errors.New("its header is not that of a safetensors file")
	errLayout = errors.New("its tensors overlap or leave gaps")
)

// largestHeader is the limit of the safetensors library, in bytes; those of released
// models have some 100 kB.
const largestHeader = 100_000_000

// pieceWords is the number of words that [TensorFile.Each] hands on at a time.
const pieceWords = 1 << 18

// A TensorFile is a safetensors file whose header was read. Its tensors stay on the disk
// until Each reads them, a piece at a time, so that they are never held twice.
type TensorFile struct {
	Path     string // "" for one in memory
	Tensors  []Stored
	Metadata map[string]string

	r     io.ReaderAt
	close func() error
	data  int64 // where it begins in the file
	size  int64
}

// Stored is a tensor that lies in a file.
type Stored struct {
	Name  string
	Shape []int
	Type  string // as the header has it: F32, BF16 and others
	Words int

	at int64 // in the data
}

// OpenTensors reads the header of a safetensors file. What is none is named with what to
// do about it.
func OpenTensors(path string) (*TensorFile, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read weights: %w", err)
	}
	info, err := r.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder; name the safetensors file in it")
	}
	var f *TensorFile
	if err == nil {
		f, err = newFile(r, info.Size())
	}
	if err != nil {
		err = fmt.Errorf("read weights %s: %w", path, foreign(path, r, err))
		r.Close()
		return nil, err
	}
	f.Path, f.close = path, r.Close
	return f, nil
}

// Close gives the file back.
func (f *TensorFile) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// newFile reads the header of a file of that size, which nobody vouches for: whatever
// it says is held against the file's length before memory is asked for.
func newFile(r io.ReaderAt, size int64) (*TensorFile, error) {
	var word [8]byte
	if size < int64(len(word)) {
		return nil, errShort
	}
	if _, err := r.ReadAt(word[:], 0); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(word[:])
	if length > largestHeader {
		return nil, errHeader
	}
	if uint64(size-8) < length {
		return nil, errShort
	}
	text := make([]byte, length)
	if n, err := r.ReadAt(text, 8); n < len(text) {
		return nil, err
	}
	f := &TensorFile{r: r, size: size, data: 8 + int64(length)}
	if err := f.parse(text); err != nil {
		return nil, err
	}
	return f, f.place()
}

// parse reads the JSON of the header.
func (f *TensorFile) parse(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errHeader
	}
	known := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("%w: %w", errHeader, err)
		}
		name, _ := key.(string) // of an object, always
		if known[name] {
			return fmt.Errorf("%w: it names %q twice", errHeader, name)
		}
		known[name] = true
		if name == metadataKey {
			if err := d.Decode(&f.Metadata); err != nil {
				return fmt.Errorf("%w: %w", errHeader, err)
			}
			continue
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("%w: tensor %q: %w", errHeader, name, err)
		}
		s := Stored{Name: name, Shape: e.Shape, Type: e.DType, at: e.Offsets[0]}
		if s.Words, err = e.words(); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		f.Tensors = append(f.Tensors, s)
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%w: %w", errHeader, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows it", errHeader)
	}
	return nil
}

// words is the number of values, after its shape and its length.
func (e entry) words() (int, error) {
	format, known := formats[e.DType]
	if !known {
		return 0, fmt.Errorf("it has type %s, which no safetensors file has", e.DType)
	}
	words := int64(1)
	for _, n := range e.Shape {
		if n < 0 || n > 1<<31 || n > 0 && words > 1<<40/int64(n) {
			return 0, fmt.Errorf("its shape %v is out of range", e.Shape)
		}
		words *= int64(n)
	}
	if from := e.Offsets[0]; from < 0 || e.Offsets[1]-from != words*format.bytes {
		return 0, errLayout
	}
	return int(words), nil
}

// place sorts the tensors by their place, and holds that they fill the file.
func (f *TensorFile) place() error {
	slices.SortFunc(f.Tensors, func(a, b Stored) int {
		switch {
		case a.at != b.at:
			return int(max(-1, min(1, a.at-b.at)))
		case a.Words != b.Words: // empty ones first
			return a.Words - b.Words
		}
		return strings.Compare(a.Name, b.Name)
	})
	at := int64(0)
	for _, s := range f.Tensors {
		if s.at != at {
			return fmt.Errorf("tensor %q: %w", s.Name, errLayout)
		}
		if at += s.bytes(); at > f.size-f.data {
			return errShort
		}
	}
	if at != f.size-f.data {
		return errLayout
	}
	return nil
}

func (s Stored) bytes() int64 { return int64(s.Words) * formats[s.Type].bytes }

// Each reads the whole file once, in order, and hands on the tensors as float32, each
// in pieces: words of Tensors[i] from the word from on. Types other than F32 are
// converted, exactly but for F64, I32 and I64. The slice is used again. Tensors that
// skip, which may be nil, tells of are passed over. The hash is that of the file,
// xxhash64.
func (f *TensorFile) Each(skip func(i int) bool, visit func(i, from int, words []float32) error) (hash string, err error) {
	h := xxhash.New()
	if _, err := io.Copy(h, io.NewSectionReader(f.r, 0, f.data)); err != nil {
		return "", err
	}
	raw, words := []byte(nil), []float32(nil)
	for i, s := range f.Tensors {
		format := formats[s.Type]
		if skip != nil && skip(i) {
			if _, err := io.Copy(h, io.NewSectionReader(f.r, f.data+s.at, s.bytes())); err != nil {
				return "", err
			}
			continue
		}
		if format.read == nil {
			return "", fmt.Errorf("tensor %q has type %s; F32, F64, F16, BF16, I32 or I64 expected", s.Name, s.Type)
		}
		for from := 0; from < s.Words; from += pieceWords {
			n := min(pieceWords, s.Words-from)
			if words == nil {
				raw, words = make([]byte, 8*pieceWords), make([]float32, pieceWords)
			}
			piece := raw[:int64(n)*format.bytes]
			if read, err := f.r.ReadAt(piece, f.data+s.at+int64(from)*format.bytes); read < len(piece) {
				return "", fmt.Errorf("tensor %q: %w", s.Name, err)
			}
			h.Write(piece)
			format.read(words[:n], piece)
			if err := visit(i, from, words[:n]); err != nil {
				return "", err
			}
		}
	}
	return fmt.Sprintf("%016x", h.Sum64()), nil
}

// finite holds that all values of a tensor are.
func finite(name string, words []float32) error {
	for _, v := range words {
		// An exponent of ones is that of an infinity or none of a number.
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return fmt.Errorf("tensor %s holds %g", name, v)
		}
	}
	return nil
}

// A format says how a type of tensor is stored, and how it is read where it can be.
type format struct {
	bytes int64
	read  func(to []float32, from []byte)
}

// formats are the types of safetensors files, by their names in the header.
var formats = map[string]format{
	"F32": {4, func(to []float32, from []byte) {
		for i := range to {
			to[i] = math.Float32frombits(binary.LittleEndian.Uint32(from[4*i:]))
		}
	}},
	"F64": {8, func(to []float32, from []byte) {
		for i := range to {
			to[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(from[8*i:])))
		}
	}},
	"BF16": {2, func(to []float32, from []byte) {
		for i := range to {
			to[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(from[2*i:])) << 16)
		}
	}},
	"F16": {2, func(to []float32, from []byte) {
		for i := range to {
			to[i] = halfFloat(binary.LittleEndian.Uint16(from[2*i:]))
		}
	}},
	"I32": {4, func(to []float32, from []byte) {
		for i := range to {
			to[i] = float32(int32(binary.LittleEndian.Uint32(from[4*i:])))
		}
	}},
	"I64": {8, func(to []float32, from []byte) {
		for i := range to {
			to[i] = float32(int64(binary.LittleEndian.Uint64(from[8*i:])))
		}
	}},
	"BOOL": {bytes: 1}, "U8": {bytes: 1}, "I8": {bytes: 1}, "F8_E4M3": {bytes: 1}, "F8_E5M2": {bytes: 1},
	"U16": {bytes: 2}, "I16": {bytes: 2}, "U32": {bytes: 4}, "U64": {bytes: 8},
}

// halfFloat is the value of an IEEE 754 binary16 number: a sign, 5 bits of
// exponent and 10 of fraction.
func halfFloat(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0:
		x := float32(fraction) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(x))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
