package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// RecordName is the file that says what an export is of, beside its files. Readers of
// data pass over names that begin with _.
const RecordName = "_pairloom-export.json"

// recordFormat is the version of the record.
const recordFormat = 1

// Record is the account of an export.
type Record struct {
	Format     int    `json:"record_format"`
	Finished   bool   `json:"finished"` // else Files says what is whole so far
	Dataset    string `json:"dataset"`  // Dataset.Hash of what was exported
	Generation int    `json:"generation"`
	// Known are some pairs of the dataset, of both splits, by which it is known again
	// whatever it became since: see [running.lineage].
	Known   []string `json:"known_pairs,omitempty"`
	Options Options  `json:"options"`
	// Pairs are the rows by split.
	Pairs map[string]int64 `json:"pairs"`
	Files []File           `json:"files"`
	// Going are files of subfolders, until they are removed: no table names them any more.
	Going []string `json:"going,omitempty"`
}

// File is one file of an export, or in the format folder one subfolder.
type File struct {
	Name  string `json:"name"`
	Split string `json:"split,omitempty"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
	// XXH64 is that of the file, 16 hexadecimal digits; of a subfolder, of its
	// metadata.jsonl. A file without is one that was begun.
	XXH64 string `json:"xxh64"`
	// Members is the number of files in a subfolder.
	Members int64 `json:"members,omitempty"`
	// From stands for the rows, and all else, that the file was made from.
	From string `json:"from,omitempty"`
}

// readRecord reads the record of a place; nil where there is none.
func readRecord(ctx context.Context, p place) (*Record, error) {
	data, err := readFile(ctx, p, RecordName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, faultAt(p, "read", RecordName, err)
	}
	var version struct {
		Format int `json:"record_format"`
	}
	if err := json.Unmarshal(data, &version); err == nil && version.Format > recordFormat {
		return nil, refused("%s/%s is of format %d, but this pairloom reads 1 to %d; update pairloom", p, RecordName, version.Format, recordFormat)
	}
	damaged := func(format string, args ...any) error {
		return &damagedRecord{refused("%s/%s "+format, append([]any{p, RecordName}, args...)...)}
	}
	r := &Record{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil || r.Format < 1 {
		return nil, damaged("is damaged (%v); give --replace to write anew what it names still, or name another destination", err)
	}
	names := slices.Clone(r.Going)
	for _, f := range r.Files {
		names = append(names, f.Name)
	}
	for _, name := range names {
		if !safeName(name) || name == RecordName {
			return nil, damaged("names the file %q, which is none of an export; give --replace to write anew what it names beside, or name another destination", name)
		}
	}
	return r, nil
}

// damagedRecord is why a record cannot be gone by.
type damagedRecord struct{ error }

func (e *damagedRecord) Unwrap() error { return e.error }

// salvage is what a damaged record still says: the names of files, each of which has a line,
// and of those on the way out. None of them is known to be whole, nor of which dataset.
func salvage(ctx context.Context, p place, o Options) (*Record, error) {
	data, err := readFile(ctx, p, RecordName)
	if err != nil {
		return nil, faultAt(p, "read", RecordName, err)
	}
	r := &Record{Options: o}
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(bytes.TrimSpace(line), []byte(","))
		text, named := bytes.CutPrefix(line, []byte(`"name": `))
		var name string
		if json.Unmarshal(text, &name) != nil || !safeName(name) || name == RecordName {
			continue
		}
		if !named {
			if strings.Contains(name, "/") { // else it is a column, or a pair
				r.Going = append(r.Going, name)
			}
			continue
		}
		r.Files = append(r.Files, File{Name: name})
		if path.Ext(name) == "" { // no other format has such
			r.Options.Format = Folder
		}
	}
	return r, nil
}

func (r *Record) write(ctx context.Context, p place) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write %s: %w", RecordName, err)
	}
	return faultAt(p, "write", RecordName, writeFile(ctx, p, RecordName, append(data, '\n')))
}
