package export

import (
	"context"
	"slices"

	"github.com/pairloom/pairloom/shard"
)

// mostKnown is how many pairs a record knows its dataset by: of one that lost nine in ten
// of its pairs, and their rows too, all are gone once in some 10^11 times.
const mostKnown = 256

// lineage finds out whether the export that is there is of this dataset: of another, no
// pair is in it. A dataset's hash and its shards would not do: they change as it grows, is
// compacted or made anew. Ids are hashes, so those that are the lowest are a sample that
// stays the same while their pairs do.
func (r *running) lineage(ctx context.Context) error {
	if r.old != nil && r.old.Dataset == r.Dataset.Hash() {
		r.known = r.old.Known
		return nil
	}
	old := map[string]bool{}
	if r.old != nil {
		for _, id := range r.old.Known {
			old[id] = true
		}
	}
	same := len(old) == 0
	var lowest []uint64
	for _, part := range r.Dataset.Parts("") {
		row := -1
		for pair, err := range shard.Rows[shard.Pair](r.Dataset.Folder(), []shard.Part{part}, "pair_id") {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			id := pair.PairID
			same = same || old[shard.FormatPairID(id)]
			if row++; r.Dataset.Deleted(part.Name, row) {
				continue
			}
			if n := len(lowest); n < mostKnown || id < lowest[n-1] {
				if at, twice := slices.BinarySearch(lowest, id); !twice {
					lowest = slices.Insert(lowest, at, id)
					lowest = lowest[:min(len(lowest), mostKnown)]
				}
			}
		}
	}
	if len(lowest) > 0 && !same && !r.Replace {
		return refused("%s holds the export of another dataset: none of the pairs it is known by is in this one; name another place, or give --replace", r)
	}
	for _, id := range lowest {
		r.known = append(r.known, shard.FormatPairID(id))
	}
	return nil
}
