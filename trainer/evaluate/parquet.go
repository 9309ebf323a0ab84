package evaluate

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
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
		file, err := openParquetFile(path)
		if err != nil {
			s.Close()
			return nil, err
		}
		p.files = append(p.files, file.File)
		if err := recovered(path, func() error { return labels.add(file, p) }); err != nil {
			s.Close()
			return nil, err
		}
	}
	s.Class, s.Labels = labels.classes()
	return s, nil
}

// parquetFile is an open file whose columns are known.
type parquetFile struct {
	*os.File
	footer       *parquet.File
	image, label int // numbers of the columns
	text         bool
	names        []string // of the classes; nil where the file has none
}

// recovered calls f and makes an error of a panic, since the library has some on
// damaged files.
func recovered(path string, f func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	return f()
}

func openParquetFile(path string) (*parquetFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &parquetFile{File: file}
	err = recovered(path, func() error {
		size, err := wholeParquet(file)
		if err == nil {
			f.footer, err = parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		}
		if err != nil {
			return fmt.Errorf("it is no whole Parquet file: %w; get it again", err)
		}
		return f.findColumns()
	})
	if err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

// wholeParquet holds the length of the footer, for which the library makes room
// unseen, against the size of the file, which it returns.
func wholeParquet(file *os.File) (size int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	var end [8]byte // length of the footer, PAR1
	if size = info.Size(); size < int64(len(end)) {
		return 0, io.ErrUnexpectedEOF
	}
	if _, err := file.ReadAt(end[:], size-int64(len(end))); err != nil {
		return 0, err
	}
	if footer := int64(binary.LittleEndian.Uint32(end[:])); footer > size-int64(len(end)) {
		return 0, fmt.Errorf("its end claims a footer of %d bytes, the file has %d", footer, size)
	}
	return size, nil
}

func (f *parquetFile) findColumns() error {
	image, name, err := f.column(pictureColumns, "bytes")
	if err != nil {
		return err
	}
	if image.Node.Type().Kind() != parquet.ByteArray {
		return fmt.Errorf("its column %s is of the type %v, binary expected: a picture as it is in its file", name, image.Node.Type())
	}
	label, name, err := f.column(labelColumns, "")
	if err != nil {
		return err
	}
	f.image, f.label = image.ColumnIndex, label.ColumnIndex
	switch kind := label.Node.Type().Kind(); kind {
	case parquet.ByteArray:
		f.text = true
	case parquet.Int32, parquet.Int64:
		f.names, err = f.classNames(name)
	default:
		err = fmt.Errorf("its column %s is of the type %v, an integer or a string expected", name, label.Node.Type())
	}
	return err
}

// column finds the first of the names, or the field of a struct of that name.
func (f *parquetFile) column(names []string, field string) (parquet.LeafColumn, string, error) {
	schema := f.footer.Schema()
	for _, name := range names {
		leaf, there := schema.Lookup(name)
		if !there && field != "" {
			leaf, there = schema.Lookup(name, field)
		}
		if there && leaf.MaxRepetitionLevel > 0 {
			return leaf, name, fmt.Errorf("its column %s is a list, one value a row expected", name)
		}
		if there {
			return leaf, name, nil
		}
	}
	var have []string
	for _, c := range f.footer.Root().Columns() {
		have = append(have, c.Name())
	}
	return parquet.LeafColumn{}, "", fmt.Errorf("it has no column %s, only %s", strings.Join(names, " or "), strings.Join(have, ", "))
}

// classNames reads the names of a ClassLabel from the metadata that Hugging Face
// writes; nil where there is none.
func (f *parquetFile) classNames(column string) ([]string, error) {
	text, there := f.footer.Lookup("huggingface")
	if !there {
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
	err := json.Unmarshal([]byte(text), &metadata)
	if raw := metadata.Info.Features[column]; err == nil && raw != nil {
		err = json.Unmarshal(raw, &feature)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key huggingface of its metadata: %w", err)
	}
	if feature.Type != "ClassLabel" || len(feature.Names) == 0 {
		return nil, nil
	}
	if err := checkLabels(feature.Names); err != nil {
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
	for i, group := range f.footer.RowGroups() {
		chunks, first := group.ColumnChunks(), len(l.class)
		if max(f.image, f.label) >= len(chunks) {
			return errors.New("a row group of it lacks columns; get it again")
		}
		p.groups = append(p.groups, pictureRows{file: len(p.files) - 1, chunk: chunks[f.image], first: first, begin: begin})
		pages := chunks[f.label].Pages()
		err := eachValue(pages, func(v parquet.Value) error {
			class, err := l.classOf(f, v)
			if err != nil {
				return fmt.Errorf("row %d %w", len(l.class)-begin, err)
			}
			l.class = append(l.class, class)
			return nil
		})
		if n := int64(len(l.class) - first); err == nil && n != group.NumRows() {
			err = fmt.Errorf("row group %d has %d rows, but %d labels; get the file again", i, group.NumRows(), n)
		}
		if err = errors.Join(err, pages.Close()); err != nil {
			return err
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
func (l *parquetLabels) classOf(f *parquetFile, v parquet.Value) (int, error) {
	if v.IsNull() {
		return 0, errors.New("has no label; take out the rows without one")
	}
	if f.text {
		text := v.ByteArray()
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
	class := v.Int64()
	if v.Kind() == parquet.Int32 {
		class = int64(v.Int32())
	}
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

// eachValue visits the values of a column, page by page. They live until visit
// returns.
func eachValue(pages parquet.Pages, visit func(parquet.Value) error) error {
	r := valueReader{pages: pages}
	defer r.release()
	for {
		v, err := r.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = visit(v)
		}
		if err != nil {
			return err
		}
	}
}
