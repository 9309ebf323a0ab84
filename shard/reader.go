package shard

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

// PartReader reads one part from a mapping of the file. Strings, bytes and
// lists that it hands out point into the part and live until Close. Any number
// of goroutines may read at once.
type PartReader[T Record] struct {
	path    string
	mapped  mapping
	origin  Origin
	columns []column[T]
	fields  []fileField
	batches []columnBatch
	first   []int // row number of each batch's first row, and the total at the end
}

// fileField is one column of a file, in the file's order.
type fileField struct {
	kind   kind
	column int // place in the record's columns, -1 for one that this program does not know
}

// columnBatch holds one record batch, column by column.
type columnBatch struct {
	rows   int
	values []columnValues
}

// columnValues views the values of one column; which fields are set depends on
// the column's kind.
type columnValues struct {
	data    []byte
	offsets []int32 // strings, bytes, lists: rows + 1 of them
	int32s  []int32
	int64s  []int64
	uint32s []uint32 // also the flat values of lists
	uint64s []uint64
}

// OpenPart opens the part at path. A part that is cut short or damaged gives a
// *[DamagedPart].
func OpenPart[T Record](path string) (*PartReader[T], error) {
	r := &PartReader[T]{path: path, columns: layoutOf[T]().columns}
	mapped, err := mapFile(path)
	if err != nil {
		return nil, &DamagedPart{path, err.Error(), cure(path)}
	}
	r.mapped = mapped
	if err := r.load(); err != nil {
		mapped.close()
		damaged := &DamagedPart{path, err.Error(), cure(path)}
		if errors.Is(err, errNewer) {
			damaged.Cure = "update pairloom, or " + damaged.Cure
		}
		return nil, damaged
	}
	return r, nil
}

func (r *PartReader[T]) load() (err error) {
	defer guard("content", &err)
	blocks, err := r.mapped.blocks()
	if err != nil {
		return err
	}
	if err := r.checkSchema(); err != nil {
		return err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBuffer))
	if err != nil {
		return err
	}
	defer decoder.Close()
	total := 0
	for i, b := range blocks {
		raw, err := r.mapped.batch(b)
		if err != nil {
			return fmt.Errorf("batch %d at byte %d: %w", i, b.offset, err)
		}
		cb, err := bindColumns(r.columns, r.fields, &raw, decoder)
		if err != nil {
			return fmt.Errorf("batch %d at byte %d: %w", i, b.offset, err)
		}
		r.first = append(r.first, total)
		r.batches = append(r.batches, cb)
		total += cb.rows
	}
	r.first = append(r.first, total)
	return nil
}

// errNewer marks parts that a newer pairloom wrote.
var errNewer = errors.New("a newer pairloom wrote it")

// checkSchema finds the record's columns in the file. Versions up to this
// program's are read; columns that it does not know are passed over.
func (r *PartReader[T]) checkSchema() error {
	schema, err := r.mapped.schema()
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(schema.metadata[metaVersion])
	switch {
	case err != nil || version < 1:
		return fmt.Errorf("its schema version is %q, but versions are numbers from 1", schema.metadata[metaVersion])
	case version > SchemaVersion:
		return fmt.Errorf("%w: its schema version is %d, but this one reads versions 1 to %d", errNewer, version, SchemaVersion)
	}
	found := 0
	for _, f := range schema.fields {
		i := slices.IndexFunc(r.columns, func(c column[T]) bool { return c.name == f.name })
		switch {
		case i < 0 && f.kind == kindUnknown:
			return fmt.Errorf("its column %s is of a type that no part has", f.name)
		case i >= 0 && f.kind != r.columns[i].kind:
			return fmt.Errorf("its column %s is not of the type that column has", f.name)
		case i >= 0 && slices.ContainsFunc(r.fields, func(o fileField) bool { return o.column == i }):
			return fmt.Errorf("it has two columns %s", f.name)
		case i >= 0:
			found++
		}
		r.fields = append(r.fields, fileField{f.kind, i})
	}
	if found < len(r.columns) {
		return fmt.Errorf("its columns are not those of %s", filepath.Base(filepath.Dir(r.path)))
	}
	r.origin = Origin{Stage: schema.metadata[metaStage], Settings: schema.metadata[metaSettings], Input: schema.metadata[metaInput]}
	return nil
}

