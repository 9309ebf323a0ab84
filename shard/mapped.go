package shard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"unsafe"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// The Arrow IPC file format, as far as parts use it (flat columns, one list of
// numbers, zstd or no compression), read from a mapping. arrow/go v17 reads a
// batch by copying all of it; here a column's buffers are slices of the file,
// so that one picture of a part can be had without touching the others.
//
// Field numbers are those of the Arrow format's File.fbs, Message.fbs.

var arrowMagic = []byte("ARROW1")

// mapping is a file in memory, read only.
type mapping []byte

func mapFile(path string) (mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < 32 {
		return nil, fmt.Errorf("it has %d bytes, too few for an Arrow file", info.Size())
	}
	return unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
}

func (m mapping) close() error { return unix.Munmap(m) }

// slice returns m[offset:offset+length], or an error where that lies outside.
func (m mapping) slice(offset, length int64) ([]byte, error) {
	if offset < 0 || length < 0 || offset > int64(len(m)) || length > int64(len(m))-offset {
		return nil, fmt.Errorf("bytes %d to %d lie outside the file of %d bytes", offset, offset+length, len(m))
	}
	return m[offset : offset+length : offset+length], nil
}

// footer returns the flatbuffer that ends the file.
func (m mapping) footer() ([]byte, error) {
	n := int64(len(m))
	if string(m[:6]) != string(arrowMagic) {
		return nil, errors.New("it is not an Arrow file")
	}
	if string(m[n-6:]) != string(arrowMagic) {
		return nil, errors.New("its end is missing: it was cut short")
	}
	length := int64(int32(binary.LittleEndian.Uint32(m[n-10:])))
	return m.slice(n-10-length, length)
}

// block is where a record batch lies.
type block struct{ offset, metaLength, bodyLength int64 }

func (b block) end() int64 { return b.offset + b.metaLength + b.bodyLength }

// buffer is where a column's bytes lie within a batch's body.
type buffer struct{ offset, length int64 }

// guard turns the panics of the flatbuffers library, which trusts its offsets,
// into an error, and those of [faults].
func guard(what string, err *error) {
	if r := recover(); r != nil {
		if _, fault := r.(interface{ Addr() uintptr }); fault {
			*err = fmt.Errorf("its %s cannot be read: the file was cut short since it was opened, or the disk does not give its bytes", what)
			return
		}
		*err = fmt.Errorf("its %s is damaged: %v", what, r)
	}
}

// faults lets what the system raises where a mapping has no bytes be a panic of this
// goroutine, which otherwise ends the program, until what it returns is called.
func faults() (done func()) {
	before := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(before) }
}

func rootTable(buf []byte) flatbuffers.Table {
	return flatbuffers.Table{Bytes: buf, Pos: flatbuffers.GetUOffsetT(buf)}
}

// vtable slot of field number i.
func slot(i int) flatbuffers.VOffsetT { return flatbuffers.VOffsetT(4 + 2*i) }

func (m mapping) blocks() (blocks []block, err error) {
	defer guard("footer", &err)
	footer, err := m.footer()
	if err != nil {
		return nil, err
	}
	t := rootTable(footer)
	o := t.Offset(slot(3)) // Footer.recordBatches
	if o == 0 {
		return nil, nil
	}
	start, n := int(t.Vector(flatbuffers.UOffsetT(o))), t.VectorLen(flatbuffers.UOffsetT(o))
	if n > len(footer)/24 {
		return nil, fmt.Errorf("its footer claims %d batches", n)
	}
	for i := range n {
		b := footer[start+24*i:] // struct Block: long, int, padding, long
		blocks = append(blocks, block{
			offset:     int64(binary.LittleEndian.Uint64(b)),
			metaLength: int64(int32(binary.LittleEndian.Uint32(b[8:]))),
			bodyLength: int64(binary.LittleEndian.Uint64(b[16:])),
		})
	}
	return blocks, nil
}

// fileSchema is what a part's footer says of its columns.
type fileSchema struct {
	fields   []schemaField
	metadata map[string]string
}

type schemaField struct {
	name string
	kind kind
}

