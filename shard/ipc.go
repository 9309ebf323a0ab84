package shard

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"
)

// Writing of the Arrow IPC file format, as far as parts use it; mapped.go reads
// it. arrow/go v17 copies every value into a builder, every builder into a batch,
// and compresses at one level: half of what the match stage did was that. Here a
// row's values are appended to the buffers that are written, and compressed by
// the fastest level, which costs half the time for a twentieth more bytes.
//
// Field numbers are those of the Arrow format's File.fbs, Message.fbs and
// Schema.fbs.

const (
	metadataV5      = 4 // MetadataVersion.V5
	schemaHeader    = 1 // MessageHeader.Schema
	codecZstd       = 1 // CompressionType.ZSTD
	bufferAlignment = 64
	continuation    = 0xffffffff
)

// columnBuffer collects the values of one column of a batch.
type columnBuffer struct {
	fixed []byte // offsets or numbers, little-endian
	data  []byte // of strings, bytes and lists
}

// add appends the column's value in the record at row.
func (b *columnBuffer) add(c *column, row unsafe.Pointer) {
	switch c.kind {
	case kindString:
		if v := *c.str(row); utf8.ValidString(v) {
			b.data = append(b.data, v...)
		} else {
			b.data = append(b.data, strings.ToValidUTF8(v, "\ufffd")...)
		}
		b.fixed = binary.LittleEndian.AppendUint32(b.fixed, uint32(len(b.data)))
	case kindBytes:
		b.data = append(b.data, *c.bytes(row)...)
		b.fixed = binary.LittleEndian.AppendUint32(b.fixed, uint32(len(b.data)))
	case kindUint32List:
		for _, x := range *c.list(row) {
			b.data = binary.LittleEndian.AppendUint32(b.data, x)
		}
		b.fixed = binary.LittleEndian.AppendUint32(b.fixed, uint32(len(b.data)/4))
	case kindInt32, kindUint32:
		b.fixed = binary.LittleEndian.AppendUint32(b.fixed, *c.uint32(row))
	case kindInt64, kindUint64:
		b.fixed = binary.LittleEndian.AppendUint64(b.fixed, *c.uint64(row))
	}
}

// addWire appends the column's value from a row that AppendRow wrote, whose texts
// come from columns and are UTF-8, and returns what is behind it.
func (b *columnBuffer) addWire(c *column, src []byte) ([]byte, error) {
	if c.kind == kindUint64 {
		if len(src) < 8 {
			return nil, errShortRow
		}
		b.fixed = append(b.fixed, src[:8]...)
		return src[8:], nil
	}
	n, size := binary.Uvarint(src)
	if size <= 0 {
		return nil, errShortRow
	}
	src = src[size:]
	switch c.kind {
	case kindString, kindBytes:
		if n > uint64(len(src)) {
			return nil, errShortRow
		}
		b.data = append(b.data, src[:n]...)
		b.fixed = binary.LittleEndian.AppendUint32(b.fixed, uint32(len(b.data)))
		src = src[n:]
	case kindInt32:
		b.fixed = binary.LittleEndian.AppendUint32(b.fixed, uint32(zigzag(n)))
	case kindInt64:
		b.fixed = binary.LittleEndian.AppendUint64(b.fixed, uint64(zigzag(n)))
	case kindUint32:
		b.fixed = binary.LittleEndian.AppendUint32(b.fixed, uint32(n))
	case kindUint32List:
		for ; n > 0; n-- {
			v, size := binary.Uvarint(src)
			if size <= 0 {
				return nil, errShortRow
			}
			b.data, src = binary.LittleEndian.AppendUint32(b.data, uint32(v)), src[size:]
		}
		b.fixed = binary.LittleEndian.AppendUint32(b.fixed, uint32(len(b.data)/4))
	}
	return src, nil
}

// reset empties the column for the next batch; offsets begin with a 0.
func (b *columnBuffer) reset(k kind) {
	b.fixed, b.data = b.fixed[:0], b.data[:0]
	if k == kindString || k == kindBytes || k == kindUint32List {
		b.fixed = append(b.fixed, 0, 0, 0, 0)
	}
}

// ipcWriter writes a file: magic, schema, batches, footer.
type ipcWriter struct {
	w        io.Writer
	written  int64
	columns  []column
	metadata [][2]string
	blocks   []block
	encoder  *zstd.Encoder // nil when buffers are not compressed
	fb       *flatbuffers.Builder
	body     []byte
	buffers  []buffer
	facts    []string // Part.Facts so far
}

