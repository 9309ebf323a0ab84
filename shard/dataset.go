package shard

import (
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Dataset is the one way to the finished pairs: what trains, evaluates, searches,
// reports, exports or explains reads through it, so that it stands here alone which
// parts count, which rows were deleted since, which are held out, and that what is
// read is what was written.
//
// A dataset grows by generations: each may add shards, and take rows of older ones
// away by a deletion vector. Row numbers are those in the shard and never change. It
// takes 4 bytes for each row deleted; close the views that it opens.
type Dataset struct {
	folder     string
	manifest   *Manifest
	generation int
	gone       map[string][]deleted // by part, ascending by row, each row once
}

// deleted is a row that is gone, and since which generation.
type deleted struct {
	row        uint32
	generation int32
}

// OpenDataset reads the manifest of a folder of shards and its deletion vectors. The
// error of a folder that is not finished names the command that finishes it.
func OpenDataset(folder string) (*Dataset, error) {
	m, err := ReadManifest(folder)
	if errors.Is(err, ErrUnfinished) {
		err = fmt.Errorf("open dataset: %w; run pairloom shard first", err)
	}
	if err != nil {
		return nil, err
	}
	d := &Dataset{folder: folder, manifest: m, generation: max(1, len(m.Generations)), gone: map[string][]deleted{}}
	rows := map[string]int64{}
	for _, p := range m.Parts {
		rows[p.Name] = p.Rows
	}
	for _, vector := range m.Deletions {
		for row, err := range Rows[Deletion](folder, []Part{vector}, "part", "row") {
			if err != nil {
				return nil, err
			}
			if int64(row.Row) >= rows[row.Part] {
				return nil, &DamagedPart{filepath.Join(folder, vector.Name),
					fmt.Sprintf("it deletes row %d of %s, which the manifest does not have", row.Row, row.Part), cure(filepath.Join(folder, vector.Name))}
			}
			if d.gone[row.Part] == nil {
				row.Part = strings.Clone(row.Part)
			}
			d.gone[row.Part] = append(d.gone[row.Part], deleted{row.Row, int32(vector.Generation)})
		}
	}
	for part, list := range d.gone {
		slices.SortStableFunc(list, func(a, b deleted) int { return int(int64(a.row) - int64(b.row)) })
		d.gone[part] = slices.CompactFunc(list, func(a, b deleted) bool { return a.row == b.row })
	}
	return d, nil
}

// Manifest is that of the folder.
func (d *Dataset) Manifest() *Manifest { return d.manifest }

// Folder is where the shards lie.
func (d *Dataset) Folder() string { return d.folder }

// Generation is the number of the last generation, from 1.
func (d *Dataset) Generation() int { return d.generation }

// At is the dataset as it was with its first generations, up to that number: its parts,
// its row numbers, the positions of its views. What was deleted since is not handed out
// all the same: Rows passes over it, and a view tells of it, see [View.Gone].
func (d *Dataset) At(generation int) *Dataset {
	at := *d
	at.generation = min(generation, d.generation)
	return &at
}

// Hash stands for the content: two datasets of one hash have the same pairs in the same
// places. That of [Dataset.At] is the hash that the dataset had then.
func (d *Dataset) Hash() string {
	h := xxhash.New()
	for _, list := range [][]Part{d.manifest.Parts, d.manifest.Deletions} {
		for _, p := range list {
			if p.Generation <= d.generation {
				fmt.Fprintf(h, "%s %d %s\n", p.Name, max(1, p.Generation), p.XXH64)
			}
		}
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// Parts lists the parts whose names start with prefix: [Training], [HeldOut], a
// part's whole name, or "" for all.
func (d *Dataset) Parts(prefix string) []Part {
	var parts []Part
	for _, p := range d.manifest.Parts {
		if p.Generation <= d.generation && strings.HasPrefix(p.Name, prefix) {
			parts = append(parts, p)
		}
	}
	return parts
}

// Len is the number of pairs in the parts that prefix names.
func (d *Dataset) Len(prefix string) int64 {
	var n int64
	for _, p := range d.Parts(prefix) {
		n += p.Rows - int64(len(d.gone[p.Name]))
	}
	return n
}

// Deleted tells whether a row of a part is not in the dataset any more.
func (d *Dataset) Deleted(part string, row int) bool {
	_, found := slices.BinarySearchFunc(d.gone[part], row, func(g deleted, row int) int { return int(g.row) - row })
	return found
}

// OpenPart opens one part, by name, for those who know rows by their numbers in it, as
// embeddings do: deleted rows are among them, see [Dataset.Deleted]; columns are those of [OpenPart].
// There may be none of that name.
func (d *Dataset) OpenPart(name string, columns ...string) (part Part, r *PartReader[Pair], err error) {
	for _, p := range d.Parts(name) {
		if p.Name == name {
			r, err = OpenPart[Pair](d.folder, p, columns...)
			return p, r, err
		}
	}
	return Part{}, nil, nil
}

// Deletions walks what one generation took away. The row is reused.
func (d *Dataset) Deletions(generation int) iter.Seq2[*Deletion, error] {
	var parts []Part
	for _, p := range d.manifest.Deletions {
		if p.Generation == generation {
			parts = append(parts, p)
		}
	}
	return Rows[Deletion](d.folder, parts)
}

// Row is a pair and where it lies.
type Row struct {
	Pair
	Part   string
	Number int // within the part, from 0
}

// Rows walks the pairs of the parts that prefix names, in order; columns are
// those of [OpenPart]. The row is reused: it, and what it points to, lives until
// the next step.
func (d *Dataset) Rows(prefix string, columns ...string) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		var row Row
		for _, part := range d.Parts(prefix) {
			row.Part = part.Name
			gone, next := d.gone[part.Name], 0
			for p, err := range Rows[Pair](d.folder, []Part{part}, columns...) {
				if err != nil {
					yield(nil, err)
					return
				}
				if row.Number = next; len(gone) > 0 && int(gone[0].row) == next {
					gone, next = gone[1:], next+1
					continue
				}
				next++
				row.Pair = *p
				if !yield(&row, nil) {
					return
				}
			}
		}
	}
}

// View is the pairs of some parts as one list, mapped. Any number of goroutines
// may read it.
type View struct {
	readers []*PartReader[Pair]
	gone    [][]uint32 // of each part, rows that have no place in the list, ascending
	since   [][]uint32 // of each part, rows that have one and were deleted since
	first   []int      // place of each part's first pair, and the total
}

// Open maps the parts that prefix names.
func (d *Dataset) Open(prefix string) (*View, error) {
	v := &View{first: []int{0}}
	for _, p := range d.Parts(prefix) {
		r, err := OpenPart[Pair](d.folder, p)
		if err != nil {
			v.Close()
			return nil, err
		}
		var gone, since []uint32
		for _, g := range d.gone[p.Name] {
			if int(g.generation) <= d.generation {
				gone = append(gone, g.row)
			} else {
				since = append(since, g.row)
			}
		}
		v.readers, v.gone, v.since = append(v.readers, r), append(v.gone, gone), append(v.since, since)
		v.first = append(v.first, v.Len()+r.Len()-len(gone))
	}
	return v, nil
}

// Len is the number of pairs.
func (v *View) Len() int { return v.first[len(v.first)-1] }

// place is where pair i lies.
func (v *View) place(i int) (part, row int) {
	part = sort.SearchInts(v.first, i+1) - 1
	gone := v.gone[part]
	live := i - v.first[part] // the row among those that are there
	return part, live + sort.Search(len(gone), func(k int) bool { return int(gone[k])-k > live })
}

// Row is the number of pair i within its part.
func (v *View) Row(i int) int {
	_, row := v.place(i)
	return row
}

// Pair is row i, 0 <= i < Len. Its strings and bytes live until Close. Damage is
// told by the first Pair that meets it, as a *[DamagedPart].
func (v *View) Pair(i int) (p Pair, err error) {
	part, row := v.place(i)
	err = v.readers[part].Read(row, &p)
	return p, err
}

// Gone tells whether pair i was deleted after the generation of the view, which is
// then one of [Dataset.At]: it has its place, and must not be used.
func (v *View) Gone(i int) bool {
	part, row := v.place(i)
	_, found := slices.BinarySearch(v.since[part], uint32(row))
	return found
}

// Close unmaps the parts.
func (v *View) Close() error {
	var faults []error
	for _, r := range v.readers {
		faults = append(faults, r.Close())
	}
	v.readers, v.first = nil, []int{0}
	return errors.Join(faults...)
}
