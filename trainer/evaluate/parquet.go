package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/schema"
	"github.com/pairloom/pairloom/internal/cells"
)

// Columns of the data sets of Hugging Face for image classification: the first
// that is there counts.
var (
	pictureColumns = []string{"image", "img"}
	labelColumns   = []string{"label", "fine_label"}
)

// mostClasses bounds the classes of numbered labels without names.
const mostClasses = 100_000

// openParquet reads Parquet files of pictures with their labels, in the layout of
// Hugging Face: a column image (or img) of encoded pictures, plain or as the field
// bytes of a struct, and a column label (or fine_label). Labels are numbers, whose
// names stand in the files' metadata (where there are none, the numbers are the
// names), or texts, whose distinct values, sorted, are the classes. Labels are
// held in memory, of the pictures only the last ones that were read.
func openParquet(paths []string, convert Convert) (*Set, error) {
	p := &parquetPictures{convert: convert}
	s := &Set{Pictures: p, close: p.close}
	labels := parquetLabels{texts: map[string]int{}}
	for _, path := range paths {
		f, err := openParquetFile(path)
		if err != nil {
			s.Close()
			return nil, err
		}
		p.files = append(p.files, f)
		if err := cells.Recovered(path, func() error { return labels.add(f, p) }); err != nil {
			s.Close()
			return nil, err
		}
	}
	s.Class, s.Labels = labels.classes()
	return s, nil
}

// parquetFile is an open file whose columns are known.
type parquetFile struct {
	*cells.File
	image, label int // numbers of the columns
	text         bool
	names        []string // of the classes; nil where the file has none
}

func openParquetFile(path string) (*parquetFile, error) {
	opened, err := cells.Open(path)
	if err != nil {
		return nil, err
	}
	f := &parquetFile{File: opened}
	if err := cells.Recovered(path, f.findColumns); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *parquetFile) findColumns() error {
	image, name, err := f.column(pictureColumns, ".bytes")
	if err != nil {
		return err
	}
	if image.PhysicalType() != parquet.Types.ByteArray {
		return fmt.Errorf("its column %s is of the type %v, binary expected: a picture as it is in its file", name, image.PhysicalType())
	}
	label, name, err := f.column(labelColumns, "")
	if err != nil {
		return err
	}
	all := f.Footer.MetaData().Schema
	f.image, f.label = all.ColumnIndexByNode(image.SchemaNode()), all.ColumnIndexByNode(label.SchemaNode())
	switch kind := label.PhysicalType(); kind {
	case parquet.Types.ByteArray:
		f.text = true
	case parquet.Types.Int32, parquet.Types.Int64:
		f.names, err = f.classNames(name)
	default:
		err = fmt.Errorf("its column %s is of the type %v, an integer or a string expected", name, kind)
	}
	return err
}

// column finds the first of the names, or the field of a struct of that name.
func (f *parquetFile) column(names []string, field string) (*schema.Column, string, error) {
	all := f.Footer.MetaData().Schema
	for _, name := range names {
		i := all.ColumnIndexByName(name)
		if i < 0 && field != "" {
			i = all.ColumnIndexByName(name + field)
		}
		if i < 0 {
			continue
		}
		if c := all.Column(i); c.MaxRepetitionLevel() == 0 {
			return c, name, nil
		}
		return nil, name, fmt.Errorf("its column %s is a list, one value a row expected", name)
	}
	var have []string
	for i := range all.Root().NumFields() {
		have = append(have, all.Root().Field(i).Name())
	}
	return nil, "", fmt.Errorf("it has no column %s, only %s", strings.Join(names, " or "), strings.Join(have, ", "))
}

// classNames reads the names of a ClassLabel from the metadata that Hugging Face
// writes; nil where there is none.
func (f *parquetFile) classNames(column string) ([]string, error) {
	text := f.Footer.MetaData().KeyValueMetadata().FindValue("huggingface")
	if text == nil {
		return nil, nil
	}
	var metadata struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	var feature struct {
		Type  string   `json:"_type"`
		Names []string `json:"names"`
	}
	err := json.Unmarshal([]byte(*text), &metadata)
	if raw := metadata.Info.Features[column]; err == nil && raw != nil {
		err = json.Unmarshal(raw, &feature)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key huggingface of its metadata: %w", err)
	}
	if feature.Type != "ClassLabel" || len(feature.Names) == 0 {
		return nil, nil
	}
	if err := checkLabels(numberedLines(feature.Names)); err != nil {
		return nil, fmt.Errorf("the key huggingface of its metadata: of the class names, a line each, %w", err)
	}
	return feature.Names, nil
}