// kindUnknown stands for Arrow types that parts do not use.
const kindUnknown kind = 255

// Numbers of the union Type in Schema.fbs.
const (
	typeInt    = 2
	typeBinary = 4
	typeUtf8   = 5
	typeList   = 12
)

// schema decodes the footer's schema. It is decoded here and not by arrow/go,
// which allocates whatever a damaged file claims.
func (m mapping) schema() (out fileSchema, err error) {
	defer guard("schema", &err)
	footer, err := m.footer()
	if err != nil {
		return out, err
	}
	t := rootTable(footer)
	schema, ok := child(t, 1) // Footer.schema
	if !ok {
		return out, errors.New("it has no schema")
	}
	for _, f := range children(schema, 1) { // Schema.fields
		out.fields = append(out.fields, schemaField{text(f, 0), fieldKind(f)})
	}
	out.metadata = map[string]string{}
	for _, kv := range children(schema, 2) { // Schema.custom_metadata
		out.metadata[text(kv, 0)] = text(kv, 1)
	}
	return out, nil
}

func fieldKind(f flatbuffers.Table) kind {
	var typeNumber byte
	if o := f.Offset(slot(2)); o != 0 { // Field.type_type
		typeNumber = f.GetByte(f.Pos + flatbuffers.UOffsetT(o))
	}
	switch typeNumber {
	case typeUtf8:
		return kindString
	case typeBinary:
		return kindBytes
	case typeInt:
		t, ok := child(f, 3) // Field.type
		if !ok {
			return kindUnknown
		}
		bits, signed := int32(0), false
		if o := t.Offset(slot(0)); o != 0 {
			bits = t.GetInt32(t.Pos + flatbuffers.UOffsetT(o))
		}
		if o := t.Offset(slot(1)); o != 0 {
			signed = t.GetBool(t.Pos + flatbuffers.UOffsetT(o))
		}
		switch {
		case bits == 32 && signed:
			return kindInt32
		case bits == 64 && signed:
			return kindInt64
		case bits == 32:
			return kindUint32
		case bits == 64:
			return kindUint64
		}
	case typeList:
		if items := children(f, 5); len(items) == 1 && fieldKind(items[0]) == kindUint32 { // Field.children
			return kindUint32List
		}
	}
	return kindUnknown
}

// child returns the table in field i.
func child(t flatbuffers.Table, i int) (flatbuffers.Table, bool) {
	o := t.Offset(slot(i))
	if o == 0 {
		return flatbuffers.Table{}, false
	}
	return flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Pos + flatbuffers.UOffsetT(o))}, true
}

// children returns the tables of the vector in field i.
func children(t flatbuffers.Table, i int) []flatbuffers.Table {
	o := t.Offset(slot(i))
	if o == 0 {
		return nil
	}
	var tables []flatbuffers.Table
	start := t.Vector(flatbuffers.UOffsetT(o))
	for k := range t.VectorLen(flatbuffers.UOffsetT(o)) {
		tables = append(tables, flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(start + 4*flatbuffers.UOffsetT(k))})
	}
	return tables
}

// text returns a copy of the string in field i.
func text(t flatbuffers.Table, i int) string {
	o := t.Offset(slot(i))
	if o == 0 {
		return ""
	}
	return string(t.ByteVector(t.Pos + flatbuffers.UOffsetT(o)))
}

// batch is one record batch whose buffers have been found but not interpreted.
type batch struct {
	rows    int
	body    []byte
	buffers []buffer
	zstd    bool
}

const recordBatchHeader = 3 // MessageHeader.RecordBatch

