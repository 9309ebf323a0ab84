package lists

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// readEvery is how many rows are read between two reports of how far it is.
const readEvery = 1024

// textFile is a file of a text format that is being read.
type textFile struct {
	*candidates
	source  Source
	options *Options
	in      *unpacked
	told    int64
	rows    int
	row     row
}

// at is where a row stands, for people.
func (t *textFile) at(line int64) string { return t.source.Label + ":" + strconv.FormatInt(line, 10) }

func (t *textFile) fault(line int64, err error) error { return &FileError{t.source.Path, line, err} }

// tell tells how far the file was read.
func (t *textFile) tell() error {
	n := t.in.read - t.told
	t.told = t.in.read
	return t.advance(n)
}

func readText(k *candidates, s Source, o *Options) error {
	in, err := openUnpacked(s.Path)
	if err != nil {
		return &FileError{Path: s.Path, Err: err}
	}
	defer in.close()
	e, err := o.encoding()
	if err != nil {
		return err
	}
	t := &textFile{candidates: k, source: s, options: o, in: in}
	l := newLines(in.utf8Text(e))
	switch s.Format {
	case "csv":
		err = t.table(&table{lines: l, separator: o.separator(l)})
	case "tsv":
		err = t.table(&table{lines: l, separator: '\t'})
	case "json":
		err = t.array(l)
	case "jsonl":
		err = t.objects(l)
	default:
		err = t.addresses(l)
	}
	if err == nil && l.fault() != nil {
		err = t.fault(l.number, fmt.Errorf("%w; it is cut off or damaged: get it again", l.fault()))
	}
	if err != nil {
		return err
	}
	return t.tell()
}

// separator is that of a table whose first line comes next.
func (o *Options) separator(l *lines) byte {
	if o.Separator != "" {
		return o.Separator[0]
	}
	if l.more() {
		if end, fits := l.until(0); fits {
			for _, c := range []byte(",;|\t") {
				if bytes.IndexByte(l.line(end), c) >= 0 {
					return c
				}
			}
		}
	}
	return ','
}

// addresses reads lines of an address, and behind white space a text.
func (t *textFile) addresses(l *lines) error {
	for l.more() {
		line := l.number
		t.row = row{}
		if end, fits := l.until(0); !fits {
			t.row.reason = ReasonTooLong
			l.skip()
		} else {
			text := bytes.TrimSpace(l.line(end))
			if len(text) == 0 {
				l.pass(end)
				continue
			}
			cut := bytes.IndexAny(text, " \t")
			if cut < 0 {
				cut = len(text)
			}
			t.row.url, t.row.text = text[:cut], text[cut:]
			l.pass(end)
		}
		if err := t.next(line); err != nil {
			return err
		}
	}
	return nil
}

// next takes the row that begins on a line.
func (t *textFile) next(line int64) error {
	if err := t.take(&t.row, t.at(line)); err != nil {
		return err
	}
	if t.rows++; t.rows%readEvery == 0 {
		return t.tell()
	}
	return nil
}

// table reads separated values.
func (t *textFile) table(in *table) error {
	reason, ok := in.next()
	if !ok {
		return nil // an empty file
	}
	if reason != "" {
		return t.fault(in.first, fmt.Errorf("the first line, of the columns' names, cannot be read: %w", firstLine[reason]))
	}
	c, header, err := t.header(in.fields)
	if err != nil {
		return t.fault(in.first, err)
	}
	for again := !header; ; again = false {
		if !again {
			if reason, ok = in.next(); !ok {
				return nil
			}
		}
		t.row = row{reason: reason}
		if t.more.reset(); reason == "" && len(in.fields) != len(c.names) {
			t.row.reason = ReasonColumns
		}
		if t.row.reason == "" {
			t.fill(c, in.fields)
		}
		if err := t.next(in.first); err != nil {
			return err
		}
	}
}

// firstLine says what is wrong with a first line.
var firstLine = map[string]error{
	ReasonTooLong:  errors.New("it is longer than 1 MiB; is this the right --format?"),
	ReasonColumns:  fmt.Errorf("it has more than %d columns; is this the right --format?", mostColumns),
	ReasonBadQuote: errors.New("it has a quote that is not closed, or text behind one; is this the right --format?"),
}

// columnsOf says what columns mean: those of a table of captions name files.
func (t *textFile) columnsOf(have []string) (columns, error) {
	if t.find == nil {
		return t.options.columnsOf(have, true, true)
	}
	c, err := t.options.columnsOf(have, false, true)
	if err == nil && c.file < 0 {
		err = fmt.Errorf("it has no column file_name that names the pictures, only %s", listed(have))
	}
	return c, err
}

// header tells what the columns of a table mean by its first record, and whether that
// holds names. One that holds an address is a row: then columns have numbers.
func (t *textFile) header(first [][]byte) (c columns, names bool, err error) {
	have := make([]string, len(first))
	for i, f := range first {
		have[i] = string(bytes.TrimSpace(f))
	}
	address := -1
	for i, f := range first {
		if _, ok := t.address.Address(f); ok {
			address = i
			break
		}
	}
	if address < 0 {
		c, err = t.columnsOf(have)
		return c, true, err
	}
	for i := range have {
		have[i] = strconv.Itoa(i + 1)
	}
	o := *t.options
	if o.URLColumn == "" {
		o.URLColumn = have[address]
	}
	if o.TextColumn == "" && len(have) == 2 {
		o.TextColumn = have[1-address]
	}
	if c, err = o.columnsOf(have, true, true); err != nil {
		err = fmt.Errorf("its first line holds an address, and so no names of columns, which are numbered instead; name --url-col and --text-col by number: %w", err)
	}
	return c, false, err
}

// fill makes the row of a record.
func (t *textFile) fill(c columns, fields [][]byte) {
	get := func(i int) []byte {
		if i < 0 {
			return nil
		}
		return fields[i]
	}
	t.row.url, t.row.text, t.row.file = get(c.url), get(c.text), get(c.file)
	t.row.page, t.row.license, t.row.language = get(c.page), get(c.license), get(c.language)
	for _, i := range c.keep {
		t.more.text(c.names[i], fields[i])
	}
}