// parquetLabels collects the labels of several files.
type parquetLabels struct {
	first *parquetFile
	class []int          // of each row; of text labels by their first occurrence
	texts map[string]int // text labels, numbered as they come
	most  int            // largest number
}

// add reads the labels of a file, and tells p where its row groups begin.
func (l *parquetLabels) add(f *parquetFile, p *parquetPictures) error {
	if l.first == nil {
		l.first = f
	}
	if f.text != l.first.text {
		return fmt.Errorf("of it and %s, one has labels that are numbers, the other texts", l.first.Name())
	}
	if err := sameNames(l.first, f); err != nil {
		return err
	}
	begin := len(l.class)
	var labels cells.Reader
	for g := range f.Footer.NumRowGroups() {
		rows, first := f.Footer.RowGroup(g).MetaData(), len(l.class)
		if rows.NumColumns() <= max(f.image, f.label) {
			return fmt.Errorf("row group %d lacks columns; get the file again", g)
		}
		// Each row has at least a number in one of the columns.
		if n := rows.NumRows(); n < 0 || n > f.Size {
			return fmt.Errorf("row group %d claims %d rows in a file of %d bytes; get it again", g, n, f.Size)
		}
		p.groups = append(p.groups, pictureRows{file: len(p.files) - 1, group: g, first: first, begin: begin})
		if err := labels.Open(f.File, g, f.label); err != nil {
			return fmt.Errorf("row group %d: %w", g, err)
		}
		for {
			c, err := labels.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("row group %d: %w", g, err)
			}
			class, err := l.classOf(f, c)
			if err != nil {
				return fmt.Errorf("row %d %w", len(l.class)-begin, err)
			}
			l.class = append(l.class, class)
		}
		if n := int64(len(l.class) - first); n != rows.NumRows() {
			return fmt.Errorf("row group %d has %d rows, but %d labels; get the file again", g, rows.NumRows(), n)
		}
	}
	p.rows = len(l.class)
	return nil
}

// sameNames tells whether two files have the same classes.
func sameNames(a, b *parquetFile) error {
	if len(a.names) != len(b.names) {
		return fmt.Errorf("it names %d classes, %s %d; the files of a set have the same classes", len(b.names), a.Name(), len(a.names))
	}
	for i, name := range a.names {
		if b.names[i] != name {
			return fmt.Errorf("its class %d is %q, that of %s is %q; the files of a set have the same classes", i, b.names[i], a.Name(), name)
		}
	}
	return nil
}

// classOf is the class of a value; its errors go on from the row's number.
func (l *parquetLabels) classOf(f *parquetFile, c cells.Cell) (int, error) {
	if c.Null {
		return 0, errors.New("has no label; take out the rows without one")
	}
	if f.text {
		text := c.Bytes
		class, there := l.texts[string(text)]
		if !there {
			if strings.TrimSpace(string(text)) == "" {
				return 0, errors.New("has an empty label; take out the rows without one")
			}
			class = len(l.texts)
			l.texts[string(text)] = class
		}
		return class, nil
	}
	class := c.Number
	limit := len(f.names)
	if limit == 0 {
		limit = mostClasses
	}
	if class < 0 || class >= int64(limit) {
		return 0, fmt.Errorf("has the label %d, 0 to %d expected", class, limit-1)
	}
	l.most = max(l.most, int(class))
	return int(class), nil
}

// classes are the class of each row and the labels of the classes.
func (l *parquetLabels) classes() ([]int, []string) {
	if !l.first.text {
		if l.first.names != nil {
			return l.class, l.first.names
		}
		return l.class, numbered(l.most + 1)
	}
	sorted := slices.Sorted(maps.Keys(l.texts))
	place := make([]int, len(sorted))
	for i, text := range sorted {
		place[l.texts[text]] = i
	}
	for i, class := range l.class {
		l.class[i] = place[class]
	}
	return l.class, sorted
}
