package trainer

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"time"
)

// events appends to an event file of TensorBoard: TFRecord frames around
// protocol buffers of the message tensorflow.Event.
//
// Each run has a file of its own, so that a killed one leaves at most a frame
// cut short, which readers pass over. Its second event is a session log that
// says START at the run's first step: TensorBoard then drops what earlier files
// hold from that step on, which the killed run will take again.
type events struct {
	file *os.File
	buf  []byte
}

// scalar is a figure with the name of its chart.
type scalar struct {
	tag   string
	value float64
}

// openEvents makes the next event file of folder. Readers take files in order
// of their names.
func openEvents(folder string, first int64) (*events, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("open event file: %w", err)
	}
	before, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("open event file: %w", err)
	}
	last := 0 // its number: some before it may have been deleted
	for _, e := range before {
		var n int
		if _, err := fmt.Sscanf(e.Name(), "events.out.tfevents.%d.pairloom", &n); err == nil {
			last = max(last, n)
		}
	}
	path := filepath.Join(folder, fmt.Sprintf("events.out.tfevents.%010d.pairloom", last+1))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open event file: %w", err)
	}
	e := &events{file: f}
	version := appendBytes(nil, eventVersion, []byte("brain.Event:2"))
	start := appendVarint(nil, sessionStatus, sessionStart)
	e.frame(e.event(0, version))
	e.frame(e.event(first, appendBytes(nil, eventSession, start)))
	if err := e.flush(); err != nil {
		f.Close()
		return nil, err
	}
	return e, nil
}

// write adds one event with the figures of a step. On a nil e it does nothing.
func (e *events) write(step int64, scalars []scalar) error {
	if e == nil {
		return nil
	}
	var summary []byte
	for _, s := range scalars {
		value := appendBytes(nil, valueTag, []byte(s.tag))
		value = binary.AppendUvarint(value, valueSimple<<3|wireFixed32)
		value = binary.LittleEndian.AppendUint32(value, math.Float32bits(float32(s.value)))
		summary = appendBytes(summary, summaryValue, value)
	}
	e.frame(e.event(step, appendBytes(nil, eventSummary, summary)))
	return e.flush()
}

// flush writes the frames at hand. What a full disk refuses is dropped whole: a
// frame in pieces would hide all that follow.
func (e *events) flush() error {
	at, err := e.file.Seek(0, 1)
	if err == nil {
		_, err = e.file.Write(e.buf)
	}
	e.buf = e.buf[:0]
	if err == nil {
		return nil
	}
	e.file.Truncate(at)
	e.file.Seek(at, 0)
	return fmt.Errorf("write event file: %w", err)
}

func (e *events) close() {
	if e != nil {
		e.file.Close()
	}
}

// Field numbers of tensorflow/core/util/event.proto and
// framework/summary.proto, and wire types of protocol buffers.
const (
	eventWallTime = 1 // double
	eventStep     = 2 // int64
	eventVersion  = 3 // string
	eventSummary  = 5 // Summary
	eventSession  = 7 // SessionLog

	sessionStatus = 1
	sessionStart  = 1 // START

	summaryValue = 1 // repeated Value
	valueTag     = 1 // string
	valueSimple  = 2 // float

	wireVarint, wireFixed64, wireBytes, wireFixed32 = 0, 1, 2, 5
)

// event is an Event of now with one more field.
func (e *events) event(step int64, what []byte) []byte {
	m := binary.AppendUvarint(nil, eventWallTime<<3|wireFixed64)
	m = binary.LittleEndian.AppendUint64(m, math.Float64bits(float64(time.Now().UnixMicro())/1e6))
	m = appendVarint(m, eventStep, uint64(step))
	return append(m, what...)
}

func appendVarint(m []byte, field, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(m, field<<3|wireVarint), value)
}

func appendBytes(m []byte, field uint64, value []byte) []byte {
	m = binary.AppendUvarint(m, field<<3|wireBytes)
	return append(binary.AppendUvarint(m, uint64(len(value))), value...)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is TFRecord's checksum: CRC-32C, rotated right by 15 bits, plus a
// constant.
func masked(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// frame adds a TFRecord: length (8 bytes), its checksum, data, its checksum, all
// little-endian.
func (e *events) frame(data []byte) {
	from := len(e.buf)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(len(data)))
	e.buf = binary.LittleEndian.AppendUint32(e.buf, masked(e.buf[from:from+8]))
	e.buf = append(e.buf, data...)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, masked(data))
}
