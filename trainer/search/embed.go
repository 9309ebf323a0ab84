package search

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/lines"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/evaluate"
)

// What vectors are of.
const (
	Pictures = "pictures"
	Texts    = "texts"
)

// Reasons for which a line of a file of texts is left out.
const (
	EmptyLine = "empty_line"
	NotUTF8   = "not_utf8"
)

// Embedding is a run that makes embedding files.
type Embedding struct {
	Model *evaluate.Embedder
	Of    string // Pictures or Texts
	Batch int    // embedded at a time; the last bits of vectors may depend on it
	// Progress may be nil. It counts pictures or texts.
	Progress func(done, total int64)
	// Bad may be nil. It is told each picture that is left out.
	Bad func(*evaluate.BadPicture)

	tally       *shard.Tally
	done, total int64
}

// Made says what a run wrote.
type Made struct {
	Tally *shard.Tally
	Files []string // in order
	Again int      // files that were there and hold still
	// Renamed counts pictures whose file names are not UTF-8: in the column name
	// U+FFFD stands for what is not.
	Renamed int
}

func (x *Embedding) begin(total int) {
	x.tally = shard.NewTally("embed", x.Of, "vectors")
	x.done, x.total = 0, int64(total)
	x.Batch = max(1, x.Batch)
}

func (x *Embedding) step(n int) {
	if x.done += int64(n); x.Progress != nil {
		x.Progress(x.done, x.total)
	}
}

// Shards embeds the pairs of a shard folder into a folder, a file a part, under
// the part's name. Files that an earlier run of the same model made from the same
// parts stay as they are, be pairs deleted since or not; those of parts that are no more
// are removed.
func (x *Embedding) Shards(ctx context.Context, shards, folder string) (Made, error) {
	dataset, err := shard.OpenDataset(shards)
	if err != nil {
		return Made{}, err
	}
	if _, err := atomicfile.Sweep(folder); err != nil {
		return Made{}, err
	}
	x.begin(int(dataset.Len("")))
	m := Made{Tally: x.tally}
	for _, part := range dataset.Parts("") {
		path := filepath.Join(folder, part.Name)
		origin := shard.EmbeddingOrigin{Model: x.Model.Hash, Of: x.Of, Source: part.Name, Input: part.XXH64}
		if rows, fits := holds(path, origin, x.Model.Dim(), dataset); fits {
			pairs := dataset.Len(part.Name)
			x.tally.In += pairs
			x.tally.Kept += rows
			if left := pairs - rows; left > 0 { // of a shard there is one reason
				x.tally.Dropped[evaluate.Undecodable] += left
			}
			x.step(int(pairs))
			m.Again++
		} else if err := x.part(ctx, dataset, path, origin); err != nil {
			return Made{}, err
		}
		m.Files = append(m.Files, path)
	}
	x.tally.Out = x.tally.Kept
	return m, removeOthers(folder, m.Files)
}

// holds tells whether the file at path is whole and of this origin, and how many
// rows it has of pairs that were not deleted since.
func holds(path string, origin shard.EmbeddingOrigin, dim int, dataset *shard.Dataset) (rows int64, fits bool) {
	e, err := shard.OpenEmbeddings(path)
	if err != nil {
		return 0, false
	}
	defer e.Close()
	for _, b := range e.Batches {
		for _, row := range b.Rows {
			if !dataset.Deleted(origin.Source, int(row)) {
				rows++
			}
		}
	}
	return rows, e.Origin == origin && e.Dim == dim
}

// removeOthers removes the embedding files of folder that are not in keep.
// Other files are let be.
func removeOthers(folder string, keep []string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.arrow"))
	if err != nil {
		return fmt.Errorf("embed shards: %w", err)
	}
	for _, path := range files {
		if slices.Contains(keep, path) {
			continue
		}
		e, err := shard.OpenEmbeddings(path)
		if err != nil {
			continue
		}
		e.Close()
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("embed shards: %w", err)
		}
	}
	return nil
}

// part embeds one part.
func (x *Embedding) part(ctx context.Context, dataset *shard.Dataset, path string, origin shard.EmbeddingOrigin) error {
	source, err := batch.Open(dataset.Folder(), origin.Source)
	if err != nil {
		return err
	}
	defer source.Close()
	rows, err := dataset.Open(origin.Source)
	if err != nil {
		return err
	}
	defer rows.Close()
	return x.file(path, origin, func(w *shard.EmbeddingWriter) error {
		row := func(i int) (shard.EmbeddingRow, error) {
			p, err := source.Pair(i)
			return shard.EmbeddingRow{ID: p.PairID, Row: uint32(rows.Row(i))}, err
		}
		if x.Of == Texts {
			text := func(i int) (string, error) {
				p, err := source.Pair(i)
				return p.Text, err
			}
			return x.texts(ctx, w, source.Len(), text, row)
		}
		return x.pictures(ctx, w, evaluate.ShardPictures{Source: source}, row)
	})
}

