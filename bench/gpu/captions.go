package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/pairloom/pairloom/trainer/token"
)

// The captions of the bench are made up: of lengths as alt texts of web pages have
// them, 8 to 32 tokens and 18 on average, and of words that are nothing. No time depends
// on which words they are.
var lengths = []int{8, 10, 12, 14, 16, 18, 20, 22, 26, 32}

const (
	contextLength  = 77
	vocabularySize = token.PublicSize
	startToken     = vocabularySize - 2
	endToken       = vocabularySize - 1
)

// makeCaptions makes up n.
func makeCaptions(n int) *token.Captions {
	c := &token.Captions{}
	for i := range n {
		// Multiples of the golden ratio fall evenly between 0 and 1, in no order.
		_, share := math.Modf(float64(i+1) * math.Phi)
		ids := []int32{startToken}
		for k := 2; k < lengths[int(share*float64(len(lengths)))]; k++ {
			_, word := math.Modf(float64(i*contextLength+k) * math.Sqrt2)
			ids = append(ids, int32(1+word*float64(startToken-2)))
		}
		c.Append(append(ids, endToken))
	}
	return c
}

// writeCaptions writes n as int32[n,77], little-endian, padded with 0.
func writeCaptions(path string, n int) error {
	c := makeCaptions(n)
	data := make([]byte, 0, 4*n*contextLength)
	for i := range n {
		ids := c.Tokens[c.Offsets[i]:c.Offsets[i+1]]
		for k := range contextLength {
			id := int32(0)
			if k < len(ids) {
				id = ids[k]
			}
			data = binary.LittleEndian.AppendUint32(data, uint32(id))
		}
	}
	return os.WriteFile(path, data, 0o644)
}

// captions are the first n of the inputs, or made up where there are none.
func (s settings) captions(n int) (*token.Captions, error) {
	if s.inputs == "" {
		return makeCaptions(n), nil
	}
	data, err := os.ReadFile(s.inputs)
	if err != nil {
		return nil, err
	}
	if len(data) < 4*n*contextLength {
		return nil, fmt.Errorf("%s has %d captions, %d are needed", filepath.Base(s.inputs), len(data)/4/contextLength, n)
	}
	c := &token.Captions{}
	for i := range n {
		var ids []int32
		for k := range contextLength {
			if id := int32(binary.LittleEndian.Uint32(data[4*(i*contextLength+k):])); id != 0 {
				ids = append(ids, id)
			}
		}
		c.Append(ids)
	}
	return c, nil
}
