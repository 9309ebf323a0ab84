package dedup

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/dedup/hamming"
	"github.com/pairloom/pairloom/internal/atomicfile"
)

// The file that keeps what pictures hang together (shard/docs/formats.md), numbers
// little-endian: 16 bytes that name the format, the distance and the number of hashes,
// 8 bytes each; the hashes, 8 bytes each, ascending; for each of them the place of the
// first one of its component, 4 bytes; the xxhash64 of all that.
const (
	stateFormat = "pairloom near 1\n"
	stateHead   = len(stateFormat) + 16
)

// openState opens the file, if it is whole and was written for that distance. Where it
// is not, everything is found anew, as without one.
func openState(path string, distance int) (*os.File, *hamming.Known) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	head := make([]byte, stateHead)
	info, err := f.Stat()
	if err == nil {
		_, err = io.ReadFull(f, head)
	}
	n := int64(0)
	whole := err == nil && bytes.HasPrefix(head, []byte(stateFormat)) && binary.LittleEndian.Uint64(head[len(stateFormat):]) == uint64(distance)
	if whole {
		n = int64(binary.LittleEndian.Uint64(head[len(stateFormat)+8:]))
		whole = n >= 0 && n < 1<<31 && info.Size() == int64(stateHead)+12*n+8
	}
	if whole {
		sum := xxhash.New()
		var written [8]byte
		_, err = io.Copy(sum, io.NewSectionReader(f, 0, info.Size()-8))
		if err == nil {
			_, err = f.ReadAt(written[:], info.Size()-8)
		}
		whole = err == nil && binary.LittleEndian.Uint64(written[:]) == sum.Sum64()
	}
	if !whole {
		f.Close()
		return nil, nil
	}
	return f, &hamming.Known{
		List:  io.NewSectionReader(f, int64(stateHead), 8*n),
		Roots: io.NewSectionReader(f, int64(stateHead)+8*n, 4*n), Len: n,
	}
}

// writeState writes the file.
func writeState(path string, distance int, hashes io.Reader, n int64, forest *hamming.Forest) error {
	return atomicfile.WriteStream(path, func(w io.Writer) error {
		sum := xxhash.New()
		out := bufio.NewWriterSize(io.MultiWriter(w, sum), 256<<10)
		head := binary.LittleEndian.AppendUint64([]byte(stateFormat), uint64(distance))
		out.Write(binary.LittleEndian.AppendUint64(head, uint64(n)))
		if _, err := io.Copy(out, hashes); err != nil {
			return fmt.Errorf("copy hashes: %w", err)
		}
		var root [4]byte
		for p := range uint32(n) {
			binary.LittleEndian.PutUint32(root[:], forest.Root(p))
			out.Write(root[:])
		}
		if err := out.Flush(); err != nil {
			return err
		}
		_, err := w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
		return err
	})
}
