package shard

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	flatbuffers "github.com/google/flatbuffers/go"
)

// EmbeddingsVersion is the version of the files that EmbeddingWriter writes.
//
//	1  first version
const EmbeddingsVersion = 1

// EmbeddingOrigin says what the vectors of a file are and what they were made
// from. It lies in the file's schema metadata.
type EmbeddingOrigin struct {
	Model  string // hash of the weights and the vocabulary
	Of     string // "pictures" or "texts"
	Source string // the shard, folder or file, by name
	Input  string // hash of the source's content
}

// The metadata's keys; metaInput is that of other parts.
const (
	metaEmbeddings = "pairloom.embeddings_version"
	metaModel      = "pairloom.model"
	metaOf         = "pairloom.embedding_of"
	metaSource     = "pairloom.source"
)

// EmbeddingRow says what one vector is of.
type EmbeddingRow struct {
	ID   uint64 // the pair's id; xxhash64 of Name where there is no pair
	Row  uint32 // in the source, from 0
	Name string // path of the picture, or the text; "" for pairs of a shard
}

// EmbeddingBatch is a run of rows whose vectors lie end to end.
type EmbeddingBatch struct {
	IDs     []uint64
	Rows    []uint32
	Vectors []float32 // [len(IDs), Dim]
	names   columnValues
}

// Name is EmbeddingRow's, of row i.
func (b *EmbeddingBatch) Name(i int) string {
	if n := b.names.data[b.names.offsets[i]:b.names.offsets[i+1]]; len(n) > 0 {
		return unsafe.String(&n[0], len(n))
	}
	return ""
}

// Embeddings is an open file of vectors, mapped: it takes no memory of its own,
// and what it hands out lives until Close. Any number of goroutines may read.
type Embeddings struct {
	Path    string
	Origin  EmbeddingOrigin
	Dim     int // words of a vector
	Batches []EmbeddingBatch

	mapped mapping
}

// OpenEmbeddings maps a file that EmbeddingWriter wrote. One that is cut short
// or damaged gives a *[DamagedPart]; a path that does not exist, fs.ErrNotExist.
func OpenEmbeddings(path string) (*Embeddings, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open embeddings: %w; make them with pairloom embed", err)
	}
	e := &Embeddings{Path: path}
	mapped, err := mapFile(path)
	if err == nil {
		e.mapped = mapped
		if err = e.load(); err != nil {
			mapped.close()
		}
	}
	if err != nil {
		return nil, &DamagedPart{path, err.Error(), "run pairloom embed again"}
	}
	return e, nil
}

// Len is the number of rows.
func (e *Embeddings) Len() int {
	n := 0
	for i := range e.Batches {
		n += len(e.Batches[i].IDs)
	}
	return n
}

// Close ends the mapping and, with it, everything that was handed out.
func (e *Embeddings) Close() error { return e.mapped.close() }

var errNotEmbeddings = errors.New("it is no file of pairloom embed: the columns id, row, name and embedding are expected")

func (e *Embeddings) load() (err error) {
	defer guard("content", &err)
	if err := e.loadSchema(); err != nil {
		return err
	}
	blocks, err := e.mapped.blocks()
	if err != nil {
		return err
	}
	for i, at := range blocks {
		raw, err := e.mapped.batch(at)
		var b EmbeddingBatch
		if err == nil {
			b, err = bindEmbeddings(&raw, e.Dim)
		}
		if err != nil {
			return fmt.Errorf("batch %d at byte %d: %w", i, at.offset, err)
		}
		e.Batches = append(e.Batches, b)
	}
	return nil
}

func (e *Embeddings) loadSchema() error {
	schema, err := e.mapped.schema()
	if err != nil {
		return err
	}
	m := schema.metadata
	f := schema.fields
	if m[metaEmbeddings] == "" || len(f) != 4 || f[0] != (schemaField{"id", kindUint64}) || f[1] != (schemaField{"row", kindUint32}) ||
		f[2] != (schemaField{"name", kindString}) || f[3].name != "embedding" {
		return errNotEmbeddings
	}
	if v := m[metaEmbeddings]; v != strconv.Itoa(EmbeddingsVersion) {
		return fmt.Errorf("its version is %q, but this pairloom reads version %d", v, EmbeddingsVersion)
	}
	e.Origin = EmbeddingOrigin{Model: m[metaModel], Of: m[metaOf], Source: m[metaSource], Input: m[metaInput]}
	footer, err := e.mapped.footer()
	if err != nil {
		return err
	}
	table, ok := child(rootTable(footer), 1)
	if !ok {
		return errNotEmbeddings
	}
	e.Dim = listSize(children(table, 1)[3])
	if e.Dim < 1 || e.Dim > 1<<20 {
		return errNotEmbeddings
	}
	return nil
}

// Numbers of the union Type in Schema.fbs.
const (
	typeFloat         = 3
	typeFixedSizeList = 16
)

// listSize is the length of a fixed_size_list<float>; 0 for any other type.
func listSize(f flatbuffers.Table) int {
	typeOf := func(f flatbuffers.Table) byte {
		if o := f.Offset(slot(2)); o != 0 {
			return f.GetByte(f.Pos + flatbuffers.UOffsetT(o))
		}
		return 0
	}
	items := children(f, 5)
	if typeOf(f) != typeFixedSizeList || len(items) != 1 || typeOf(items[0]) != typeFloat {
		return 0
	}
	float, ok := child(items[0], 3)
	if !ok {
		return 0
	}
	if o := float.Offset(slot(0)); o == 0 || float.GetInt16(float.Pos+flatbuffers.UOffsetT(o)) != 1 { // SINGLE
		return 0
	}
	list, ok := child(f, 3)
	if !ok {
		return 0
	}
	if o := list.Offset(slot(0)); o != 0 { // FixedSizeList.listSize
		return int(list.GetInt32(list.Pos + flatbuffers.UOffsetT(o)))
	}
	return 0
}

// bindEmbeddings finds the buffers of a batch: validity and values of id and
// row; validity, offsets and data of name; two validities and values of the
// vectors.
func bindEmbeddings(raw *batch, dim int) (b EmbeddingBatch, err error) {
	if raw.zstd {
		return b, errors.New("it is compressed; vectors that are searched may not be")
	}
	take := func(i int) []byte {
		if err != nil {
			return nil
		}
		var bytes []byte
		bytes, err = raw.bytes(i, nil)
		return bytes
	}
	id, row, offsets, data, vectors := take(1), take(3), take(5), take(6), take(9)
	if err == nil {
		b.IDs, err = numbers[uint64](id, raw.rows)
	}
	if err == nil {
		b.Rows, err = numbers[uint32](row, raw.rows)
	}
	if err == nil {
		b.names.offsets, err = numbers[int32](offsets, raw.rows+1)
	}
	if err == nil {
		b.names.data = data
		err = b.names.checkOffsets(kindString)
	}
	if err == nil {
		b.Vectors, err = numbers[float32](vectors, raw.rows*dim)
	}
	return b, err
}
