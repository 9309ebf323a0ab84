package lists

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/pairloom/pairloom/internal/cells"
	"github.com/pairloom/pairloom/internal/places"
)

const (
	mostBatch    = 1 << 30 // bytes of a record batch, packed or not
	mostUnpacked = 256     // times its bytes that a buffer may unpack to, and always 64 MiB
)

// messages reads the messages of an Arrow stream (Columnar Format, IPC) and passes on
// those whose claims are borne out: the library makes room for what they say they are.
// A file is such a stream behind 8 bytes.
type messages struct {
	f        *os.File
	at, size int64
	left     int64 // of the message at at that was looked at
	footer   int64 // where a file's footer begins; 0 in a stream

	places []int64 // where in the file the buffers of the last batch begin
	packed bool    // they are compressed
}

// Read is for ipc.NewReader, which asks in order.
func (m *messages) Read(b []byte) (int, error) {
	if m.left == 0 {
		if err := m.look(); err != nil {
			return 0, err
		}
	}
	n, err := m.f.ReadAt(b[:min(int64(len(b)), m.left)], m.at)
	m.at += int64(n)
	m.left -= int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

var errCutArrow = errors.New("it is cut off or damaged; get it again")

// look checks the message that begins at at: a mark, the length of its head, the head,
// the body.
func (m *messages) look() (err error) {
	if m.footer > 0 && m.at == m.footer {
		return io.EOF
	}
	var begin [8]byte
	if _, err := m.f.ReadAt(begin[:], m.at); err != nil {
		if err == io.EOF && m.at == m.size {
			return io.EOF // a stream may end so
		}
		return errCutArrow
	}
	head := int64(binary.LittleEndian.Uint32(begin[4:]))
	if binary.LittleEndian.Uint32(begin[:]) != 0xFFFFFFFF {
		return errors.New("it is no Arrow file of a version since 0.15, or damaged")
	}
	m.left = 8
	if head == 0 {
		return nil // the end of the stream, of which the library makes io.EOF
	}
	if head > m.size-m.at-8 || head > mostBatch {
		return errCutArrow
	}
	data := make([]byte, head)
	if _, err := m.f.ReadAt(data, m.at+8); err != nil {
		return errCutArrow
	}
	defer func() { // flatbuffers trusts its offsets
		if fault := recover(); fault != nil {
			err = errCutArrow
		}
	}()
	table := flatbuffers.Table{Bytes: data, Pos: flatbuffers.GetUOffsetT(data)}
	body := table.GetInt64Slot(10, 0) // Message.bodyLength
	if body < 0 || body > m.size-m.at-8-head {
		return errCutArrow
	}
	if body > mostBatch {
		return fmt.Errorf("it has a batch of %d bytes, %d are the most; write it in smaller ones", body, mostBatch)
	}
	m.left += head + body
	if fits(&table, 12, 4) != nil || table.Offset(8) == 0 {
		return errCutArrow
	}
	var batch flatbuffers.Table
	table.Union(&batch, flatbuffers.UOffsetT(table.Offset(8))) // Message.header
	switch table.GetByteSlot(6, 0) {
	case 1: // a Schema
		return schemaFits(&batch)
	case 2: // a DictionaryBatch, whose data is a RecordBatch
		if batch.Offset(6) == 0 {
			return errCutArrow
		}
		batch = flatbuffers.Table{Bytes: batch.Bytes, Pos: batch.Indirect(batch.Pos + flatbuffers.UOffsetT(batch.Offset(6)))}
	}
	for slot, size := range map[flatbuffers.VOffsetT]int{6: 16, 8: 16, 12: 8} { // nodes, buffers, variadicBufferCounts
		if err := fits(&batch, slot, size); err != nil {
			return err
		}
	}
	return m.buffers(&batch, m.at+8+head, body)
}

// fits checks that a vector of elements of that size is no longer than what holds it:
// the library makes room for as many as it claims to have.
func fits(t *flatbuffers.Table, slot flatbuffers.VOffsetT, size int) error {
	o := t.Offset(slot)
	if o == 0 {
		return nil
	}
	start, n := int(t.Vector(flatbuffers.UOffsetT(o))), t.VectorLen(flatbuffers.UOffsetT(o))
	if start > len(t.Bytes) || n < 0 || n > (len(t.Bytes)-start)/size {
		return errCutArrow
	}
	return nil
}

// schemaFits checks the vectors of a schema and its fields, which the library follows
// in the same way.
func schemaFits(schema *flatbuffers.Table) error {
	fields := 0
	var follow func(t *flatbuffers.Table, children, metadata flatbuffers.VOffsetT, depth int) error
	follow = func(t *flatbuffers.Table, children, metadata flatbuffers.VOffsetT, depth int) error {
		if err := errors.Join(fits(t, children, 4), fits(t, metadata, 4)); err != nil {
			return errCutArrow
		}
		o := flatbuffers.UOffsetT(t.Offset(children))
		if o == 0 {
			return nil
		}
		first := t.Vector(o)
		for i := range t.VectorLen(o) {
			if fields++; fields > mostColumns || depth == 32 {
				return fmt.Errorf("it has more than %d columns, or columns nested deeper than 32", mostColumns)
			}
			field := flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(first + flatbuffers.UOffsetT(4*i))}
			if field.GetByteSlot(8, 0) == 14 { // Field.type_type is Union, which has a vector of its own
				return errors.New("it has a column of a union type, which is not read; leave it out")
			}
			if kind := field.GetByteSlot(8, 0); kind >= 23 && kind <= 26 { // BinaryView, Utf8View, ListView, LargeListView
				return fmt.Errorf("it has columns of a type that this version does not read (%s): write Parquet, or, with polars, write_ipc(compat_level=CompatLevel.oldest())", [...]string{"binary_view", "string_view", "list_view", "large_list_view"}[kind-23])
			}
			if err := follow(&field, 14, 16, depth+1); err != nil { // Field.children, custom_metadata
				return err
			}
		}
		return nil
	}
	return follow(schema, 6, 8, 0) // Schema.fields, custom_metadata
}

