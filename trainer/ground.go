package trainer

import (
	"errors"
	"iter"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// A ground is one of the datasets to train on, as it is now.
type ground struct {
	batch.Dataset
	name  string // as checkpoints have it
	index bool   // of a source, whose pictures lie elsewhere
	now   *shard.Dataset
}

// ownName is the name in checkpoints of the dataset of the folder that is trained in.
const ownName = "."

// openGrounds opens the dataset of r.dir, which is the first if it is trained on, and what
// Options.Data names.
func (r *run) openGrounds() error {
	list, err := r.datasets()
	for i := range list {
		if err == nil {
			list[i].now, err = shard.OpenDataset(list[i].Folder)
		}
	}
	r.grounds = list
	return err
}

// openPairs opens the training pairs of all grounds as they are now.
func (r *run) openPairs() (err error) {
	if err = r.openGrounds(); err == nil {
		r.source, err = batch.OpenAll(r.present(), batch.Training)
	}
	return err
}

// others are the grounds but for that of r.dir.
func (r *run) others() []ground {
	if r.grounds[0].name == ownName {
		return r.grounds[1:]
	}
	return r.grounds
}

// generationOf is the generation of the dataset that has the pairs which a checkpoint
// says it was trained on; 0 where there is none any more, since the dataset was written
// anew. A checkpoint of format 1 has the hash of the manifest.
func (g *ground) generationOf(t checkpoint.Trained) int {
	switch last := g.now.Generation(); {
	case t.Generation == 0 && t.Hash == g.now.Manifest().Hash():
		return last
	case t.Generation > 0 && t.Generation <= last && t.Hash == g.now.At(t.Generation).Hash():
		return t.Generation
	}
	return 0
}

// corresponds tells whether a segment was trained on these datasets, by what they were
// then. That of r.dir always is: who trains in a folder trains on its pairs. Another is if
// it has the pairs of then, or else lies where it did.
func (r *run) corresponds(s *checkpoint.Segment) bool {
	if len(s.Data) != len(r.grounds) {
		return false
	}
	for i := range r.grounds {
		g, t := &r.grounds[i], s.Data[i]
		own := i == 0 && t.Folder == ownName
		if t.Weight != g.Weight || own != (g.name == ownName) && t.Folder != "" || t.Folder != "" && t.Folder != g.name && g.generationOf(t) == 0 {
			return false
		}
	}
	return true
}

// unchanged tells whether the datasets have the pairs that the segment was trained on,
// and no others.
func (r *run) unchanged(s *checkpoint.Segment) bool {
	for i := range r.grounds {
		if g := &r.grounds[i]; g.generationOf(s.Data[i]) != g.now.Generation() {
			return false
		}
	}
	return true
}

// pinned are the datasets as a segment was trained on them; nil where they are not
// there any more, or too little is left of them to go on with.
func (r *run) pinned(s *checkpoint.Segment) []batch.Dataset {
	var list []batch.Dataset
	var left int64
	for i := range r.grounds {
		d := r.grounds[i].Dataset
		if d.Generation = r.grounds[i].generationOf(s.Data[i]); d.Generation == 0 {
			return nil
		}
		left += r.grounds[i].now.At(d.Generation).Len(batch.Training)
		list = append(list, d)
	}
	if left < 2 {
		return nil
	}
	return list
}

// changedSource names the first source that has not the pairs any more that the segment was
// trained on; "" for none.
func (r *run) changedSource(s *checkpoint.Segment) string {
	for i := range r.grounds {
		if g := &r.grounds[i]; g.index && g.generationOf(s.Data[i]) == 0 {
			return g.name
		}
	}
	return ""
}

// present are the datasets as they are now.
func (r *run) present() []batch.Dataset {
	var list []batch.Dataset
	for i := range r.grounds {
		d := r.grounds[i].Dataset
		d.Generation = r.grounds[i].now.Generation()
		list = append(list, d)
	}
	return list
}

// growth is how the datasets changed since a segment was planned.
type growth struct {
	added, gone int64   // training pairs; a pair with another picture is both
	share       float64 // of the added, by their weight, in the pairs of the segment
	known       bool    // false where the pairs of then cannot be told, and all are new
}

// since compares the datasets with what the run was trained on, up to its last segment.
func (r *run) since(s *checkpoint.Segment) (growth, error) {
	change := growth{known: true}
	var added, before float64
	for i := range r.grounds {
		g, t := &r.grounds[i], s.Data[i]
		n, total := int64(0), g.now.Len(batch.Training)
		if from := g.generationOf(t); from > 0 {
			n = total - g.now.At(from).Len(batch.Training)
		} else {
			known, err := r.seenBefore()
			if err != nil {
				return growth{}, err
			}
			change.known = change.known && !r.unknown
			for row, err := range g.now.Rows(batch.Training, "pair_id", "picture_hash") {
				if err != nil {
					return growth{}, err
				}
				if _, there := slices.BinarySearch(known, keyOf(row.PairID, row.PictureHash)); !there {
					n++
				}
			}
		}
		change.added += n
		change.gone += max(0, t.Rows-(total-n))
		added += g.Weight * float64(n)
		before += g.Weight * float64(t.Rows)
	}
	change.share = added / max(before, 1)
	return change, nil
}

// keyOf stands for a pair with its picture.
func keyOf(pairID, pictureHash uint64) uint64 {
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(pairID>>(8*i)), byte(pictureHash>>(8*i))
	}
	return xxhash.Sum64(b[:])
}

// seenBefore are the keys of all pairs that the checkpoint's run was trained on,
// sorted: 8 bytes each. It sets r.unknown where some cannot be told.
func (r *run) seenBefore() ([]uint64, error) {
	if r.keys != nil || r.found == nil {
		return r.keys, nil
	}
	r.keys = []uint64{}
	for row, err := range r.found.Seen("pair_id", "picture_hash") {
		if errors.Is(err, checkpoint.ErrUnknown) {
			r.unknown = true
			break
		}
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, keyOf(row.PairID, row.PictureHash))
	}
	slices.Sort(r.keys)
	return r.keys, nil
}

// newlySeen walks what a segment that begins adds to what the run was trained on
// before: what came with the generations since the segment before, or, where a dataset
// was written anew, the pairs that no table has.
func (r *run) newlySeen(before *checkpoint.Segment) iter.Seq2[*shard.Seen, error] {
	return func(yield func(*shard.Seen, error) bool) {
		for i := range r.grounds {
			g := &r.grounds[i]
			from := 0
			var known []uint64
			if before != nil {
				if from = g.generationOf(before.Data[i]); from == 0 {
					var err error
					if known, err = r.seenBefore(); err != nil {
						yield(nil, err)
						return
					}
				}
			}
			for _, part := range g.now.Parts(batch.Training) {
				if part.Generation <= from && from > 0 {
					continue
				}
				for row, err := range g.now.Rows(part.Name, shard.SeenColumns...) {
					if err != nil {
						yield(nil, err)
						return
					}
					if _, there := slices.BinarySearch(known, keyOf(row.PairID, row.PictureHash)); there {
						continue
					}
					seen := shard.SeenOf(&row.Pair, max(1, part.Generation))
					if !yield(&seen, nil) {
						return
					}
				}
			}
		}
	}
}
