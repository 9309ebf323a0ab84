package cells

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/thrift/lib/go/thrift"
)

// Headers of Parquet are Thrift structs in the compact protocol. They are walked
// here for their numbers before anything is made by what they claim: the parsers
// generated from parquet.thrift, and what builds on them, make room for as many
// elements and bytes as a header says there are.

// Paths of numbers: the ids of the fields from the outermost in, two digits each.
// Numbers are those of parquet.thrift.
const (
	footerSchema   = 2   // FileMetaData.schema
	footerChildren = 205 // SchemaElement.num_children

	pageKind   = 1 // PageHeader.type
	pagePlain  = 2 // uncompressed_page_size
	pagePacked = 3 // compressed_page_size

	dataValues   = 501 // data_page_header.num_values
	dataEncoding = 502
	dataLevels   = 503 // definition_level_encoding

	dictionaryValues   = 701 // dictionary_page_header.num_values
	dictionaryEncoding = 702

	v2Values   = 801 // data_page_header_v2.num_values
	v2Encoding = 804
	v2Defined  = 805 // definition_levels_byte_length
	v2Repeated = 806 // repetition_levels_byte_length
	v2Packed   = 807 // is_compressed, by default true
)

// Kinds of pages.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPageV2     = 3
)

// mostColumns bounds the columns of a file and their groups.
const mostColumns = 1 << 16

// deepestHeader is more than the structs of parquet.thrift nest.
const deepestHeader = 16

// walk visits the numbers of a value in the order in which they lie, and of each
// list its length. What it reads, it holds: a list that claims more elements than
// there are bytes ends as an error.
func walk(p thrift.TProtocol, kind thrift.TType, path, depth int, visit func(path int, n int64) error) error {
	ctx := context.Background()
	switch kind {
	case thrift.STRUCT:
		if depth == deepestHeader {
			return errors.New("its structs nest too deep")
		}
		if _, err := p.ReadStructBegin(ctx); err != nil {
			return err
		}
		for {
			_, kind, id, err := p.ReadFieldBegin(ctx)
			if err != nil {
				return err
			}
			if kind == thrift.STOP {
				return p.ReadStructEnd(ctx)
			}
			if err := walk(p, kind, path*100+int(id), depth+1, visit); err != nil {
				return err
			}
		}
	case thrift.LIST:
		kind, n, err := p.ReadListBegin(ctx)
		if err == nil {
			err = visit(path, int64(n))
		}
		for i := 0; i < n && err == nil; i++ {
			err = walk(p, kind, path, depth, visit)
		}
		return err
	case thrift.BOOL:
		v, err := p.ReadBool(ctx)
		if err == nil && v {
			return visit(path, 1)
		}
		return errors.Join(err, visit(path, 0))
	case thrift.I16:
		v, err := p.ReadI16(ctx)
		if err != nil {
			return err
		}
		return visit(path, int64(v))
	case thrift.I32:
		v, err := p.ReadI32(ctx)
		if err != nil {
			return err
		}
		return visit(path, int64(v))
	case thrift.I64:
		v, err := p.ReadI64(ctx)
		if err != nil {
			return err
		}
		return visit(path, v)
	}
	return p.Skip(ctx, kind)
}

// walkHeader walks the struct that data begins with and returns its length.
func walkHeader(data []byte, visit func(path int, n int64) error) (length int, err error) {
	b := &thrift.TMemoryBuffer{Buffer: bytes.NewBuffer(data)}
	err = walk(thrift.NewTCompactProtocolConf(b, nil), thrift.STRUCT, 0, 0, visit)
	return len(data) - b.Len(), err
}

// wholeParquet checks that a file has a footer whose claims are borne out, and
// returns the size of the file.
func wholeParquet(file *os.File) (size int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	var end [8]byte // length of the footer, PAR1
	if size = info.Size(); size < int64(len(end)) {
		return 0, io.ErrUnexpectedEOF
	}
	if _, err := file.ReadAt(end[:], size-int64(len(end))); err != nil {
		return 0, err
	}
	if string(end[4:]) != "PAR1" {
		return 0, fmt.Errorf("its last bytes are %q, PAR1 expected", end[4:])
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	if length > size-int64(len(end)) {
		return 0, fmt.Errorf("its end claims a footer of %d bytes, the file has %d", length, size)
	}
	footer := make([]byte, length)
	if _, err := file.ReadAt(footer, size-int64(len(end))-length); err != nil {
		return 0, err
	}
	elements := int64(0)
	_, err = walkHeader(footer, func(path int, n int64) error {
		switch {
		case path == footerSchema && n > mostColumns:
			return fmt.Errorf("it claims %d columns, %d are the most", n, mostColumns)
		case path == footerSchema:
			elements = n
		case path == footerChildren:
			if elements -= n; n < 0 || elements < 0 { // each is a child once
				return errors.New("its columns claim more fields than there are")
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("its footer is damaged: %w", err)
	}
	return size, nil
}