func (w *ipcWriter) write(p []byte) error {
	n, err := w.w.Write(p)
	w.written += int64(n)
	return err
}

// padding is how many bytes are missing to a multiple of to.
func padding(n int64, to int64) int64 { return (to - n%to) % to }

var zeros [bufferAlignment]byte

// begin writes what stands before the first batch.
func (w *ipcWriter) begin() error {
	w.fb = flatbuffers.NewBuilder(4096)
	if err := w.write(append(slices.Clone(arrowMagic), 0, 0)); err != nil {
		return err
	}
	w.fb.Finish(w.message(schemaHeader, w.schema(), 0))
	_, err := w.encapsulate()
	return err
}

// encapsulate writes the finished message with its length before it, and returns
// the length of both, padded.
func (w *ipcWriter) encapsulate() (int64, error) {
	message := w.fb.FinishedBytes()
	pad := padding(w.written+8+int64(len(message)), 8)
	head := binary.LittleEndian.AppendUint32(nil, continuation)
	head = binary.LittleEndian.AppendUint32(head, uint32(int64(len(message))+pad))
	for _, p := range [][]byte{head, message, zeros[:pad]} {
		if err := w.write(p); err != nil {
			return 0, err
		}
	}
	return int64(len(head)+len(message)) + pad, nil
}

// message is a Message around a header.
func (w *ipcWriter) message(kind byte, header flatbuffers.UOffsetT, bodyLength int64) flatbuffers.UOffsetT {
	w.fb.StartObject(5)
	w.fb.PrependInt16Slot(0, metadataV5, 0)
	w.fb.PrependByteSlot(1, kind, 0)
	w.fb.PrependUOffsetTSlot(2, header, 0)
	w.fb.PrependInt64Slot(3, bodyLength, 0)
	return w.fb.EndObject()
}

// vector is a vector of tables.
func (w *ipcWriter) vector(items []flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	w.fb.StartVector(4, len(items), 4)
	for _, item := range slices.Backward(items) {
		w.fb.PrependUOffsetT(item)
	}
	return w.fb.EndVector(len(items))
}

func (w *ipcWriter) schema() flatbuffers.UOffsetT {
	var fields, metadata []flatbuffers.UOffsetT
	for _, f := range w.columns {
		fields = append(fields, w.field(f.name, f.kind))
	}
	for _, kv := range w.metadata {
		key, value := w.fb.CreateString(kv[0]), w.fb.CreateString(kv[1])
		w.fb.StartObject(2)
		w.fb.PrependUOffsetTSlot(0, key, 0)
		w.fb.PrependUOffsetTSlot(1, value, 0)
		metadata = append(metadata, w.fb.EndObject())
	}
	fieldList, metadataList := w.vector(fields), w.vector(metadata)
	w.fb.StartObject(4)
	w.fb.PrependUOffsetTSlot(1, fieldList, 0)
	w.fb.PrependUOffsetTSlot(2, metadataList, 0)
	return w.fb.EndObject()
}

// field is a Field, not nullable; a list's values are called item, as Arrow's own
// libraries call them.
func (w *ipcWriter) field(name string, k kind) flatbuffers.UOffsetT {
	var children []flatbuffers.UOffsetT
	if k == kindUint32List {
		children = append(children, w.field("item", kindUint32))
	}
	childList := w.vector(children)
	label := w.fb.CreateString(name)
	typeNumber := byte(typeInt)
	switch k {
	case kindString:
		typeNumber = typeUtf8
	case kindBytes:
		typeNumber = typeBinary
	case kindUint32List:
		typeNumber = typeList
	}
	w.fb.StartObject(2)
	if typeNumber == typeInt {
		bits := int32(32)
		if k == kindInt64 || k == kindUint64 {
			bits = 64
		}
		w.fb.PrependInt32Slot(0, bits, 0)
		w.fb.PrependBoolSlot(1, k == kindInt32 || k == kindInt64, false)
	}
	typ := w.fb.EndObject()
	w.fb.StartObject(7)
	w.fb.PrependUOffsetTSlot(0, label, 0)
	w.fb.PrependBoolSlot(1, false, false)
	w.fb.PrependByteSlot(2, typeNumber, 0)
	w.fb.PrependUOffsetTSlot(3, typ, 0)
	w.fb.PrependUOffsetTSlot(5, childList, 0)
	return w.fb.EndObject()
}

