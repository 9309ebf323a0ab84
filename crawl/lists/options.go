package lists

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
)

// Formats are the words for Options.Format.
var Formats = []string{"auto", "txt", "csv", "tsv", "json", "jsonl", "parquet", "arrow", "tar", "folder"}

// Options say how lists are read. The zero value tells formats from names and content,
// and columns from their names.
type Options struct {
	Format string // one of Formats; "" is auto
	// URLColumn and TextColumn are names of columns, or their numbers from 1 on in files
	// without names; "" takes the first of the names that public lists give theirs.
	URLColumn, TextColumn string
	// PictureColumn is the name of the column of embedded pictures; "" takes the first of
	// the names that public lists give theirs.
	PictureColumn string
	// Keep names further columns that go on with a pair, as JSON; KeepAll takes all.
	Keep    []string
	KeepAll bool
	// Captions is the table of the captions of a folder's pictures: a file with a column
	// file_name; "" looks for metadata.csv, .jsonl and .parquet, and for a text beside
	// each picture.
	Captions string
	// Encoding is the name of the texts' character encoding (as in HTML); "" is UTF-8, or
	// UTF-16 where a file looks like it.
	Encoding string
	// Separator is that of CSV; "" takes the comma, or where the first line has none the
	// semicolon, bar or tab that it has.
	Separator string
}

// Validate reports what no file could be read by.
func (o Options) Validate() error {
	if o.Format != "" && !slices.Contains(Formats, o.Format) {
		return fmt.Errorf("format %q is none of %s", o.Format, strings.Join(Formats, ", "))
	}
	if o.KeepAll && len(o.Keep) > 0 {
		return fmt.Errorf("columns to keep are named, and all are asked for; give one of the two")
	}
	if len(o.Separator) > 1 || o.Separator == "\"" || o.Separator == "\n" || o.Separator == "\r" || o.Separator >= "\x80" {
		return fmt.Errorf("separator %q is not one ASCII character that stands between fields, such as ; or |", o.Separator)
	}
	if _, err := o.encoding(); err != nil {
		return err
	}
	return nil
}

// encoding is nil where files are to be looked at.
func (o Options) encoding() (encoding.Encoding, error) {
	if o.Encoding == "" {
		return nil, nil
	}
	e, err := htmlindex.Get(o.Encoding)
	if err != nil {
		return nil, fmt.Errorf("encoding %q is not known; give a name such as utf-8, utf-16le, windows-1252 or gbk", o.Encoding)
	}
	return e, nil
}