// buffers checks what the buffers of a batch claim: where they lie, and of a packed one
// what they unpack to.
func (m *messages) buffers(batch *flatbuffers.Table, begin, body int64) error {
	o := flatbuffers.UOffsetT(batch.Offset(8)) // RecordBatch.buffers
	if o == 0 {
		return nil
	}
	first, n, sum := int(batch.Vector(o)), batch.VectorLen(o), int64(0)
	packed := batch.Offset(10) != 0 // RecordBatch.compression
	m.places, m.packed = m.places[:0], packed
	for i := range n {
		b := batch.Bytes[first+16*i:] // struct Buffer: offset, length
		offset, length := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
		if offset < 0 || length < 0 || offset > body || length > body-offset {
			return errCutArrow
		}
		m.places = append(m.places, begin+offset)
		if sum += length; !packed || length < 8 {
			continue
		}
		var claim [8]byte
		if _, err := m.f.ReadAt(claim[:], begin+offset); err != nil {
			return errCutArrow
		}
		switch plain := int64(binary.LittleEndian.Uint64(claim[:])); {
		case plain == -1: // it is not packed
		case plain < 0 || plain > mostUnpacked*length+64<<20:
			return errCutArrow
		default:
			sum += plain
		}
	}
	if sum > mostBatch {
		return fmt.Errorf("it has a batch of %d bytes, %d are the most; write it in smaller ones", sum, mostBatch)
	}
	return nil
}

