package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
	r := &Record{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil || r.Format < 1 {
		return nil, refused("%s/%s is damaged (%v); empty the destination, or name another", p, RecordName, err)
	}
	names := slices.Clone(r.Going)
	for _, f := range r.Files {
		names = append(names, f.Name)
	}
	for _, name := range names {
		if !safeName(name) || name == RecordName {
			return nil, refused("%s/%s names the file %q, which is none of an export; empty the destination, or name another", p, RecordName, name)
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