// file writes one embedding file.
func (x *Embedding) file(path string, origin shard.EmbeddingOrigin, fill func(*shard.EmbeddingWriter) error) error {
	w, err := shard.CreateEmbeddings(path, x.Model.Dim(), origin)
	if err != nil {
		return err
	}
	if err := fill(w); err != nil {
		w.Discard()
		return err
	}
	return w.Close()
}

func (x *Embedding) pictures(ctx context.Context, w *shard.EmbeddingWriter, pictures evaluate.Pictures, row func(i int) (shard.EmbeddingRow, error)) error {
	dim, before := x.Model.Dim(), 0
	return x.Model.EachPictures(ctx, pictures, x.Batch, func(done int, v evaluate.Vectors) error {
		for _, bad := range v.Bad {
			x.tally.Drop(bad.Reason)
			if x.Bad != nil {
				x.Bad(bad)
			}
		}
		for k, i := range v.Kept {
			x.tally.Keep()
			r, err := row(i)
			if err != nil {
				return err
			}
			if err := w.Write(r, v.Rows[k*dim:(k+1)*dim]); err != nil {
				return err
			}
		}
		x.step(done - before)
		before = done
		return nil
	})
}

func (x *Embedding) texts(ctx context.Context, w *shard.EmbeddingWriter, n int, text func(i int) (string, error), row func(i int) (shard.EmbeddingRow, error)) error {
	dim := x.Model.Dim()
	var some []string
	for first := 0; first < n; first += x.Batch {
		some = some[:0]
		for i := first; i < min(first+x.Batch, n); i++ {
			t, err := text(i)
			if err != nil {
				return err
			}
			some = append(some, t)
		}
		rows, err := x.Model.Texts(ctx, some, x.Batch)
		if err != nil {
			return err
		}
		for k := range some {
			x.tally.Keep()
			r, err := row(first + k)
			if err != nil {
				return err
			}
			if err := w.Write(r, rows[k*dim:(k+1)*dim]); err != nil {
				return err
			}
		}
		x.step(len(some))
	}
	return nil
}

// Folder embeds the picture files below a folder into one file; their names are
// relative to it.
func (x *Embedding) Folder(ctx context.Context, folder, path string, convert evaluate.Convert) (Made, error) {
	files, left, err := evaluate.PictureFiles(folder)
	if err != nil {
		return Made{}, err
	}
	if len(files) == 0 {
		return Made{}, fmt.Errorf("embed %s: it has no picture file", folder)
	}
	m := Made{Files: []string{path}}
	names := make([]string, len(files))
	for i, f := range files {
		if names[i], err = filepath.Rel(folder, f); err != nil {
			return Made{}, fmt.Errorf("embed %s: %w", folder, err)
		}
		if !utf8.ValidString(names[i]) {
			m.Renamed++
		}
	}
	source, err := filepath.Abs(folder)
	if err != nil {
		return Made{}, fmt.Errorf("embed %s: %w", folder, err)
	}
	x.begin(len(files))
	for reason, n := range left {
		x.tally.In += n
		x.tally.Dropped[reason] += n
	}
	err = x.file(path, shard.EmbeddingOrigin{Model: x.Model.Hash, Of: x.Of, Source: source}, func(w *shard.EmbeddingWriter) error {
		return x.pictures(ctx, w, &evaluate.FilePictures{Paths: files, Convert: convert}, func(i int) (shard.EmbeddingRow, error) {
			return shard.EmbeddingRow{ID: xxhash.Sum64String(names[i]), Row: uint32(i), Name: names[i]}, nil
		})
	})
	x.tally.Out = x.tally.Kept
	m.Tally = x.tally
	return m, err
}

// Lines embeds the lines of a text file into one file, each under its number from
// 0. Lines that are empty or not UTF-8 are left out.
func (x *Embedding) Lines(ctx context.Context, path, to string) (Made, error) {
	data, err := os.Open(path)
	if err != nil {
		return Made{}, fmt.Errorf("embed texts: %w", err)
	}
	defer data.Close()
	source, err := filepath.Abs(path)
	if err != nil {
		return Made{}, fmt.Errorf("embed texts: %w", err)
	}
	x.begin(0)
	err = x.file(to, shard.EmbeddingOrigin{Model: x.Model.Hash, Of: x.Of, Source: source}, func(w *shard.EmbeddingWriter) error {
		var rows []shard.EmbeddingRow
		flush := func() error {
			n := len(rows)
			x.total += int64(n)
			err := x.texts(ctx, w, n, func(i int) (string, error) { return rows[i].Name, nil }, func(i int) (shard.EmbeddingRow, error) { return rows[i], nil })
			rows = rows[:0]
			return err
		}
		for line, err := range lines.Each(data) {
			switch {
			case err != nil:
				return fmt.Errorf("embed %s: %w", path, err)
			case line.Text == "":
				x.tally.Drop(EmptyLine)
				continue
			case line.Check() != nil:
				x.tally.Drop(NotUTF8)
				continue
			}
			rows = append(rows, shard.EmbeddingRow{ID: xxhash.Sum64String(line.Text), Row: uint32(line.Number - 1), Name: line.Text})
			if len(rows) == x.Batch {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return flush()
	})
	x.tally.Out = x.tally.Kept
	return Made{Tally: x.tally, Files: []string{to}}, err
}
