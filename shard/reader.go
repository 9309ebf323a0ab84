package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// PartReader reads one part from a mapping of the file, batch by batch. A batch
// whose sum the manifest knows is checked before the first of its rows is handed
// out. Any number of goroutines may read at once.
type PartReader[T Record] struct {
	path    string
	part    Part
	random  bool // it is of OpenPartAtRandom
	mapped  mapping
	blocks  []block
	origin  Origin
	schema  fileSchema
	columns []column
	fields  []fileField
	later   []int       // places of columns that came after the file's version
	unread  bool        // pictures are left out
	first   []int       // row number of each batch's first row, and the total at the end
	held    []heldBatch // batches that Read has used
}

// heldBatch is a batch that stays bound until Close.
type heldBatch struct {
	once sync.Once
	columnBatch
	err   error
	bound atomic.Bool // once is done
	asked atomic.Bool // by Ask
}

// fileField is one column of a file, in the file's order.
type fileField struct {
	kind   kind
	column int // place in the record's columns, -1 for one that is passed over
}

// columnBatch holds one record batch, column by column.
type columnBatch struct {
	rows   int
	values []columnValues
}

// columnValues views the values of one column; which fields are set depends on
// the column's kind.
type columnValues struct {
	bound   bool // the column is read
	later   bool // the file is older than the column: its values are empty
	data    []byte
	offsets []int32 // strings, bytes, lists: rows + 1 of them
	int32s  []int32
	int64s  []int64
	uint32s []uint32 // also the flat values of lists
	uint64s []uint64
}

// OpenFile opens the part at path without a manifest's word for it: its structure
// is checked, its content is not. A part that is cut short or damaged gives a
// *[DamagedPart].
func OpenFile[T Record](path string) (*PartReader[T], error) {
	return open[T](path, Part{}, false, nil)
}

// PicturesUnchecked, among the names of columns, stands for pictures as they lie:
// none is read before its bytes are looked at, so that to know their sizes costs
// nothing, and they are not held against the manifest's sums.
const PicturesUnchecked = "pictures, unchecked"

// OpenPart opens a part of folder as its manifest names it. With names of
// columns only these are read, and the other fields of the records are zero; where
// the pictures are left out they are not checked either, but all else of the batch
// is.
func OpenPart[T Record](folder string, part Part, columns ...string) (*PartReader[T], error) {
	return openPart[T](filepath.Join(folder, part.Name), part, false, columns)
}

func openPart[T Record](path string, part Part, random bool, columns []string) (*PartReader[T], error) {
	r, err := open[T](path, part, random, columns)
	if err != nil {
		return nil, err
	}
	if int64(r.Len()) != part.Rows {
		r.Close()
		return nil, &DamagedPart{path, fmt.Sprintf("it has %d rows, but the manifest says %d", r.Len(), part.Rows), cure(path)}
	}
	return r, nil
}

func open[T Record](path string, part Part, random bool, columns []string) (*PartReader[T], error) {
	r := &PartReader[T]{path: path, part: part, random: random, columns: layoutOf[T]().columns}
	mapped, err := mapFile(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("open part: %w; it must be readable", err)
	}
	if err != nil {
		return nil, &DamagedPart{path, err.Error(), cure(path)}
	}
	r.mapped = mapped
	if random {
		unix.Madvise(mapped, unix.MADV_RANDOM)
	}
	if err := r.load(columns); err != nil {
		mapped.close()
		damaged := &DamagedPart{path, err.Error(), cure(path)}
		if errors.Is(err, ErrNewer) {
			damaged.Cure = "update pairloom, or " + damaged.Cure
		}
		errors.As(err, &damaged) // a sum that differs says all itself
		return nil, damaged
	}
	return r, nil
}

