package pipeline

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
)

// pairIDs holds the pairs of the shards that were not deleted against those that the
// selection keeps: the same, each once, with the same facts.
func (v *verification) pairIDs(ctx context.Context) error {
	shards, selection := v.byFolder[shard.ShardsFolder], v.byFolder[shard.SelectionFolder]
	if !shards.intact {
		return nil
	}
	follows := v.follows(shard.ShardsFolder, shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder)
	ids := v.sorter()
	defer ids.Close()
	err := withoutPanic(func() error {
		if follows {
			if err := v.addKept(ctx, ids); err != nil {
				return err
			}
		}
		if err := v.addRows(ctx, ids); err != nil {
			return err
		}
		if err := v.compareIDs(ctx, ids, follows); err != nil {
			return err
		}
		return v.indexRows(ctx)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if follows {
		shards.checked("lineage")
		// Where nothing was new since, the pairs that are refused may be others.
		input, _ := v.inputOf(v.stage(ShardName))
		if in, kept := shards.manifest.Tally.In, selection.rows.reasons[""]; in != kept && shards.manifest.Input == input {
			shards.fault(shard.ManifestName, fmt.Sprintf("its tally says %d pairs in, but %s keeps %d", in, shard.SelectionFolder, kept), shards.anew())
		}
	}
	v.stillThere(shard.SelectionFolder, shard.ShardsFolder)
	if err != nil && shards.out.State != FolderChanging {
		return fmt.Errorf("verify the pair ids of %s: %w", shard.ShardsFolder, err)
	}
	return nil
}

// Records of pairIDs: the pair's id, the side, the number of the part, the row; the value
// is the digest.
const (
	sideSelection = 0
	sideShards    = 1
	pairIDRecord  = 17
)

func addID(ids *extsort.Sorter, id uint64, side byte, part, row int, digest uint64) error {
	var key [pairIDRecord]byte
	binary.BigEndian.PutUint64(key[:], id)
	key[8] = side
	binary.BigEndian.PutUint32(key[9:], uint32(part))
	binary.BigEndian.PutUint32(key[13:], uint32(row))
	var value [8]byte
	binary.BigEndian.PutUint64(value[:], digest)
	return ids.Add(key[:], value[:])
}

func (v *verification) addKept(ctx context.Context, ids *extsort.Sorter) error {
	f := v.byFolder[shard.SelectionFolder]
	for s, err := range shard.Rows[shard.Selection](f.path, f.manifest.Parts, "pair_id", "reason", "digest") {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && s.Reason == "" {
			err = addID(ids, s.PairID, sideSelection, 0, 0, s.Digest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compareIDs walks the ids of both sides in order.
func (v *verification) compareIDs(ctx context.Context, ids *extsort.Sorter, both bool) error {
	f := v.byFolder[shard.ShardsFolder]
	parts := f.manifest.Parts
	var lost, foreign, other difference
	var digest uint64 // of the selection
	repeats := counted{}
	var last [pairIDRecord]byte // of the shards
	var id uint64
	kept, there, begun := false, 0, false
	end := func() {
		switch {
		case !begun || !both:
		case kept && there == 0:
			lost.add(id)
		case !kept && there > 0:
			foreign.add(id)
		}
	}
	for rec, err := range ids.Sorted() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if next := binary.BigEndian.Uint64(rec.Key); !begun || next != id {
			end()
			id, kept, there, begun = next, false, 0, true
		}
		if rec.Key[8] == sideSelection {
			kept, digest = true, binary.BigEndian.Uint64(rec.Value)
			continue
		}
		if kept && digest != 0 && digest != binary.BigEndian.Uint64(rec.Value) {
			other.add(id)
		}
		if there++; there > 1 {
			before, now := parts[binary.BigEndian.Uint32(last[9:])], parts[binary.BigEndian.Uint32(rec.Key[9:])]
			what := fmt.Sprintf("pair %s is there twice: row %d of %s and row %d of %s", shard.FormatPairID(id),
				binary.BigEndian.Uint32(last[13:]), before.Name, binary.BigEndian.Uint32(rec.Key[13:]), now.Name)
			if before.IsHeldOut() != now.IsHeldOut() {
				what += ": a held-out pair that training sees"
			}
			if len(repeats.faults) < maxRowFaults {
				repeats.faults = append(repeats.faults, what)
			} else {
				repeats.more++
			}
		}
		copy(last[:], rec.Key)
	}
	end()
	if lost.pairs > f.manifest.Tally.DroppedTotal() { // those that are refused or were removed
		lost.report(f, "that "+shard.SelectionFolder+" keeps are not there")
	}
	other.report(f, "have other facts than "+shard.SelectionFolder+" was made from")
	foreign.report(f, "are there that "+shard.SelectionFolder+" does not keep")
	repeats.list(f, "", f.anew())
	return nil
}

// difference counts the pairs that one side lacks.
type difference struct {
	pairs   int64
	example uint64
}

func (d *difference) add(id uint64) {
	if d.pairs == 0 {
		d.example = id
	}
	d.pairs++
}

func (d *difference) report(f *folderCheck, what string) {
	if d.pairs > 0 {
		f.fault("", fmt.Sprintf("%d pairs %s, such as %s", d.pairs, what, shard.FormatPairID(d.example)), f.anew())
	}
}
