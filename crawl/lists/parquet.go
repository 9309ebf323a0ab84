package lists

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/pairloom/pairloom/internal/cells"
	"github.com/pairloom/pairloom/internal/places"
)

// parquetFile is a Parquet file that is being read.
type parquetFile struct {
	*candidates
	*cells.File
	source  Source
	options *Options
	columns columns
	leaves  []int // number in the file of each of columns.names
	// bytes and path are the places of the picture's columns among the names; -1 for none.
	bytes, path int
	status      int
	failures    bool // only rows whose status is none of success
	print       uint64
}

func readParquet(k *candidates, s Source, o *Options) error {
	if k.find == nil { // a row may name a file below the folder of its own
		pictures, err := newFolder(filepath.Dir(s.Path), filepath.Base(s.Path))
		if err != nil {
			return err
		}
		defer pictures.close()
		return parquetRowsWith(k, s, o, false, pictures)
	}
	return parquetRows(k, s, o, false)
}

func parquetRows(k *candidates, s Source, o *Options, failures bool) error {
	return parquetRowsWith(k, s, o, failures, nil)
}

func parquetRowsWith(k *candidates, s Source, o *Options, failures bool, pictures *folder) error {
	f, err := cells.Open(s.Path)
	if err != nil {
		return strippedOf(s.Path, err)
	}
	defer f.Close()
	p := &parquetFile{candidates: k, File: f, source: s, options: o, failures: failures}
	err = cells.Recovered(s.Path, func() error {
		if err := p.understand(); err != nil || p.failures && p.status < 0 {
			return err
		}
		if p.print, err = places.Fingerprint(f.File, f.Size, places.ContainerEnds); err != nil {
			return err
		}
		rows := int64(0)
		for g := range f.Footer.NumRowGroups() {
			n, err := p.group(g, rows, pictures)
			if err != nil {
				return fmt.Errorf("row group %d: %w", g, err)
			}
			rows += n
		}
		return nil
	})
	return strippedOf(s.Path, err)
}

// strippedOf is a [FileError] of an error that names the file itself.
func strippedOf(path string, err error) error {
	var ours *sinkFault
	if err == nil || errors.As(err, &ours) {
		return err
	}
	for inner := errors.Unwrap(err); inner != nil && strings.HasPrefix(err.Error(), path+": "); inner = errors.Unwrap(err) {
		err = inner
	}
	return &FileError{Path: path, Err: err}
}

// understand finds the columns.
func (p *parquetFile) understand() error {
	all := p.Footer.MetaData().Schema
	if n := all.NumColumns(); n > mostColumns {
		return fmt.Errorf("it has %d columns, %d are the most", n, mostColumns)
	}
	var names, lists []string
	for i := range all.NumColumns() {
		c := all.Column(i)
		if c.MaxRepetitionLevel() > 0 || c.PhysicalType() == parquet.Types.Int96 {
			lists = append(lists, c.Path())
			continue
		}
		names, p.leaves = append(names, c.Path()), append(p.leaves, i)
	}
	p.bytes, p.path = -1, -1
	for _, name := range p.options.pictures() {
		i := find(names, []string{name + ".bytes"})
		if i < 0 {
			if i = find(names, []string{name}); i >= 0 && p.isText(i) {
				i = -1
			}
		} else {
			p.path = find(names, []string{name + ".path"})
		}
		if i >= 0 && p.kind(i) == parquet.Types.ByteArray {
			p.bytes = i
			break
		}
	}
	if p.bytes < 0 && p.options.PictureColumn != "" && !p.failures {
		return fmt.Errorf("it has no column %s of pictures, only %s", p.options.PictureColumn, listed(names))
	}
	var err error
	p.columns, err = p.options.columnsOf(names, false, false)
	c := &p.columns
	switch {
	case err != nil && len(lists) > 0:
		return fmt.Errorf("%w; its columns that are lists or of the type INT96 are not read: %s", err, listed(lists))
	case err != nil:
		return err
	}
	if c.url == p.bytes && p.options.URLColumn == "" {
		c.url = -1
	}
	if c.file >= 0 && p.path < 0 && (p.bytes < 0 || p.candidates.find != nil) {
		p.path = c.file
	}
	p.status = find(names, []string{"status"})
	if p.failures {
		p.bytes, p.path = -1, -1
		if c.key < 0 || p.status < 0 || c.url < 0 || c.text < 0 {
			p.status = -1 // it is not of img2dataset
			return nil
		}
	}
	if c.url < 0 && p.bytes < 0 && p.path < 0 || c.text < 0 {
		_, err := p.options.columnsOf(names, p.bytes < 0 && p.path < 0, true)
		if len(lists) > 0 {
			err = fmt.Errorf("%w; its columns that are lists are not read: %s", err, listed(lists))
		}
		return err
	}
	for _, i := range []int{c.url, c.text, p.path} {
		if i >= 0 && p.kind(i) != parquet.Types.ByteArray {
			return fmt.Errorf("its column %s is of the type %v, text expected", names[i], p.kind(i))
		}
	}
	if c.key >= 0 && p.status >= 0 { // of img2dataset
		for _, name := range alwaysKept {
			if i := find(names, []string{name}); i >= 0 && !slices.Contains(c.keep, i) {
				c.keep = append(c.keep, i)
			}
		}
	}
	c.keep = slices.DeleteFunc(c.keep, func(i int) bool { return i == p.bytes })
	return nil
}

func (p *parquetFile) kind(i int) parquet.Type {
	return p.Footer.MetaData().Schema.Column(p.leaves[i]).PhysicalType()
}

