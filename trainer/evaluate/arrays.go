package evaluate

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// largestArray bounds what a file of pictures may hold, unpacked.
const largestArray = 1 << 31

// readPlain reads a file, unpacked where gzip packed it.
func readPlain(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var magic [2]byte
	n, err := io.ReadFull(f, magic[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var r io.Reader = io.MultiReader(bytes.NewReader(magic[:n]), f)
	if magic == [2]byte{0x1f, 0x8b} {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	data, err := io.ReadAll(io.LimitReader(r, largestArray+1))
	if err == nil && len(data) > largestArray {
		err = fmt.Errorf("it has more than %d bytes", largestArray)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// readIDX reads an array of bytes in the idx format of MNIST's page: two zeros,
// the type 8, the number of dimensions, each of them in four bytes, big end
// first, and the values.
func readIDX(path string, dimensions int) (shape []int, data []byte, err error) {
	data, err = readPlain(path)
	if err != nil {
		return nil, nil, err
	}
	header := 4 + 4*dimensions
	if len(data) < header || !bytes.Equal(data[:4], []byte{0, 0, 8, byte(dimensions)}) {
		return nil, nil, fmt.Errorf("%s is no idx file of bytes in %d dimensions", path, dimensions)
	}
	count := 1
	for d := range dimensions {
		n := int(binary.BigEndian.Uint32(data[4+4*d:]))
		if n > largestArray || count*n > largestArray {
			return nil, nil, fmt.Errorf("%s claims more than %d values", path, largestArray)
		}
		shape, count = append(shape, n), count*n
	}
	if len(data) != header+count {
		return nil, nil, fmt.Errorf("%s has %d bytes, but %d by its header; get it again", path, len(data), header+count)
	}
	return shape, data[header:], nil
}

// openMNIST reads pictures and labels of the idx format, packed by gzip or not.
// The labels are numbers from 0.
func openMNIST(paths []string) (*Set, error) {
	shape, data, err := readIDX(paths[0], 3)
	if err != nil {
		return nil, err
	}
	if shape[1] != shape[2] || shape[1] == 0 {
		return nil, fmt.Errorf("%s: pictures of %d by %d pixels, squares expected", paths[0], shape[1], shape[2])
	}
	labels, classes, err := readIDX(paths[1], 1)
	if err != nil {
		return nil, err
	}
	if labels[0] != shape[0] {
		return nil, fmt.Errorf("%s has %d pictures, %s %d labels", paths[0], shape[0], paths[1], labels[0])
	}
	s := &Set{Pictures: &pixels{shape[1], 1, data}}
	most := 0
	for _, c := range classes {
		s.Class = append(s.Class, int(c))
		most = max(most, int(c))
	}
	s.Labels = numbered(most + 1)
	return s, nil
}

// numbered are the labels of n classes without names.
func numbered(n int) (labels []string) {
	for i := range n {
		labels = append(labels, strconv.Itoa(i))
	}
	return labels
}

// openCIFAR reads files of CIFAR's binary format: labelBytes bytes of labels, of
// which the last counts, then 32 by 32 pixels in three planes, record after
// record. The labels are the lines of the file names beside the first file, or
// numbers where there is none.
func openCIFAR(paths []string, labelBytes int, names string, classes int) (*Set, error) {
	const side = 32
	s, p := &Set{}, &pixels{side: side, planes: 3}
	record := labelBytes + 3*side*side
	for _, path := range paths {
		data, err := readPlain(path)
		if err != nil {
			return nil, err
		}
		if len(data) == 0 || len(data)%record != 0 {
			return nil, fmt.Errorf("%s has %d bytes, a multiple of %d expected; get it again", path, len(data), record)
		}
		for i := 0; i < len(data); i += record {
			class := int(data[i+labelBytes-1])
			if class >= classes {
				return nil, fmt.Errorf("%s: record %d has the class %d, the largest is %d", path, i/record, class, classes-1)
			}
			s.Class = append(s.Class, class)
			p.data = append(p.data, data[i+labelBytes:i+record]...)
		}
	}
	s.Pictures = p
	path := filepath.Join(filepath.Dir(paths[0]), names)
	lines, err := ReadLabels(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.Labels = numbered(classes)
	case err != nil:
		return nil, err
	case len(lines) != classes:
		return nil, fmt.Errorf("%s has %d lines, %d expected", path, len(lines), classes)
	default:
		s.Labels = lines
	}
	return s, nil
}
