package pipeline

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// generations checks what makes a dataset of shards: the list of generations, deletion
// vectors, indexes, and the files beside them. What the vectors delete stays in f.gone.
func (f *folderCheck) generations(ctx context.Context) error {
	m := f.manifest
	f.besides()
	if len(m.Generations) == 0 {
		if len(m.Deletions) > 0 || len(m.Indexes) > 0 {
			f.manifestFault("it names deletion vectors or indexes, but no generations")
		}
		return nil
	}
	f.checked("generations")
	added := map[int]int64{}
	for _, p := range m.Parts {
		if p.Generation < 1 || p.Generation > len(m.Generations) {
			f.manifestFault(fmt.Sprintf("it says that %s is of generation %d, and there are %d", p.Name, p.Generation, len(m.Generations)))
		}
		added[p.Generation] += p.Rows
	}
	for i, g := range m.Generations {
		if g.Number != i+1 {
			f.manifestFault(fmt.Sprintf("its generation %d has the number %d", i+1, g.Number))
			return nil
		}
		if g.Added != added[g.Number] {
			f.manifestFault(fmt.Sprintf("it says that generation %d added %d rows, but its parts have %d", g.Number, g.Added, added[g.Number]))
		}
		vector, there := ofGeneration(m.Deletions, g.Number)
		if there != (g.Deleted > 0) || there && (vector.Rows != g.Deleted || vector.Name != shard.DeletionsName(g.Number)) {
			f.manifestFault(fmt.Sprintf("it says that generation %d deleted %d rows, and names a deletion vector of %d", g.Number, g.Deleted, vector.Rows))
		}
		if index, there := ofGeneration(m.Indexes, g.Number); there != (g.Added > 0) || there && (index.Rows != g.Added || index.Name != shard.IndexName(g.Number)) {
			f.manifestFault(fmt.Sprintf("it says that generation %d added %d rows, and names an index of %d", g.Number, g.Added, index.Rows))
		}
	}
	for _, p := range slices.Concat(m.Deletions, m.Indexes) {
		if p.Generation < 1 || p.Generation > len(m.Generations) {
			f.manifestFault(fmt.Sprintf("it says that %s is of generation %d, and there are %d", p.Name, p.Generation, len(m.Generations)))
		}
	}
	f.gone = map[string][]goneRow{}
	for _, p := range m.Deletions {
		whole, err := f.besidePart(ctx, p, readRows(func(*shard.Deletion) (reason, what string) { return "", "" }))
		if err != nil {
			return err
		}
		if f.intact = f.intact && whole; whole {
			if err := f.deletions(ctx, p); err != nil {
				return err
			}
		}
	}
	f.mergeGone()
	f.indexes = true
	for _, p := range m.Indexes {
		whole, err := f.besidePart(ctx, p, readRows(func(*shard.Place) (reason, what string) { return "", "" }))
		if err != nil {
			return err
		}
		f.indexes = f.indexes && whole
	}
	return nil
}

func ofGeneration(parts []shard.Part, generation int) (shard.Part, bool) {
	i := slices.IndexFunc(parts, func(p shard.Part) bool { return p.Generation == generation })
	if i < 0 {
		return shard.Part{}, false
	}
	return parts[i], true
}

// besidePart checks a part that is no shard; false when it cannot be used.
func (f *folderCheck) besidePart(ctx context.Context, p shard.Part, read rowReader) (whole bool, err error) {
	var c partCheck
	if err := c.run(ctx, f, p, read); err != nil {
		return false, err
	}
	f.faults = append(f.faults, c.faults...)
	f.out.Files++
	f.out.Bytes += c.bytes
	return c.readable, nil
}

// goneRow is a row that a vector deletes.
type goneRow struct {
	row        uint32
	generation int32
	pair       uint64
}

// deletions checks the rows of a vector that can be read.
func (f *folderCheck) deletions(ctx context.Context, vector shard.Part) error {
	parts := map[string]shard.Part{}
	for _, p := range f.manifest.Parts {
		parts[p.Name] = p
	}
	var wrong counted
	reasons := map[string]int64{}
	lastPart, lastRow, n := "", uint32(0), int64(0)
	for d, err := range shard.Rows[shard.Deletion](f.path, []shard.Part{vector}) {
		if err == nil && n%4096 == 0 && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		part, there := parts[d.Part]
		switch {
		case !there || part.Generation >= vector.Generation || int64(d.Row) >= part.Rows:
			wrong.fault(n, fmt.Sprintf("it deletes row %d of %s, which generation %d does not find there", d.Row, strings.Clone(d.Part), vector.Generation))
		case n > 0 && (d.Part < lastPart || d.Part == lastPart && d.Row <= lastRow):
			wrong.fault(n, fmt.Sprintf("row %d of %s is out of order, or deleted twice", d.Row, strings.Clone(d.Part)))
		default:
			f.gone[part.Name] = append(f.gone[part.Name], goneRow{d.Row, int32(vector.Generation), d.PairID})
		}
		if d.Part != lastPart {
			lastPart = strings.Clone(d.Part)
		}
		lastRow = d.Row
		reasons[strings.Clone(d.Reason)]++
		n++
	}
	wrong.list(f, vector.Name, f.anew())
	if g := f.manifest.Generations[vector.Generation-1]; fmt.Sprint(g.Reasons) != fmt.Sprint(reasons) {
		f.manifestFault(fmt.Sprintf("it says that generation %d deleted rows for %v, but its deletion vector says %v", g.Number, g.Reasons, reasons))
	}
	return nil
}