func bindColumns[T any](columns []column[T], fields []fileField, raw *batch, decoder *zstd.Decoder) (columnBatch, error) {
	cb := columnBatch{rows: raw.rows, values: make([]columnValues, len(columns))}
	next := 0
	take := func() ([]byte, error) {
		next++
		return raw.bytes(next-1, decoder)
	}
	for _, f := range fields {
		if f.column < 0 {
			next += f.kind.buffers()
			continue
		}
		c, v := &columns[f.column], &cb.values[f.column]
		next++ // the validity buffer: no column is nullable
		fixed, err := take()
		if err != nil {
			return cb, fmt.Errorf("column %s: %w", c.name, err)
		}
		switch c.kind {
		case kindInt32:
			v.int32s, err = numbers[int32](fixed, cb.rows)
		case kindInt64:
			v.int64s, err = numbers[int64](fixed, cb.rows)
		case kindUint32:
			v.uint32s, err = numbers[uint32](fixed, cb.rows)
		case kindUint64:
			v.uint64s, err = numbers[uint64](fixed, cb.rows)
		default:
			if v.offsets, err = numbers[int32](fixed, cb.rows+1); err == nil {
				if c.kind == kindUint32List {
					next++ // validity of the list's values
				}
				if v.data, err = take(); err == nil {
					err = v.checkOffsets(c.kind)
				}
			}
		}
		if err != nil {
			return cb, fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	return cb, nil
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
func (r *PartReader[T]) Len() int { return r.first[len(r.batches)] }

// Origin is what the part was made by and from.
func (r *PartReader[T]) Origin() Origin { return r.origin }

// Path is the file's path.
func (r *PartReader[T]) Path() string { return r.path }

// Read fills row with row i; 0 <= i < Len.
func (r *PartReader[T]) Read(i int, row *T) {
	b := sort.SearchInts(r.first, i+1) - 1
	batch, j := &r.batches[b], i-r.first[b]
	for k := range r.columns {
		c, v := &r.columns[k], &batch.values[k]
		switch field := c.at(row).(type) {
		case *string:
			*field = ""
			if b := v.data[v.offsets[j]:v.offsets[j+1]]; len(b) > 0 {
				*field = unsafe.String(&b[0], len(b))
			}
		case *[]byte:
			*field = v.data[v.offsets[j]:v.offsets[j+1]:v.offsets[j+1]]
		case *int32:
			*field = v.int32s[j]
		case *int64:
			*field = v.int64s[j]
		case *uint32:
			*field = v.uint32s[j]
		case *uint64:
			*field = v.uint64s[j]
		case *[]uint32:
			*field = v.uint32s[v.offsets[j]:v.offsets[j+1]:v.offsets[j+1]]
		}
	}
}

// At returns row i; 0 <= i < Len.
func (r *PartReader[T]) At(i int) T {
	var row T
	r.Read(i, &row)
	return row
}

// Close ends the mapping and, with it, everything that was handed out.
func (r *PartReader[T]) Close() error { return r.mapped.close() }

// PairReader reads a shard.
type PairReader = PartReader[Pair]

// OpenPairs opens a shard.
func OpenPairs(path string) (*PairReader, error) { return OpenPart[Pair](path) }

// Rows walks the rows of the named parts in order. The row is reused: it, and
// what it points to, lives until the next step.
func Rows[T Record](folder string, parts []Part) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		var row T
		for _, p := range parts {
			r, err := OpenPart[T](filepath.Join(folder, p.Name))
			if err == nil && int64(r.Len()) != p.Rows {
				r.Close()
				err = &DamagedPart{r.path, fmt.Sprintf("it has %d rows, but the manifest says %d", r.Len(), p.Rows), cure(r.path)}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range r.Len() {
				r.Read(i, &row)
				if !yield(&row, nil) {
					r.Close()
					return
				}
			}
			r.Close()
		}
	}
}
