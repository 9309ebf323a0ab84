package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/pairloom/pairloom/shard"
)

// A Segment is a stretch of a training on one state of its datasets. A run on pairs
// that never change has one; each later segment goes on with the weights, the moments
// and the vocabulary of the one before, on the pairs that there are then.
type Segment struct {
	From  int64 `json:"from"`  // steps taken before it
	Total int64 `json:"total"` // and at its end
	// Start is the step at which its schedule of learning rates begins: From, but for a
	// segment that ends the schedule of one whose pairs could not be had any more.
	Start  int64   `json:"start"`
	Rate   float64 `json:"lr"`     // peak learning rate
	Warmup int     `json:"warmup"` // steps, at most
	Batch  int     `json:"batch"`  // pairs that meet in the loss
	Pairs  int     `json:"pairs"`  // draws of an epoch
	Epoch  int     `json:"epoch"`  // epochs that were begun before it; the order of pairs is that of the next
	// Data are the datasets, that of the folder first; empty in checkpoints of format 1.
	Data []Trained `json:"data"`
	// Seen is the table of the pairs that it added, and Added its rows; see [SeenName].
	// A sum of "" says that there is none: what the segment was trained on is not known.
	Seen  File  `json:"seen"`
	Added int64 `json:"added"`
}

// Trained says of a dataset which pairs of it a segment was trained on.
type Trained struct {
	Folder     string  `json:"folder"`     // relative to the dataset's folder where it can be
	Generation int     `json:"generation"` // the last that counted
	Hash       string  `json:"hash"`       // of [shard.Dataset.At] that generation
	Rows       int64   `json:"rows"`       // training pairs then
	Weight     float64 `json:"weight"`
}

// SeenName is the name, beside the checkpoints, of the table of pairs that a segment,
// counted from 1, added to what the model was trained on before. It is there before
// the segment's first step.
func SeenName(segment int) string { return fmt.Sprintf("seen-%03d.arrow", segment) }

var seenName = regexp.MustCompile(`^seen-[0-9]{3,}\.arrow$`)

// ErrUnknown is wrapped where it is not known which pairs a model was trained on.
var ErrUnknown = errors.New("an older pairloom trained it and kept no list of its pairs; train anew with --replace to know")

// SeenCure says what to do about a table that is damaged.
const SeenCure = "run pairloom train --replace, which trains anew: the model that is there can be used, but what it was trained on is not known without the file"

// A SeenPair is a pair that a model was trained on, and since which segment, from 1:
// every checkpoint of the run that has so many segments was.
type SeenPair struct {
	shard.Seen
	Segment int
}

// Seen walks the pairs that the checkpoint was trained on: each once, or once more where
// its picture became another. columns are those of [shard.Seen], all when none is named.
// The row is reused. Where some are not known the last error wraps [ErrUnknown]; a damaged
// table gives a *[shard.DamagedPart].
func (c *Checkpoint) Seen(columns ...string) iter.Seq2[*SeenPair, error] {
	return func(yield func(*SeenPair, error) bool) {
		var row SeenPair
		unknown := len(c.State.Segments) == 0
		for i, t := range c.SeenTables() {
			if t.Path == "" {
				unknown = true
				continue
			}
			if cause := t.Differs(); cause != "" {
				yield(nil, &shard.DamagedPart{Path: t.Path, Cause: cause, Cure: SeenCure})
				return
			}
			row.Segment = i + 1
			for seen, err := range shard.Rows[shard.Seen](filepath.Dir(t.Path), []shard.Part{{Name: filepath.Base(t.Path), Rows: t.Rows}}, columns...) {
				if err != nil {
					yield(nil, err)
					return
				}
				row.Seen = *seen
				if !yield(&row, nil) {
					return
				}
			}
		}
		if unknown {
			yield(nil, fmt.Errorf("list what %s was trained on: %w", c.Path, ErrUnknown))
		}
	}
}

// seenFolder is where the table of a segment lies: beside the checkpoint, or a folder
// up while a run moves there, see [Settle].
func (c *Checkpoint) seenFolder(segment int) string {
	folder := filepath.Dir(c.Path)
	if _, err := os.Stat(filepath.Join(folder, SeenName(segment))); errors.Is(err, fs.ErrNotExist) && filepath.Base(folder) == arrivingFolder {
		return filepath.Dir(folder)
	}
	return folder
}

// A SeenTable is the table of one segment of a checkpoint, and what its state.json says
// of it.
type SeenTable struct {
	File
	Path string
	Rows int64
}

// SeenTables are those of the checkpoint's segments, from the first; one of a segment
// whose pairs are not known has no path.
func (c *Checkpoint) SeenTables() []SeenTable {
	var list []SeenTable
	for i, s := range c.State.Segments {
		t := SeenTable{s.Seen, "", s.Added}
		if s.Seen.XXH64 != "" {
			t.Path = filepath.Join(c.seenFolder(i+1), SeenName(i+1))
		}
		list = append(list, t)
	}
	return list
}

// TellsSeen tells whether all pairs that the checkpoint was trained on can be listed.
func (c *Checkpoint) TellsSeen() bool {
	tables := c.SeenTables()
	return len(tables) > 0 && !slices.ContainsFunc(tables, func(t SeenTable) bool { return t.Path == "" || t.Differs() != "" })
}

// Differs says in what the table is not as it was written; "" for nothing.
func (t *SeenTable) Differs() string { return t.differs(t.Path) }

// WriteSeen writes the table of a segment, counted from 1, into the folder of the
// checkpoints. The rows are read as they come.
func WriteSeen(folder string, segment int, rows iter.Seq2[*shard.Seen, error]) (File, int64, error) {
	w, err := shard.CreatePart[shard.Seen](folder, SeenName(segment), shard.Origin{Stage: "train"})
	if err != nil {
		return File{}, 0, err
	}
	for row, err := range rows {
		if err == nil {
			err = w.Write(row)
		}
		if err != nil {
			w.Discard()
			return File{}, 0, err
		}
	}
	part, err := w.Close()
	return File{part.Bytes, part.XXH64}, part.Rows, err
}
