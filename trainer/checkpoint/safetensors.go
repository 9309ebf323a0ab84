package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/trainer/nn"
)

// Tensor is what a safetensors file holds many of.
type Tensor = nn.Tensor

// entry is a tensor in the header of a safetensors file.
type entry struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

const (
	metadataKey   = "__metadata__"
	largestHeader = 100 << 20
)

// Encode writes tensors as a safetensors file: the header's length as 8 bytes,
// little-endian; the header, JSON padded with spaces to a multiple of 8; the
// data in order of names. metadata is text for readers.
func Encode(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	sorted := slices.Clone(tensors)
	slices.SortFunc(sorted, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	header := map[string]any{}
	if len(metadata) > 0 {
		header[metadataKey] = metadata
	}
	at := int64(0)
	for _, t := range sorted {
		if _, repeated := header[t.Name]; repeated {
			return fmt.Errorf("write safetensors: two tensors are called %q", t.Name)
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		header[t.Name] = entry{"F32", shape, [2]int64{at, at + int64(len(t.Data))*4}}
		at += int64(len(t.Data)) * 4
	}
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("write safetensors header: %w", err)
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)); err != nil {
		return err
	}
	buffer := make([]byte, 0, 1<<16)
	for _, t := range sorted {
		for data := range slices.Chunk(t.Data, 1<<14) {
			buffer = buffer[:0]
			for _, v := range data {
				buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(v))
			}
			if _, err := w.Write(buffer); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	errShort  = errors.New("it is cut short")
	errHeader = errors.New("its header is not that of a safetensors file")
	errLayout = errors.New("its tensors overlap or leave gaps")
)

// A format says how a type of tensor is stored and read.
type format struct {
	bytes int64
	read  func(word []byte) float32
}

// formats are the types that Decode knows, by their names in the header.
var formats = map[string]format{
	"F32":  {4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"F64":  {8, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }},
	"BF16": {2, func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) }},
	"F16":  {2, func(b []byte) float32 { return halfFloat(binary.LittleEndian.Uint16(b)) }},
	"I64":  {8, func(b []byte) float32 { return float32(int64(binary.LittleEndian.Uint64(b))) }},
}

// halfFloat is the value of an IEEE 754 binary16 number: a sign, 5 bits of
// exponent and 10 of fraction.
func halfFloat(h uint16) float32 {
	exponent, fraction := int(h>>10&31), float64(h&1023)
	x := math.Ldexp(1024+fraction, exponent-25)
	switch {
	case exponent == 0:
		x = math.Ldexp(fraction, -24)
	case exponent == 31 && fraction == 0:
		x = math.Inf(1)
	case exponent == 31:
		x = math.NaN()
	}
	if h>>15 == 1 {
		x = -x
	}
	return float32(x)
}

// Decode reads a safetensors file, in order of the tensors' place in the file.
// Types F32, F64, F16, BF16 and I64 become float32, rounded where it must be:
// a PyTorch state dict counts batches in I64.
func Decode(data []byte) (tensors []Tensor, metadata map[string]string, err error) {
	if len(data) < 8 {
		return nil, nil, errShort
	}
	length := binary.LittleEndian.Uint64(data)
	if length > largestHeader {
		return nil, nil, errHeader
	}
	if uint64(len(data)-8) < length {
		return nil, nil, errShort
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(data[8:8+length], &header); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errHeader, err)
	}
	data = data[8+length:]
	if raw, there := header[metadataKey]; there {
		if err := json.Unmarshal(raw, &metadata); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errHeader, err)
		}
		delete(header, metadataKey)
	}
	type named struct {
		entry
		name string
	}
	var entries []named
	for name, raw := range header {
		e := named{name: name}
		if err := json.Unmarshal(raw, &e.entry); err != nil {
			return nil, nil, fmt.Errorf("%w: tensor %q: %w", errHeader, name, err)
		}
		if formats[e.DType].read == nil {
			return nil, nil, fmt.Errorf("tensor %q has type %s; F32, F64, F16, BF16 or I64 expected", name, e.DType)
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b named) int {
		if a.Offsets[0] != b.Offsets[0] {
			return int(max(-1, min(1, a.Offsets[0]-b.Offsets[0])))
		}
		if a.Offsets[1] != b.Offsets[1] {
			return int(max(-1, min(1, a.Offsets[1]-b.Offsets[1])))
		}
		return strings.Compare(a.name, b.name)
	})
	at := int64(0)
	for _, e := range entries {
		f, words := formats[e.DType], int64(1)
		for _, n := range e.Shape {
			if n < 0 || n > 1<<31 || words > int64(len(data)) {
				return nil, nil, fmt.Errorf("tensor %q: its shape %v is out of range", e.name, e.Shape)
			}
			words *= int64(n)
		}
		if e.Offsets[0] != at || words > 1<<40 || e.Offsets[1] != at+f.bytes*words {
			return nil, nil, fmt.Errorf("tensor %q: %w", e.name, errLayout)
		}
		if at = e.Offsets[1]; at > int64(len(data)) {
			return nil, nil, errShort
		}
		x := make([]float32, words)
		raw := data[e.Offsets[0]:e.Offsets[1]]
		for i := range x {
			x[i] = f.read(raw[int64(i)*f.bytes:])
		}
		tensors = append(tensors, Tensor{Name: e.name, Shape: e.Shape, Data: x})
	}
	if at != int64(len(data)) {
		return nil, nil, errLayout
	}
	return tensors, metadata, nil
}
