package shard

import (
	"errors"
	"fmt"
	"iter"
	"sort"
	"strings"
)

// Dataset is the one way to the finished pairs: what trains, evaluates, searches,
// reports or explains reads through it, so that it stands here alone which parts
// count, which of them are held out, and that what is read is what was written.
// It takes no memory to speak of; close the views that it opens.
type Dataset struct {
	folder   string
	manifest *Manifest
}

// OpenDataset reads the manifest of a folder of shards. The error of a folder
// that is not finished names the command that finishes it.
func OpenDataset(folder string) (*Dataset, error) {
	m, err := ReadManifest(folder)
	if errors.Is(err, ErrUnfinished) {
		err = fmt.Errorf("open dataset: %w; run pairloom shard first", err)
	}
	if err != nil {
		return nil, err
	}
	return &Dataset{folder, m}, nil
}

// Manifest is that of the folder.
func (d *Dataset) Manifest() *Manifest { return d.manifest }

// Hash stands for the content of all pairs.
func (d *Dataset) Hash() string { return d.manifest.Hash() }

// Parts lists the parts whose names start with prefix: [Training], [HeldOut], a
// part's whole name, or "" for all.
func (d *Dataset) Parts(prefix string) []Part {
	var parts []Part
	for _, p := range d.manifest.Parts {
		if strings.HasPrefix(p.Name, prefix) {
			parts = append(parts, p)
		}
	}
	return parts
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
			row.Part, row.Number = part.Name, 0
			for p, err := range Rows[Pair](d.folder, []Part{part}, columns...) {
				if err != nil {
					yield(nil, err)
					return
				}
				row.Pair = *p
				if !yield(&row, nil) {
					return
				}
				row.Number++
			}
		}
	}
}

// View is the pairs of some parts as one list, mapped. Any number of goroutines
// may read it.
type View struct {
	readers []*PartReader[Pair]
	first   []int // row number of each part's first row, and the total
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
		v.readers = append(v.readers, r)
		v.first = append(v.first, v.Len()+r.Len())
	}
	return v, nil
}

// Len is the number of pairs.
func (v *View) Len() int { return v.first[len(v.first)-1] }

// Pair is row i, 0 <= i < Len. Its strings and bytes live until Close. Damage is
// told by the first Pair that meets it, as a *[DamagedPart].
func (v *View) Pair(i int) (p Pair, err error) {
	part := sort.SearchInts(v.first, i+1) - 1
	err = v.readers[part].Read(i-v.first[part], &p)
	return p, err
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