func (m mapping) batch(b block) (out batch, err error) {
	defer guard("batch header", &err)
	meta, err := m.slice(b.offset, b.metaLength)
	if err != nil {
		return out, err
	}
	if out.body, err = m.slice(b.offset+b.metaLength, b.bodyLength); err != nil {
		return out, err
	}
	if binary.LittleEndian.Uint32(meta) == 0xffffffff { // continuation marker
		meta = meta[4:]
	}
	message := rootTable(meta[4:])
	if o := message.Offset(slot(1)); o == 0 || message.GetByte(message.Pos+flatbuffers.UOffsetT(o)) != recordBatchHeader {
		return out, errors.New("a message that should be a record batch is not one")
	}
	var t flatbuffers.Table
	message.Union(&t, flatbuffers.UOffsetT(message.Offset(slot(2))))
	if o := t.Offset(slot(0)); o != 0 {
		rows := t.GetInt64(t.Pos + flatbuffers.UOffsetT(o))
		if rows < 0 || rows > int64(len(m)) {
			return out, fmt.Errorf("a batch claims %d rows", rows)
		}
		out.rows = int(rows)
	}
	if o := t.Offset(slot(2)); o != 0 { // RecordBatch.buffers
		start, n := int(t.Vector(flatbuffers.UOffsetT(o))), t.VectorLen(flatbuffers.UOffsetT(o))
		for i := range n {
			s := t.Bytes[start+16*i:]
			out.buffers = append(out.buffers, buffer{
				int64(binary.LittleEndian.Uint64(s)), int64(binary.LittleEndian.Uint64(s[8:]))})
		}
	}
	if o := t.Offset(slot(3)); o != 0 { // RecordBatch.compression
		var c flatbuffers.Table
		c.Bytes, c.Pos = t.Bytes, t.Indirect(t.Pos+flatbuffers.UOffsetT(o))
		codec := byte(0)
		if o := c.Offset(slot(0)); o != 0 {
			codec = c.GetByte(c.Pos + flatbuffers.UOffsetT(o))
		}
		if codec != 1 {
			return out, fmt.Errorf("a batch is compressed with codec %d; parts use zstd, codec 1", codec)
		}
		out.zstd = true
	}
	return out, nil
}

// maxBuffer bounds what one compressed buffer may claim to hold.
const maxBuffer = 1 << 28

// bytes returns buffer i, decompressed where needed.
func (b *batch) bytes(i int, decoder *zstd.Decoder) ([]byte, error) {
	return b.bytesInto(nil, i, decoder)
}

// bytesInto is bytes that decompresses into the memory of into, if that is not
// nil.
func (b *batch) bytesInto(into []byte, i int, decoder *zstd.Decoder) ([]byte, error) {
	if i >= len(b.buffers) {
		return nil, fmt.Errorf("a batch has %d buffers, fewer than its columns need", len(b.buffers))
	}
	raw, err := mapping(b.body).slice(b.buffers[i].offset, b.buffers[i].length)
	if err != nil || !b.zstd || len(raw) == 0 {
		return raw, err
	}
	if len(raw) < 8 {
		return nil, errors.New("a compressed buffer is cut short")
	}
	length := int64(binary.LittleEndian.Uint64(raw))
	if length == -1 { // stored as it is, since compression did not pay
		if into != nil { // the caller keeps its memory longer than the mapping
			return append(into[:0], raw[8:]...), nil
		}
		return raw[8:], nil
	}
	if length < 0 || length > maxBuffer {
		return nil, fmt.Errorf("a compressed buffer claims %d bytes", length)
	}
	if into == nil {
		into = make([]byte, 0, min(length, 256*int64(len(raw))))
	}
	plain, err := decoder.DecodeAll(raw[8:], into[:0])
	if err != nil {
		return nil, fmt.Errorf("decompress a buffer: %w", err)
	}
	if int64(len(plain)) != length {
		return nil, fmt.Errorf("a compressed buffer claims %d bytes and holds %d", length, len(plain))
	}
	return plain, nil
}

// numbers views n little-endian values of type V at the start of raw.
func numbers[V int32 | int64 | uint32 | uint64 | float32](raw []byte, n int) ([]V, error) {
	var v V
	size := int(unsafe.Sizeof(v))
	if len(raw) < n*size {
		return nil, fmt.Errorf("a column of %d values has only %d bytes", n, len(raw))
	}
	if n == 0 {
		return nil, nil
	}
	p := unsafe.Pointer(unsafe.SliceData(raw))
	if uintptr(p)%uintptr(size) != 0 {
		return nil, errors.New("a column's values are not aligned")
	}
	return unsafe.Slice((*V)(p), n), nil
}
