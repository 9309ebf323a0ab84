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
	if table.GetByteSlot(6, 0) != 3 { // Message.header is no RecordBatch
		return nil
	}
	var batch flatbuffers.Table
	table.Union(&batch, flatbuffers.UOffsetT(table.Offset(8)))
	if batch.Offset(10) == 0 { // RecordBatch.compression
		return nil
	}
	return m.unpacked(&batch, m.at+8+head, body)
}

// unpacked checks what the buffers of a packed batch claim to unpack to.
func (m *messages) unpacked(batch *flatbuffers.Table, begin, body int64) error {
	o := flatbuffers.UOffsetT(batch.Offset(8)) // RecordBatch.buffers
	if o == 0 {
		return nil
	}
	first, n, sum := int(batch.Vector(o)), batch.VectorLen(o), int64(0)
	for i := range n {
		b := batch.Bytes[first+16*i:] // struct Buffer: offset, length
		offset, length := int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
		if offset < 0 || length < 0 || offset > body || length > body-offset {
			return errCutArrow
		}
		if length < 8 {
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
	f, info, err := openFile(s.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	m := &messages{f: f, size: info.Size()}
	var begin [8]byte
	if _, err := f.ReadAt(begin[:], 0); err == nil && string(begin[:6]) == "ARROW1" {
		m.at = 8
	}
	return strippedOf(s.Path, cells.Recovered(s.Path, func() error {
		r, err := ipc.NewReader(m)
		if err != nil {
			return err
		}
		defer r.Release()
		a := &arrowFile{candidates: k, source: s}
		if err := a.understand(r.Schema(), o); err != nil {
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
	source  Source
	columns columns
	at      []int // place in the schema of each of columns.names
	rows    int64
}

func (a *arrowFile) understand(s *arrow.Schema, o *Options) (err error) {
	var names []string
	for i, f := range s.Fields() {
		switch f.Type.ID() {
		case arrow.STRUCT, arrow.BINARY, arrow.LARGE_BINARY:
			if find(pictureNames, []string{f.Name}) >= 0 {
				return fmt.Errorf("its column %s holds pictures, which are read from Parquet files alone; write it as one (datasets: to_parquet)", f.Name)
			}
		}
		names, a.at = append(names, f.Name), append(a.at, i)
	}
	a.columns, err = o.columnsOf(names, true, true)
	if err != nil {
		return err
	}
	for _, i := range []int{a.columns.url, a.columns.text} {
		switch t := s.Field(i).Type; t.ID() {
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
