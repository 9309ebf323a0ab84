package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// Formats.
const (
	WebDataset  = "webdataset"  // tars by img2dataset's conventions
	Parquet     = "parquet"     // a table, with pictures by choice
	Folder      = "folder"      // pictures as files, with metadata.jsonl (imagefolder)
	HuggingFace = "huggingface" // a repository that load_dataset opens
	Datasets    = "datasets"    // what save_to_disk writes
)

// Formats are all of them.
var Formats = []string{WebDataset, Parquet, Folder, HuggingFace, Datasets}

// The sides of a dataset, as exports name them.
const (
	Train   = "train"
	HeldOut = "held_out"
	All     = "all"
)

// Splits are the words for Options.Split.
var Splits = []string{All, Train, HeldOut}

// Options say what is exported, and how. They are part of the record: with others the
// files would be others.
type Options struct {
	Format string `json:"format"`
	Split  string `json:"split"` // one of Splits; "" is all
	// Columns are those beside the text, the picture and the ones that find a pair
	// again; nil is all.
	Columns []string `json:"columns,omitempty"`
	// Size is the number of rows of a file (of a folder: of a subfolder), those counted
	// that were deleted since; 0 is 10,000, and 1,000 of a folder.
	Size int `json:"shard_size"`
	// Pictures of the format parquet; the others always have them.
	Pictures bool `json:"pictures"`
}

// complete fills in defaults, and tells all that is wrong.
func (o Options) complete() (Options, error) {
	var faults []error
	if !slices.Contains(Formats, o.Format) {
		faults = append(faults, fmt.Errorf("format %q is none of %s", o.Format, strings.Join(Formats, ", ")))
	}
	if o.Split == "" {
		o.Split = All
	}
	if !slices.Contains(Splits, o.Split) {
		faults = append(faults, fmt.Errorf("split %q is none of %s", o.Split, strings.Join(Splits, ", ")))
	}
	if o.Size == 0 {
		o.Size = 10_000
		if o.Format == Folder {
			o.Size = 1_000
		}
	}
	if o.Size < 1 || o.Size > 1_000_000 {
		faults = append(faults, fmt.Errorf("the shard size is %d; it must be from 1 to 1,000,000", o.Size))
	}
	if o.Format != Parquet {
		o.Pictures = true
	}
	for _, name := range o.Columns {
		if !slices.ContainsFunc(columns, func(c column) bool { return c.name == name }) {
			faults = append(faults, fmt.Errorf("there is no column %q; there are %s", name, strings.Join(ColumnNames(), ", ")))
		}
	}
	if o.Columns != nil {
		o.Columns = slices.Compact(slices.Sorted(slices.Values(o.Columns)))
	}
	if err := errors.Join(faults...); err != nil {
		return o, &RefusedError{err}
	}
	return o, nil
}

// splits are those that are exported.
func (o Options) splits() []string {
	if o.Split == All {
		return []string{Train, HeldOut}
	}
	return []string{o.Split}
}

// prefixOf are the names of the shards of a split.
func prefixOf(split string) string {
	if split == HeldOut {
		return shard.HeldOut
	}
	return shard.Training
}

// A RefusedError says what the user must change before anything is written.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

func refused(format string, args ...any) error {
	return &RefusedError{fmt.Errorf(format, args...)}
}
