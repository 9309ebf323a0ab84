package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
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

const metadataKey = "__metadata__"

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

// Decode reads a safetensors file, in order of the tensors' place in the file.
// Types F32, F64, F16, BF16, I32 and I64 become float32, rounded where it must be:
// a PyTorch state dict counts batches in I64.
func Decode(data []byte) (tensors []Tensor, metadata map[string]string, err error) {
	f, err := newFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, err
	}
	tensors, _, err = f.decode()
	return tensors, f.Metadata, err
}

// decode reads all tensors, in their order, and the hash of the file.
func (f *TensorFile) decode() (tensors []Tensor, hash string, err error) {
	for _, s := range f.Tensors {
		tensors = append(tensors, Tensor{Name: s.Name, Shape: s.Shape, Data: make([]float32, 0, s.Words)})
	}
	hash, err = f.Each(nil, func(i, _ int, words []float32) error {
		tensors[i].Data = append(tensors[i].Data, words...)
		return nil
	})
	return tensors, hash, err
}
