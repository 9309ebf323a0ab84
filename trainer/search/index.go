package search

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/pairloom/pairloom/shard"
)

// ErrOtherModel is wrapped when a file holds the embeddings of another model
// than the query's.
var ErrOtherModel = errors.New("it was made by another model")

// Index is open embedding files, as one list of rows.
type Index struct {
	Files []*shard.Embeddings
	Dim   int

	blocks  []block
	deleted func(part string, row int) bool // nil where no row is
}

// LeaveOut makes Top pass over the vectors of pairs that were deleted from the dataset,
// since their file was made or before. It comes before the first Top.
func (x *Index) LeaveOut(dataset *shard.Dataset) { x.deleted = dataset.Deleted }

// block is a run of rows that one worker scans at a time.
type block struct {
	file, batch, first, rows int
	number                   int // of the first row, among all files'
}

// blockBytes is about what a block's vectors take: enough that taking the next
// one costs nothing beside it.
const blockBytes = 1 << 19

// Open maps the embedding files at the paths; a folder stands for its *.arrow
// files, in order of name. model is the hash of the model that will make the
// queries; a file of another one gives [ErrOtherModel].
func Open(model string, paths ...string) (*Index, error) {
	x := &Index{}
	for _, path := range paths {
		if err := x.add(path, model); err != nil {
			x.Close()
			return nil, err
		}
	}
	if len(x.Files) == 0 {
		return nil, fmt.Errorf("open embeddings: no file was named")
	}
	return x, nil
}

func (x *Index) add(path, model string) error {
	files := []string{path}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.arrow")); err != nil {
			return fmt.Errorf("open embeddings: %w", err)
		}
		sort.Strings(files)
		if len(files) == 0 {
			return fmt.Errorf("open embeddings: %s has no *.arrow file; make them with pairloom embed", path)
		}
	}
	for _, file := range files {
		e, err := shard.OpenEmbeddings(file)
		if err != nil {
			return err
		}
		x.Files = append(x.Files, e)
		if e.Origin.Model != model {
			return fmt.Errorf("search %s: %w: its hash is %s, the query's model has %s; run pairloom embed again with this model",
				file, ErrOtherModel, e.Origin.Model, model)
		}
		if x.Dim = e.Dim; e.Dim != x.Files[0].Dim {
			return fmt.Errorf("search %s: its vectors have %d words, those of %s %d", file, e.Dim, x.Files[0].Path, x.Files[0].Dim)
		}
		x.cut(len(x.Files) - 1)
	}
	return nil
}

// cut adds the blocks of a file.
func (x *Index) cut(file int) {
	most := max(1, blockBytes/(4*x.Dim))
	number := x.Len()
	for b := range x.Files[file].Batches {
		n := len(x.Files[file].Batches[b].IDs)
		for first := 0; first < n; first += most {
			rows := min(most, n-first)
			x.blocks = append(x.blocks, block{file, b, first, rows, number})
			number += rows
		}
	}
}

// Len is the number of rows of all files.
func (x *Index) Len() int {
	if len(x.blocks) == 0 {
		return 0
	}
	last := x.blocks[len(x.blocks)-1]
	return last.number + last.rows
}

// Close unmaps the files.
func (x *Index) Close() error {
	var faults []error
	for _, f := range x.Files {
		faults = append(faults, f.Close())
	}
	x.Files, x.blocks = nil, nil
	return errors.Join(faults...)
}