// batch writes a record batch of the columns.
func (w *ipcWriter) batch(rows int, columns []columnBuffer) error {
	w.body, w.buffers = w.body[:0], w.buffers[:0]
	facts, pictures := xxhash.New(), false
	var nodes []int64 // lengths
	for i, f := range w.columns {
		c := &columns[i]
		if f.kind == kindBytes {
			pictures = true
		} else {
			facts.Write(c.fixed)
			facts.Write(c.data)
		}
		nodes = append(nodes, int64(rows))
		w.buffer(nil) // validity: none is null
		w.buffer(c.fixed)
		switch f.kind {
		case kindUint32List:
			nodes = append(nodes, int64(len(c.data)/4))
			w.buffer(nil)
			w.buffer(c.data)
		case kindString, kindBytes:
			w.buffer(c.data)
		}
	}
	if pictures {
		w.facts = append(w.facts, fmt.Sprintf("%016x", facts.Sum64()))
	}
	w.fb.Reset()
	w.fb.StartVector(16, len(w.buffers), 8)
	for _, b := range slices.Backward(w.buffers) {
		w.fb.Prep(8, 16)
		w.fb.PrependInt64(b.length)
		w.fb.PrependInt64(b.offset)
	}
	bufferList := w.fb.EndVector(len(w.buffers))
	w.fb.StartVector(16, len(nodes), 8)
	for _, n := range slices.Backward(nodes) {
		w.fb.Prep(8, 16)
		w.fb.PrependInt64(0) // nulls
		w.fb.PrependInt64(n)
	}
	nodeList := w.fb.EndVector(len(nodes))
	var compression flatbuffers.UOffsetT
	if w.encoder != nil {
		w.fb.StartObject(2)
		w.fb.PrependByteSlot(0, codecZstd, 0)
		compression = w.fb.EndObject()
	}
	w.fb.StartObject(4)
	w.fb.PrependInt64Slot(0, int64(rows), 0)
	w.fb.PrependUOffsetTSlot(1, nodeList, 0)
	w.fb.PrependUOffsetTSlot(2, bufferList, 0)
	w.fb.PrependUOffsetTSlot(3, compression, 0)
	w.fb.Finish(w.message(recordBatchHeader, w.fb.EndObject(), int64(len(w.body))))
	b := block{offset: w.written, bodyLength: int64(len(w.body))}
	var err error
	if b.metaLength, err = w.encapsulate(); err != nil {
		return err
	}
	w.blocks = append(w.blocks, b)
	return w.write(w.body)
}

// buffer appends a buffer to the body, compressed where the writer does that: the
// plain length as 8 bytes, then one frame of zstd, or -1 and the bytes as they
// are where a frame would be longer (Message.fbs, BodyCompressionMethod).
func (w *ipcWriter) buffer(plain []byte) {
	start := len(w.body)
	switch {
	case len(plain) == 0:
	case w.encoder == nil:
		w.body = append(w.body, plain...)
	default:
		w.body = binary.LittleEndian.AppendUint64(w.body, uint64(len(plain)))
		if w.body = w.encoder.EncodeAll(plain, w.body); len(w.body)-start-8 >= len(plain) {
			w.body = binary.LittleEndian.AppendUint64(w.body[:start], ^uint64(0))
			w.body = append(w.body, plain...)
		}
	}
	w.buffers = append(w.buffers, buffer{int64(start), int64(len(w.body) - start)})
	w.body = append(w.body, zeros[:padding(int64(len(w.body)), bufferAlignment)]...)
}

// end writes the end of the stream and the footer.
func (w *ipcWriter) end() error {
	if err := w.write(binary.LittleEndian.AppendUint64(nil, continuation)); err != nil {
		return err
	}
	w.fb.Reset()
	w.fb.StartVector(24, len(w.blocks), 8)
	for _, b := range slices.Backward(w.blocks) {
		w.fb.Prep(8, 24)
		w.fb.PrependInt64(b.bodyLength)
		w.fb.Pad(4)
		w.fb.PrependInt32(int32(b.metaLength))
		w.fb.PrependInt64(b.offset)
	}
	blocks := w.fb.EndVector(len(w.blocks))
	schema := w.schema()
	w.fb.StartVector(24, 0, 8)
	dictionaries := w.fb.EndVector(0)
	w.fb.StartObject(5)
	w.fb.PrependInt16Slot(0, metadataV5, 0)
	w.fb.PrependUOffsetTSlot(1, schema, 0)
	w.fb.PrependUOffsetTSlot(2, dictionaries, 0)
	w.fb.PrependUOffsetTSlot(3, blocks, 0)
	w.fb.Finish(w.fb.EndObject())
	footer := w.fb.FinishedBytes()
	if err := w.write(footer); err != nil {
		return err
	}
	return w.write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(footer))), arrowMagic...))
}
