package export

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// rowColumns are the columns of tables that Walk reads.
var rowColumns = []string{"pair_id", "picture_hash", "phash", "text", "page_url", "image_url", "sha256"}

var errNoColumn = errors.New("it lacks one of the columns " + strings.Join(rowColumns, ", ") + ", which exports have")

// set gives the row what stands in a column of that name.
func (r *Row) setNumber(name string, n uint64) {
	switch name {
	case "pair_id":
		r.PairID = n
	case "picture_hash":
		r.PictureHash = n
	case "phash":
		r.PHash = n
	}
}

func (r *Row) setText(name, text string) {
	switch name {
	case "text":
		r.Text = text
	case "page_url":
		r.PageURL = text
	case "image_url":
		r.ImageURL = text
	case "sha256":
		r.SHA256 = text
	}
}

// table reads a Parquet file, a row group at a time, and of it no more than the columns
// that are asked for.
func (w *walking) table(in input) error {
	f, err := file.NewParquetReader(seeker{in})
	if err != nil {
		return err
	}
	defer f.Close()
	beside := f.MetaData().Schema.ColumnIndexByName("key") >= 0 // img2dataset's names
	for g := range f.NumRowGroups() {
		group := f.RowGroup(g)
		rows := int(group.NumRows())
		levels := make([]int16, rows) // all 1, or values are missing
		numbers, texts := map[string][]int64{}, map[string][]parquet.ByteArray{}
		for _, name := range rowColumns {
			i := f.MetaData().Schema.ColumnIndexByName(name)
			if beside && i < 0 {
				i = f.MetaData().Schema.ColumnIndexByName(img2datasetNames[name])
			}
			if i < 0 {
				return errNoColumn
			}
			column, err := group.Column(i)
			if err != nil {
				return err
			}
			n := 0
			switch c := column.(type) {
			case *file.Int64ColumnChunkReader:
				values := make([]int64, rows)
				n, err = readAll(rows, func(at int) (int, error) {
					_, read, err := c.ReadBatch(int64(rows-at), values[at:], levels, nil)
					return read, err
				})
				numbers[name] = values
			case *file.ByteArrayColumnChunkReader:
				values := make([]parquet.ByteArray, rows)
				n, err = readAll(rows, func(at int) (int, error) {
					_, read, err := c.ReadBatch(int64(rows-at), values[at:], levels, nil)
					for k := range values[at : at+read] { // a page is let go when the next is read
						values[at+k] = append(parquet.ByteArray(nil), values[at+k]...)
					}
					return read, err
				})
				texts[name] = values
			}
			if err != nil || n != rows {
				return fmt.Errorf("column %s of row group %d: %d of %d values: %w", name, g, n, rows, err)
			}
		}
		for i := range rows {
			for name, values := range numbers {
				w.row.setNumber(name, uint64(values[i]))
			}
			for name, values := range texts {
				w.row.setText(name, string(values[i]))
			}
			if err := w.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// readAll reads until that many values are there.
func readAll(rows int, read func(at int) (int, error)) (n int, err error) {
	for n < rows {
		more, err := read(n)
		if err != nil {
			return n, err
		}
		if more == 0 {
			break
		}
		n += more
	}
	return n, nil
}

// stream reads an Arrow stream.
func (w *walking) stream(in input) error {
	r, err := ipc.NewReader(in)
	if err != nil {
		return err
	}
	defer r.Release()
	for r.Next() {
		record := r.Record()
		var columns []arrow.Array
		for _, name := range rowColumns {
			at := record.Schema().FieldIndices(name)
			if len(at) != 1 {
				return errNoColumn
			}
			columns = append(columns, record.Column(at[0]))
		}
		for i := range int(record.NumRows()) {
			for k, name := range rowColumns {
				switch c := columns[k].(type) {
				case *array.Uint64:
					w.row.setNumber(name, c.Value(i))
				case *array.String:
					w.row.setText(name, strings.Clone(c.Value(i)))
				}
			}
			if err := w.next(); err != nil {
				return err
			}
		}
	}
	return r.Err()
}