// mergeGone puts the rows of all vectors in order, and tells those that two delete.
func (f *folderCheck) mergeGone() {
	for _, p := range f.manifest.Parts {
		list := f.gone[p.Name]
		slices.SortStableFunc(list, func(a, b goneRow) int { return int(int64(a.row) - int64(b.row)) })
		for i := 1; i < len(list); i++ {
			if list[i].row == list[i-1].row {
				f.fault(shard.DeletionsName(int(list[i].generation)), fmt.Sprintf("it deletes row %d of %s, which generation %d deleted already", list[i].row, p.Name, list[i-1].generation), f.anew())
			}
		}
		f.gone[p.Name] = slices.CompactFunc(list, func(a, b goneRow) bool { return a.row == b.row })
		f.deleted += int64(len(f.gone[p.Name]))
	}
}

// besides checks the files of shards that are no parts.
func (f *folderCheck) besides() {
	again := f.command() + ", which writes it again"
	if f.manifest.Format >= 3 && !hasSplits(f.path, shard.Splits(f.manifest.Parts)) {
		f.fault(shard.SplitsName, "it is missing, or not as it was written", again)
	}
	if _, there, err := readChecked(f.path); there && err != nil {
		f.fault(checkedName, err.Error(), "delete it and "+again)
	}
	if exists(filepath.Join(f.path, nextFolder)) {
		f.note("%s holds a change that was begun; %s, which goes on or drops it", nextFolder, f.command())
	}
}

// indexRows holds the indexes against the shards, generation by generation.
func (v *verification) indexRows(ctx context.Context) error {
	f := v.byFolder[shard.ShardsFolder]
	if !f.intact || !f.indexes {
		return nil
	}
	for _, index := range f.manifest.Indexes {
		places, err := placesOf(f.path, f.manifest, index.Generation, v.sorter())
		if err != nil {
			return err
		}
		what, err := holdIndex(ctx, f.path, index, places.Sorted())
		places.Close()
		if err != nil {
			return err
		}
		if what != "" {
			f.fault("", fmt.Sprintf("%s and the shards of generation %d do not fit: %s", index.Name, index.Generation, what), f.anew())
		}
	}
	f.checked("indexes")
	return nil
}

// holdIndex says where an index is not what the shards say, in order; "" where it is.
func holdIndex(ctx context.Context, folder string, index shard.Part, places iter.Seq2[extsort.Record, error]) (what string, err error) {
	next, stop := iter.Pull2(places)
	defer stop()
	var want shard.Place
	row := 0
	for got, err := range shard.Rows[shard.Place](folder, []shard.Part{index}) {
		if err == nil && row%4096 == 0 && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return "", err
		}
		rec, err, more := next()
		if err == nil && more {
			_, err = shard.ReadRow(rec.Value, &want)
		}
		if err != nil {
			return "", err
		}
		if !more || *got != want {
			return fmt.Sprintf("row %d says that pair %s lies in row %d of %s; the shards say pair %s, row %d of %s, or another digest", row,
				shard.FormatPairID(got.PairID), got.Row, strings.Clone(got.Part), shard.FormatPairID(want.PairID), want.Row, strings.Clone(want.Part)), nil
		}
		row++
	}
	if _, err, more := next(); err != nil || more {
		return fmt.Sprintf("it ends after %d rows", row), err
	}
	return "", nil
}

// heldOutFault says what is wrong with the side on which a pair lies, by the settings of
// today, which must be those of the shards.
func (v *verification) heldOutFault(p *shard.Pair, part shard.Part) string {
	want := shard.HeldOutPicture(v.Options.Seed, v.Options.Shard.HeldoutShare, p.PictureHash)
	switch {
	case want == part.IsHeldOut():
		return ""
	case want:
		return fmt.Sprintf("pair %s is held out, and training sees it", shard.FormatPairID(p.PairID))
	}
	return fmt.Sprintf("pair %s is not held out, and training does not see it", shard.FormatPairID(p.PairID))
}

// addRows walks the rows of the shards for pairIDs, and tells those on the wrong side and
// deletions of other pairs.
func (v *verification) addRows(ctx context.Context, ids *extsort.Sorter) error {
	f := v.byFolder[shard.ShardsFolder]
	by, err := v.stage(ShardName).Settings()
	sided := err == nil && by == f.manifest.Settings
	var scratch []byte
	for i, part := range f.manifest.Parts {
		row, gone := 0, f.gone[part.Name]
		var sides counted
		for p, err := range shard.Rows[shard.Pair](f.path, []shard.Part{part}, shard.FactColumns[shard.Pair]()...) {
			if err == nil && row%4096 == 0 && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return err
			}
			if len(gone) > 0 && int(gone[0].row) == row {
				if gone[0].pair != p.PairID {
					f.fault(shard.DeletionsName(int(gone[0].generation)), fmt.Sprintf("it deletes pair %s in row %d of %s, where pair %s lies",
						shard.FormatPairID(gone[0].pair), row, part.Name, shard.FormatPairID(p.PairID)), f.anew())
				}
				gone, row = gone[1:], row+1
				continue
			}
			if what := v.heldOutFault(p, part); sided && what != "" {
				sides.fault(int64(row), what)
			}
			var digest uint64
			digest, scratch = p.Digest(scratch)
			if err := addID(ids, p.PairID, sideShards, i, row, digest); err != nil {
				return err
			}
			row++
		}
		sides.list(f, part.Name, f.anew())
	}
	return nil
}
