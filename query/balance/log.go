package balance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pairloom/pairloom/internal/extsort"
)

// pairLog keeps pairs in the order in which they were added, in memory or, when
// they outgrow it, in a temporary file without a name.
//
// A record is place (8 bytes), pair id (8), number of queries (4) and 4 bytes
// for each of them, all little-endian. Records lie in blocks, each whole; in the
// file a block has its size (4 bytes) before it.
type pairLog struct {
	dir    string
	memory int // bytes
	blocks [][]byte
	bytes  int // in full blocks
	file   *os.File
}

const (
	blockSize  = 1 << 20
	recordHead = 20
)

func (l *pairLog) add(place, pairID uint64, queryIDs []uint32) error {
	size := recordHead + 4*len(queryIDs)
	if n := len(l.blocks); n == 0 || cap(l.blocks[n-1])-len(l.blocks[n-1]) < size {
		if err := l.endBlock(); err != nil {
			return err
		}
		// Less than one block must do when there is less memory.
		l.blocks = append(l.blocks, make([]byte, 0, max(size, min(blockSize, l.memory/4))))
	}
	block := &l.blocks[len(l.blocks)-1]
	b := binary.LittleEndian.AppendUint64(*block, place)
	b = binary.LittleEndian.AppendUint64(b, pairID)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(queryIDs)))
	for _, q := range queryIDs {
		b = binary.LittleEndian.AppendUint32(b, q)
	}
	*block = b
	return nil
}

// endBlock writes the blocks out when they fill the memory.
func (l *pairLog) endBlock() error {
	if n := len(l.blocks); n > 0 {
		l.bytes += cap(l.blocks[n-1])
	}
	if l.bytes < l.memory {
		return nil
	}
	if l.file == nil {
		var err error
		if l.file, err = extsort.Temporary(l.dir); err != nil {
			return err
		}
	}
	for _, block := range l.blocks {
		var size [4]byte
		binary.LittleEndian.PutUint32(size[:], uint32(len(block)))
		_, err := l.file.Write(size[:])
		if err == nil {
			_, err = l.file.Write(block)
		}
		if err != nil {
			return fmt.Errorf("balance: spill to disk: %w", err)
		}
	}
	clear(l.blocks)
	l.blocks, l.bytes = l.blocks[:0], 0
	return nil
}

// walk visits the records until visit says false. queryIDs is valid until the
// next step.
func (l *pairLog) walk(visit func(place, pairID uint64, queryIDs []uint32) bool) error {
	w := logWalk{visit: visit}
	if l.file != nil {
		if _, err := l.file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("balance: read what was spilled to disk: %w", err)
		}
		if more, err := w.file(l.file); err != nil || !more {
			return err
		}
	}
	for _, block := range l.blocks {
		if !w.block(block) {
			return nil
		}
	}
	return nil
}

type logWalk struct {
	visit    func(place, pairID uint64, queryIDs []uint32) bool
	queryIDs []uint32
	buffer   []byte
}

// file visits the blocks of f; false when the visitor had enough.
func (w *logWalk) file(f *os.File) (more bool, err error) {
	for {
		var size [4]byte
		_, err := io.ReadFull(f, size[:])
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err == nil {
			if n := int(binary.LittleEndian.Uint32(size[:])); cap(w.buffer) < n {
				w.buffer = make([]byte, n)
			} else {
				w.buffer = w.buffer[:n]
			}
			_, err = io.ReadFull(f, w.buffer)
		}
		if err != nil {
			return false, fmt.Errorf("balance: read what was spilled to disk: %w", err)
		}
		if !w.block(w.buffer) {
			return false, nil
		}
	}
}

func (w *logWalk) block(b []byte) bool {
	for len(b) > 0 {
		place, pairID := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		n := int(binary.LittleEndian.Uint32(b[16:]))
		b = b[recordHead:]
		w.queryIDs = w.queryIDs[:0]
		for i := range n {
			w.queryIDs = append(w.queryIDs, binary.LittleEndian.Uint32(b[4*i:]))
		}
		b = b[4*n:]
		if !w.visit(place, pairID, w.queryIDs) {
			return false
		}
	}
	return true
}

func (l *pairLog) close() error {
	l.blocks = nil
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