func readArrow(k *candidates, s Source, o *Options) error {
	f, info, err := places.Open(s.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	m := &messages{f: f, size: info.Size()}
	var begin [8]byte
	if _, err := f.ReadAt(begin[:], 0); err == nil && string(begin[:6]) == "ARROW1" {
		m.at = 8
		// Before its footer, the footer's length and the magic, a file may end its stream or
		// not: Arrow's library for Go does not.
		var end [10]byte
		if _, err := f.ReadAt(end[:], m.size-10); err == nil && string(end[4:]) == "ARROW1" {
			m.footer = m.size - 10 - int64(binary.LittleEndian.Uint32(end[:]))
		}
	}
	return strippedOf(s.Path, cells.Recovered(s.Path, func() error {
		r, err := ipc.NewReader(m)
		if err != nil {
			return err
		}
		defer r.Release()
		a := &arrowFile{candidates: k, source: s, messages: m}
		if err := a.understand(r.Schema(), o); err != nil {
			return err
		}
		if a.print, err = places.Fingerprint(f, info.Size(), places.ContainerEnds); err != nil {
			return err
		}
		told := int64(0)
		for r.Next() {
			if err := a.batch(r.Record()); err != nil {
				return err
			}
			if err := k.advance(m.at - told); err != nil {
				return err
			}
			told = m.at
		}
		if err := r.Err(); err != nil && err != io.EOF {
			return err
		}
		return k.advance(info.Size() - told)
	}))
}

// arrowFile is an Arrow file that is being read.
type arrowFile struct {
	*candidates
	source   Source
	messages *messages
	columns  columns
	at       []int // place in the schema of each of columns.names
	rows     int64
	// picture is the place in the schema of the embedded pictures, -1 for none; buffer the
	// number of the buffer that holds their bytes.
	picture, buffer int
	print           uint64
}

// buffersOf is how many buffers a column takes in a batch (Columnar Format, Buffer
// Listing for Each Layout), its children's too.
func buffersOf(t arrow.DataType) (n int) {
	switch t := t.(type) {
	case *arrow.NullType:
		return 0
	case arrow.ExtensionType:
		return buffersOf(t.StorageType())
	case *arrow.StructType, *arrow.FixedSizeListType:
		n = 1
	case arrow.BinaryDataType:
		n = 3
	default:
		n = 2
	}
	if nested, is := t.(arrow.NestedType); is {
		for _, f := range nested.Fields() {
			n += buffersOf(f.Type)
		}
	}
	return n
}

// pictureIn finds the bytes of pictures in a column, bare or in a struct of bytes and path,
// and how many of the column's buffers come before those of the bytes.
func pictureIn(f arrow.Field) (before int, is bool) {
	switch t := f.Type.(type) {
	case *arrow.BinaryType:
		return 2, true // validity, offsets
	case *arrow.StructType:
		before = 1
		for _, c := range t.Fields() {
			if c.Name == "bytes" && c.Type.ID() == arrow.BINARY {
				return before + 2, true
			}
			before += buffersOf(c.Type)
		}
	}
	return 0, false
}

func (a *arrowFile) understand(s *arrow.Schema, o *Options) (err error) {
	var names []string
	before := 0
	a.picture = -1
	for i, f := range s.Fields() {
		switch f.Type.ID() {
		case arrow.STRUCT, arrow.BINARY, arrow.LARGE_BINARY:
			if find(o.pictures(), []string{f.Name}) < 0 {
				break
			}
			within, is := pictureIn(f)
			if !is {
				return fmt.Errorf("its column %s holds pictures of the type %v, which is not read; write it as Parquet (datasets: to_parquet)", f.Name, f.Type)
			}
			if a.picture < 0 {
				a.picture, a.buffer = i, before+within
			}
		}
		before += buffersOf(f.Type)
		if i == a.picture { // its name is one that lists give addresses too
			continue
		}
		names, a.at = append(names, f.Name), append(a.at, i)
	}
	a.columns, err = o.columnsOf(names, a.picture < 0, true)
	if err != nil {
		return err
	}
	for _, i := range []int{a.columns.url, a.columns.text} {
		if i < 0 {
			continue
		}
		switch t := s.Field(a.at[i]).Type; t.ID() {
		case arrow.STRING, arrow.LARGE_STRING, arrow.DICTIONARY, arrow.BINARY, arrow.LARGE_BINARY:
		default:
			return fmt.Errorf("its column %s is of the type %v, text expected", names[i], t)
		}
	}
	return nil
}

func (a *arrowFile) batch(rec arrow.Record) error {
	c := &a.columns
	var r row
	for i := range int(rec.NumRows()) {
		get := func(column int) []byte {
			if column < 0 {
				return nil
			}
			return textOf(rec.Column(a.at[column]), i)
		}
		r = row{url: get(c.url), text: get(c.text), page: get(c.page), license: get(c.license), language: get(c.language)}
		if a.picture >= 0 {
			if err := a.embedded(&r, rec.Column(a.picture), i); err != nil {
				return err
			}
		}
		a.more.reset()
		for _, column := range c.keep {
			a.keep(c.names[column], rec.Column(a.at[column]), i)
		}
		if err := a.take(&r, a.source.Label+":"+strconv.FormatInt(a.rows, 10)); err != nil {
			return err
		}
		a.rows++
	}
	return nil
}

// embedded gives a row the place of its picture: its bytes lie in the file as they are.
func (a *arrowFile) embedded(r *row, column arrow.Array, i int) error {
	if s, is := column.(*array.Struct); is {
		for k, f := range s.DataType().(*arrow.StructType).Fields() {
			if f.Name == "bytes" {
				column = s.Field(k)
			}
		}
	}
	values, is := column.(*array.Binary)
	if !is || a.messages.packed || a.buffer >= len(a.messages.places) {
		return errors.New("its pictures are compressed together with its batches; write it as Parquet (datasets: to_parquet)")
	}
	r.name = a.source.Label + "/" + strconv.FormatInt(a.rows, 10)
	if values.IsNull(i) || values.ValueLen(i) == 0 {
		if len(r.url) == 0 {
			r.reason = ReasonNoPicture
		}
		return nil
	}
	start := a.messages.places[a.buffer] + values.ValueOffset64(i)
	r.place = places.Place{Kind: places.Bytes, Print: a.print, At: [3]int64{start, int64(values.ValueLen(i))}, Path: a.source.Path}.String()
	return nil
}

// textOf is the text at i, nil where there is none.
func textOf(column arrow.Array, i int) []byte {
	if column.IsNull(i) {
		return nil
	}
	switch c := column.(type) {
	case *array.String:
		return []byte(c.Value(i))
	case *array.LargeString:
		return []byte(c.Value(i))
	case *array.Binary:
		return c.Value(i)
	case *array.LargeBinary:
		return c.Value(i)
	case *array.Dictionary:
		return textOf(c.Dictionary(), c.GetValueIndex(i))
	}
	return nil
}

// keep adds a value to what goes on with the pair. Types that are neither text, number
// nor truth are written as the library writes them.
func (a *arrowFile) keep(name string, column arrow.Array, i int) {
	if column.IsNull(i) {
		a.more.raw(name, []byte("null"))
		return
	}
	switch c := column.(type) {
	case *array.String, *array.LargeString, *array.Dictionary:
		a.more.text(name, textOf(c, i))
	case *array.Float64:
		a.more.raw(name, appendNumber(nil, c.Value(i), 64))
	case *array.Float32:
		a.more.raw(name, appendNumber(nil, float64(c.Value(i)), 32))
	case *array.Boolean:
		a.more.raw(name, strconv.AppendBool(nil, c.Value(i)))
	default:
		text := column.ValueStr(i)
		if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) && arrow.IsInteger(column.DataType().ID()) {
			a.more.raw(name, []byte(text))
			return
		}
		a.more.text(name, []byte(text))
	}
}
