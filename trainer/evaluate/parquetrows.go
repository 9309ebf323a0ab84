package evaluate

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/pairloom/pairloom/internal/cells"
)

// captionColumns are those of texts of data sets of pictures with captions: the first
// that is there, one value a row, counts.
var captionColumns = []string{"caption", "text", "captions"}

// PictureRow is a row of a Parquet file. Its picture lives until the next one.
type PictureRow struct {
	Number  int
	Picture []byte // as it is in its file; empty where the row has none
	Text    string // its caption; "" where the file has no column of such
}

// EachPictureRow visits the rows of a Parquet file of pictures in the layout of Hugging
// Face, as class sets are read, with labels or without. A file with captions and no
// pictures is read too.
func EachPictureRow(path string, visit func(PictureRow) error) error {
	file, err := cells.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	opened := parquetFile{File: file}
	var stopped error // visit's own, which is not the file's
	err = cells.Recovered(path, func() error {
		image, name, err := opened.column(pictureColumns, ".bytes")
		if err == nil && image.PhysicalType() != parquet.Types.ByteArray {
			return fmt.Errorf("its column %s is of the type %v, binary expected: a picture as it is in its file", name, image.PhysicalType())
		}
		caption, _, noCaption := opened.column(captionColumns, "")
		if noCaption == nil && caption.PhysicalType() != parquet.Types.ByteArray {
			noCaption = errNoCaption
		}
		if err != nil && noCaption != nil {
			return err
		}
		all := opened.Footer.MetaData().Schema
		columns := []int{-1, -1}
		if err == nil {
			columns[0] = all.ColumnIndexByNode(image.SchemaNode())
		}
		if noCaption == nil {
			columns[1] = all.ColumnIndexByNode(caption.SchemaNode())
		}
		stopped, err = opened.eachRow(columns, visit)
		return err
	})
	if stopped != nil {
		return stopped
	}
	return err
}

var errNoCaption = errors.New("no column of captions")

// eachRow visits the rows of all groups; columns are those of picture and caption, -1
// for one that is not there. stopped is the error of visit.
func (f *parquetFile) eachRow(columns []int, visit func(PictureRow) error) (stopped, err error) {
	number := 0
	for g := range f.Footer.NumRowGroups() {
		rows := f.Footer.RowGroup(g).MetaData()
		if n := rows.NumRows(); n < 0 || n > f.Size {
			return nil, fmt.Errorf("row group %d claims %d rows in a file of %d bytes; get it again", g, n, f.Size)
		}
		var readers [2]cells.Reader
		for i, column := range columns {
			if column < 0 {
				continue
			}
			if rows.NumColumns() <= column {
				return nil, fmt.Errorf("row group %d lacks columns; get the file again", g)
			}
			if err := readers[i].Open(f.File, g, column); err != nil {
				return nil, fmt.Errorf("row group %d: %w", g, err)
			}
		}
		for range rows.NumRows() {
			row := PictureRow{Number: number}
			for i := range readers {
				if columns[i] < 0 {
					continue
				}
				c, err := readers[i].Next()
				if errors.Is(err, io.EOF) {
					err = errors.New("the column ends before its row group; get the file again")
				}
				if err != nil {
					return nil, fmt.Errorf("row %d: %w", number, err)
				}
				switch {
				case c.Null:
				case i == 0 && len(c.Bytes) <= largestFile:
					row.Picture = c.Bytes
				case i == 1:
					row.Text = strings.ToValidUTF8(string(c.Bytes), "\ufffd")
				}
			}
			if err := visit(row); err != nil {
				return err, nil
			}
			number++
		}
	}
	return nil, nil
}