// isText tells a column of text from one of bytes.
func (p *parquetFile) isText(i int) bool {
	c := p.Footer.MetaData().Schema.Column(p.leaves[i])
	if _, ok := c.LogicalType().(schema.StringLogicalType); ok {
		return true
	}
	return c.ConvertedType() == schema.ConvertedTypes.UTF8
}

// group reads a row group, whose first row is number first of the file.
func (p *parquetFile) group(g int, first int64, pictures *folder) (rows int64, err error) {
	about := p.Footer.RowGroup(g).MetaData()
	rows = about.NumRows()
	if rows < 0 {
		return 0, fmt.Errorf("it claims %d rows; get the file again", rows)
	}
	readers, values := make([]*cells.Reader, len(p.leaves)), make([]cells.Cell, len(p.leaves))
	var order []int
	need := append([]int{p.columns.url, p.columns.text, p.columns.page, p.columns.license, p.columns.language, p.path, p.status}, p.columns.keep...)
	here, known := false, true
	if p.bytes >= 0 {
		if here, known = p.present(g, rows); !known {
			need = append(need, p.bytes)
		}
	}
	for _, i := range need {
		if i < 0 || readers[i] != nil {
			continue
		}
		r := &cells.Reader{}
		if err := r.Open(p.File, g, p.leaves[i]); err != nil {
			return 0, fmt.Errorf("column %s: %w", p.columns.names[i], err)
		}
		readers[i] = r
		order = append(order, i)
	}
	read := p.size(g) / max(rows/readEvery, 1)
	var row row
	for n := range rows {
		for _, i := range order {
			c, err := readers[i].Next()
			if errors.Is(err, io.EOF) {
				err = errors.New("it has fewer values than there are rows; get the file again")
			}
			if err != nil {
				return 0, fmt.Errorf("column %s, row %d: %w", p.columns.names[i], first+n, err)
			}
			values[i] = c
		}
		if n%readEvery == readEvery-1 {
			if err := p.advance(read); err != nil {
				return 0, err
			}
		}
		if p.failures && string(values[p.status].Bytes) == "success" {
			continue
		}
		p.fill(&row, values)
		if p.bytes >= 0 && (known && here || !known && !values[p.bytes].Null && len(values[p.bytes].Bytes) > 0) {
			row.place = places.Place{Kind: places.Parquet, Print: p.print, At: [3]int64{int64(g), n, int64(p.leaves[p.bytes])}, Path: p.source.Path}.String()
			row.file = nil
		}
		number := strconv.FormatInt(first+n, 10)
		row.name = p.source.Label + "/" + number
		if row.place == "" && len(row.file) > 0 && len(row.url) == 0 && pictures != nil {
			if _, ok := p.address.Address(row.file); ok {
				row.url = row.file
			} else {
				row.reason = pictures.find(&row)
			}
		}
		if p.bytes >= 0 && row.place == "" && len(row.url) == 0 && row.reason == "" {
			row.reason = ReasonNoPicture
		}
		if err := p.take(&row, p.source.Label+":"+number); err != nil {
			return 0, err
		}
	}
	return rows, p.advance(p.size(g) - read*(rows/readEvery))
}

// size is how many bytes the row group counts for.
func (p *parquetFile) size(int) int64 { return p.Size / int64(max(1, p.Footer.NumRowGroups())) }

// present tells, by the statistics of a row group, whether all its rows hold a picture,
// or none does.
func (p *parquetFile) present(g int, rows int64) (all, known bool) {
	chunk, err := p.Footer.RowGroup(g).MetaData().ColumnChunk(p.leaves[p.bytes])
	if err != nil {
		return false, false
	}
	stats, err := chunk.Statistics()
	if err != nil || stats == nil || !stats.HasNullCount() {
		return false, false
	}
	switch stats.NullCount() {
	case 0:
		if stats.HasMinMax() && len(stats.EncodeMin()) == 0 {
			return false, false // some of them are empty
		}
		return true, true
	case rows:
		return false, true
	}
	return false, false
}

// fill makes a row of cells.
func (p *parquetFile) fill(r *row, values []cells.Cell) {
	get := func(i int) []byte {
		if i < 0 || values[i].Null {
			return nil
		}
		return values[i].Bytes
	}
	c := &p.columns
	*r = row{url: get(c.url), text: get(c.text), page: get(c.page), license: get(c.license), language: get(c.language), file: get(p.path)}
	p.more.reset()
	for _, i := range c.keep {
		p.keep(c.names[i], p.kind(i), values[i])
	}
}

// keep adds a cell to what goes on with the pair.
func (p *parquetFile) keep(name string, kind parquet.Type, c cells.Cell) {
	p.more.raw(name, nil)
	b := p.more.b
	switch {
	case c.Null:
		b = append(b, "null"...)
	case kind == parquet.Types.Boolean:
		b = strconv.AppendBool(b, c.Number != 0)
	case kind == parquet.Types.Int32, kind == parquet.Types.Int64:
		b = strconv.AppendInt(b, c.Number, 10)
	case kind == parquet.Types.Float:
		b = appendNumber(b, c.Float, 32)
	case kind == parquet.Types.Double:
		b = appendNumber(b, c.Float, 64)
	case len(c.Bytes) > mostText || !utf8.Valid(c.Bytes):
		b = append(b, "null"...) // no text
	default:
		b = appendJSONText(b, c.Bytes)
	}
	p.more.b = b
}

// appendNumber appends a number as JSON, which has none that are infinite.
func appendNumber(b []byte, n float64, bits int) []byte {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, n, 'g', -1, bits)
}