func (r *PartReader[T]) load(only []string) (err error) {
	defer guard("content", &err)
	if r.blocks, err = r.mapped.blocks(); err != nil {
		return err
	}
	if n := len(r.part.Batches); n > 0 {
		if n != len(r.blocks)+1 {
			return fmt.Errorf("it has %d batches, but the manifest says %d", len(r.blocks), n-1)
		}
		if err := r.check(n - 1); err != nil {
			return err
		}
	}
	if err := r.checkSchema(only); err != nil {
		return err
	}
	total := 0
	for i, b := range r.blocks {
		raw, err := r.mapped.batch(b)
		if err != nil {
			return fmt.Errorf("batch %d at byte %d: %w", i, b.offset, err)
		}
		r.first = append(r.first, total)
		total += raw.rows
	}
	r.first = append(r.first, total)
	r.held = make([]heldBatch, len(r.blocks))
	return nil
}

// check compares stretch i of the file with the manifest, where that knows it.
func (r *PartReader[T]) check(i int) error {
	if len(r.part.Batches) == 0 {
		return nil
	}
	stretch, err := r.mapped.stretch(r.blocks, i)
	if err == nil && r.random {
		r.mapped.willNeed(stretch)
	}
	if err == nil && sum(stretch) != r.part.Batches[i] {
		return r.part.differs(r.path, i)
	}
	return err
}

// checkFacts is check of what of batch i is not pictures.
func (r *PartReader[T]) checkFacts(i int, raw *batch) error {
	if i >= len(r.part.Facts) {
		return nil
	}
	found, err := raw.facts(r.schema)
	if err == nil && found != r.part.Facts[i] {
		return r.part.differs(r.path, i)
	}
	return err
}

// ErrNewer is wrapped by the errors of parts and manifests that a newer pairloom wrote.
var ErrNewer = errors.New("a newer pairloom wrote it")

// checkSchema finds the record's columns in the file. Versions up to this
// program's are read; columns that it does not know are passed over.
func (r *PartReader[T]) checkSchema(only []string) error {
	schema, err := r.mapped.schema()
	if err != nil {
		return err
	}
	r.schema = schema
	version, err := strconv.Atoi(schema.metadata[metaVersion])
	switch {
	case err != nil || version < 1:
		return fmt.Errorf("its schema version is %q, but versions are numbers from 1", schema.metadata[metaVersion])
	case version > SchemaVersion:
		return fmt.Errorf("%w: its schema version is %d, but this one reads versions 1 to %d", ErrNewer, version, SchemaVersion)
	}
	found := map[string]bool{}
	for _, f := range schema.fields {
		i := slices.IndexFunc(r.columns, func(c column) bool { return c.name == f.name && c.kind == f.kind })
		if i < 0 && f.kind == kindUnknown {
			return fmt.Errorf("its column %s has a type that parts do not use", f.name)
		}
		if i >= 0 {
			found[f.name] = true
		}
		if i >= 0 && len(only) > 0 && !slices.Contains(only, f.name) {
			if f.kind == kindBytes {
				r.unread = true
			}
			if f.kind != kindBytes || !slices.Contains(only, PicturesUnchecked) {
				i = -1
			}
		}
		r.fields = append(r.fields, fileField{f.kind, i})
	}
	for i, c := range r.columns {
		if found[c.name] {
			continue
		}
		if version >= c.since {
			return fmt.Errorf("its columns are not those of %s", filepath.Base(filepath.Dir(r.path)))
		}
		r.later = append(r.later, i)
	}
	r.origin = Origin{Stage: schema.metadata[metaStage], Settings: schema.metadata[metaSettings], Input: schema.metadata[metaInput]}
	return nil
}

// Batch is one record batch in memory of its own, which the next Load reuses. It
// is not safe for concurrent use; each worker has one.
type Batch[T Record] struct {
	columnBatch
	columns []column
	decoder *zstd.Decoder
	buffers [][]byte
}

// Len is the number of rows.
func (b *Batch[T]) Len() int { return b.rows }

// Read fills row with row i, 0 <= i < Len. Its strings, bytes and lists point
// into the batch and live until the next Load.
func (b *Batch[T]) Read(i int, row *T) { readRow(b.columns, &b.columnBatch, i, unsafe.Pointer(row)) }

