package shard

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unsafe"

	"github.com/pairloom/pairloom/internal/atomicfile"
)

// Export writes the vectors in another format, "npy" or "parquet", to path. An
// npy file holds the vectors alone; what they are of lies beside it in a file of
// the same name that ends in .json. Files appear whole or not at all.
func (e *Embeddings) Export(path, format string) error {
	write := e.writeNPY
	if format == "parquet" {
		write = e.writeParquet
	} else if err := e.writeSidecar(strings.TrimSuffix(path, ".npy") + ".json"); err != nil {
		return err
	}
	return atomicfile.WriteStream(path, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<20)
		if err := write(b); err != nil {
			return err
		}
		return b.Flush()
	})
}

// viewOf views numbers as those of another type that lie in the same bytes; all
// files here are little endian, as are the machines that pairloom runs on.
func viewOf[To byte | int32 | int64, From float32 | uint32 | uint64](x []From) []To {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*To)(unsafe.Pointer(&x[0])), len(x)*int(unsafe.Sizeof(x[0]))/int(unsafe.Sizeof(To(0))))
}

// writeNPY writes the format of numpy.save, version 1.0: magic, version, length
// of the header, and a Python dictionary padded so that the values begin at a
// multiple of 64.
func (e *Embeddings) writeNPY(w io.Writer) error {
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", e.Len(), e.Dim)
	length := (10+len(header)+1+63)/64*64 - 10
	header += strings.Repeat(" ", length-len(header)-1) + "\n"
	head := append([]byte("\x93NUMPY\x01\x00"), byte(length), byte(length>>8))
	if _, err := w.Write(append(head, header...)); err != nil {
		return err
	}
	for i := range e.Batches {
		if _, err := w.Write(viewOf[byte](e.Batches[i].Vectors)); err != nil {
			return err
		}
	}
	return nil
}

// writeSidecar writes what an npy file cannot say.
func (e *Embeddings) writeSidecar(path string) error {
	side := struct {
		Model  string   `json:"model"`
		Of     string   `json:"of"`
		Source string   `json:"source"`
		Dim    int      `json:"dim"`
		IDs    []string `json:"ids"` // 16 hexadecimal digits, as pairloom explain takes them
		Rows   []uint32 `json:"rows"`
		Names  []string `json:"names,omitempty"`
	}{Model: e.Origin.Model, Of: e.Origin.Of, Source: e.Origin.Source, Dim: e.Dim, IDs: []string{}, Rows: []uint32{}}
	named := false
	for i := range e.Batches {
		b := &e.Batches[i]
		for k, id := range b.IDs {
			side.IDs = append(side.IDs, FormatPairID(id))
			side.Names = append(side.Names, b.Name(k))
			named = named || b.Name(k) != ""
		}
		side.Rows = append(side.Rows, b.Rows...)
	}
	if !named {
		side.Names = nil
	}
	text, err := json.Marshal(side)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, append(text, '\n'))
}