// Batches is the number of batches.
func (r *PartReader[T]) Batches() int { return len(r.blocks) }

// First is the number of batch i's first row; of i = Batches, the number of all rows.
func (r *PartReader[T]) First(i int) int { return r.first[i] }

// Load checks batch i and fills b with it.
func (r *PartReader[T]) Load(i int, b *Batch[T]) (err error) {
	defer func() { err = r.damage(i, err) }()
	defer guard("content", &err)
	b.columns = r.columns
	return r.bind(i, &b.columnBatch, func(raw *batch, k int) ([]byte, error) {
		if !raw.zstd {
			return raw.bytes(k, nil)
		}
		if b.decoder == nil {
			if b.decoder, err = newDecoder(); err != nil {
				return nil, err
			}
		}
		for len(b.buffers) <= k {
			b.buffers = append(b.buffers, make([]byte, 0, 4096))
		}
		plain, err := raw.bytesInto(b.buffers[k], k, b.decoder)
		if cap(plain) > cap(b.buffers[k]) {
			b.buffers[k] = plain
		}
		return plain, err
	})
}

// newDecoder decompresses without goroutines of its own.
func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBuffer), zstd.WithDecoderLowmem(true))
}

// damage wraps what is wrong with batch i.
func (r *PartReader[T]) damage(i int, err error) error {
	var damaged *DamagedPart
	if err == nil || errors.As(err, &damaged) {
		return err
	}
	return &DamagedPart{r.path, fmt.Sprintf("batch %d at byte %d: %v", i, r.blocks[i].offset, err), cure(r.path)}
}

// bind checks batch i and views its columns; buffer gives buffer k of it.
func (r *PartReader[T]) bind(i int, cb *columnBatch, buffer func(raw *batch, k int) ([]byte, error)) error {
	raw, err := r.mapped.batch(r.blocks[i])
	if err != nil {
		return err
	}
	if !r.unread {
		err = r.check(i)
	} else {
		err = r.checkFacts(i, &raw)
	}
	if err != nil {
		return err
	}
	cb.rows = raw.rows
	if cb.values == nil {
		cb.values = make([]columnValues, len(r.columns))
	}
	clear(cb.values)
	for _, i := range r.later {
		cb.values[i].later = true
	}
	next := 0
	for _, f := range r.fields {
		if f.column < 0 {
			next += f.kind.buffers()
			continue
		}
		c, v := &r.columns[f.column], &cb.values[f.column]
		if err := v.bind(c.kind, cb.rows, func(k int) ([]byte, error) { return buffer(&raw, next+k) }); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
		next += c.kind.buffers()
	}
	return nil
}

// bind views a column's values; buffer gives its buffers. The first is validity,
// and no column is nullable.
func (v *columnValues) bind(k kind, rows int, buffer func(k int) ([]byte, error)) error {
	v.bound = true
	fixed, err := buffer(1)
	if err != nil {
		return err
	}
	switch k {
	case kindInt32:
		v.int32s, err = numbers[int32](fixed, rows)
	case kindInt64:
		v.int64s, err = numbers[int64](fixed, rows)
	case kindUint32:
		v.uint32s, err = numbers[uint32](fixed, rows)
	case kindUint64:
		v.uint64s, err = numbers[uint64](fixed, rows)
	default:
		if v.offsets, err = numbers[int32](fixed, rows+1); err == nil {
			if v.data, err = buffer(k.buffers() - 1); err == nil {
				err = v.checkOffsets(k)
			}
		}
	}
	return err
}

// checkOffsets makes sure that no row can reach outside the data.
func (v *columnValues) checkOffsets(k kind) error {
	limit := len(v.data)
	if k == kindUint32List {
		limit /= 4
	}
	last := int32(0)
	for i, o := range v.offsets {
		if o < last || int(o) > limit {
			return fmt.Errorf("row %d ends outside the column's data", i-1)
		}
		last = o
	}
	if k == kindUint32List {
		var err error
		v.uint32s, err = numbers[uint32](v.data, int(last))
		return err
	}
	return nil
}

// Len is the number of rows.
func (r *PartReader[T]) Len() int { return r.first[len(r.blocks)] }

// Origin is what the part was made by and from.
func (r *PartReader[T]) Origin() Origin { return r.origin }

// Path is the file's path.
func (r *PartReader[T]) Path() string { return r.path }

// Read fills row with row i, 0 <= i < Len. Its strings, bytes and lists live
// until Close. The first Read of a batch checks it; a batch that was compressed
// then stays in memory.
func (r *PartReader[T]) Read(i int, row *T) error {
	b := sort.SearchInts(r.first, i+1) - 1
	held := &r.held[b]
	held.once.Do(func() {
		defer held.bound.Store(true)
		defer func() { held.err = r.damage(b, held.err) }()
		defer guard("content", &held.err)
		var decoder *zstd.Decoder
		held.err = r.bind(b, &held.columnBatch, func(raw *batch, k int) ([]byte, error) {
			if raw.zstd && decoder == nil {
				var err error
				if decoder, err = newDecoder(); err != nil {
					return nil, err
				}
			}
			return raw.bytes(k, decoder)
		})
		if decoder != nil {
			decoder.Close()
		}
	})
	if held.err != nil {
		return held.err
	}
	readRow(r.columns, &held.columnBatch, i-r.first[b], unsafe.Pointer(row))
	return nil
}

// readRow fills the record at row with row j of the batch. Columns that were left
// out are passed over.
func readRow(columns []column, batch *columnBatch, j int, row unsafe.Pointer) {
	for k := range columns {
		c, v := &columns[k], &batch.values[k]
		if !v.bound {
			if v.later {
				c.clear(row)
			}
			continue
		}
		switch c.kind {
		case kindString:
			b := v.data[v.offsets[j]:v.offsets[j+1]]
			*c.str(row) = unsafe.String(unsafe.SliceData(b), len(b))
		case kindBytes:
			*c.bytes(row) = v.data[v.offsets[j]:v.offsets[j+1]:v.offsets[j+1]]
		case kindInt32:
			*c.int32(row) = v.int32s[j]
		case kindInt64:
			*c.int64(row) = v.int64s[j]
		case kindUint32:
			*c.uint32(row) = v.uint32s[j]
		case kindUint64:
			*c.uint64(row) = v.uint64s[j]
		case kindUint32List:
			*c.list(row) = v.uint32s[v.offsets[j]:v.offsets[j+1]:v.offsets[j+1]]
		}
	}
}

// Forget lets the system take the part's pages out of the process until they are
// used again, which Read's caller need not know.
func (r *PartReader[T]) Forget() { unix.Madvise(r.mapped, unix.MADV_DONTNEED) }

// Close ends the mapping and, with it, everything that Read handed out.
func (r *PartReader[T]) Close() error { return r.mapped.close() }

// Rows walks the rows of the named parts in order; columns are those of
// [OpenPart]. The row is reused: it, and what it points to, lives until the next
// step.
func Rows[T Record](folder string, parts []Part, columns ...string) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var b Batch[T]
		defer b.Close()
		for _, p := range parts {
			if more, err := b.walk(folder, p, columns, yield); err != nil || !more {
				if err != nil {
					yield(nil, err)
				}
				return
			}
		}
	}
}

func (b *Batch[T]) walk(folder string, p Part, columns []string, yield func(*T, error) bool) (more bool, err error) {
	r, err := OpenPart[T](folder, p, columns...)
	if err != nil {
		return false, err
	}
	defer r.Close()
	var row T
	for i := range r.Batches() {
		if err := r.Load(i, b); err != nil {
			return false, err
		}
		for j := range b.rows {
			b.Read(j, &row)
			if !yield(&row, nil) {
				return false, nil
			}
		}
	}
	return true, nil
}

// Close frees the decoder.
func (b *Batch[T]) Close() {
	if b.decoder != nil {
		b.decoder.Close()
		b.decoder = nil
	}
}
