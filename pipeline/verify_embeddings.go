package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/search"
)

// embeddings checks the structure of the files of vectors, which have no sums:
// that they can be read, hold numbers, and are of the pairs that they name.
func (v *verification) embeddings(ctx context.Context) error {
	f := v.check(shard.EmbeddingsFolder, "embed")
	if !exists(f.path) {
		f.out.State = FolderAbsent
		return nil
	}
	for _, of := range []string{search.Pictures, search.Texts} {
		if err := f.ofShards(ctx, of); err != nil {
			return err
		}
	}
	for _, path := range arrowFiles(f.path) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f.vectors(path, "delete it and make it again with pairloom embed", nil)
	}
	f.checked("structure")
	return nil
}

func arrowFiles(folder string) []string {
	list, _ := filepath.Glob(filepath.Join(folder, "*.arrow")) // the pattern is right
	return list
}

// ofShards checks the vectors of all pairs, a file a part.
func (f *folderCheck) ofShards(ctx context.Context, of string) error {
	folder := filepath.Join(f.path, of)
	files := arrowFiles(folder)
	if len(files) == 0 {
		return nil
	}
	var parts []shard.Part
	shards := f.byFolder[shard.ShardsFolder]
	if shards.manifest != nil {
		parts = shards.manifest.Parts
	}
	again := "run pairloom embed " + of
	for _, path := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := filepath.Base(path)
		i := slices.IndexFunc(parts, func(p shard.Part) bool { return p.Name == name })
		if i < 0 {
			f.note("%s/%s is of no part of %s; %s", of, name, shard.ShardsFolder, again)
		}
		f.vectors(path, "delete it and "+again+", which makes what is missing again", func(e *shard.Embeddings) string {
			switch {
			case e.Origin.Source != name || e.Origin.Of != of:
				return fmt.Sprintf("it holds vectors of the %s of %s", e.Origin.Of, e.Origin.Source)
			case i < 0:
			case e.Origin.Input != parts[i].XXH64:
				f.note("%s/%s is stale: %s has changed since; %s", of, name, name, again)
			case shards.intact:
				return pairsOf(e, shards.path, parts[i])
			}
			return ""
		})
	}
	for _, p := range parts {
		if !exists(filepath.Join(folder, p.Name)) {
			f.note("%s/%s is not there; %s", of, p.Name, again)
		}
	}
	return nil
}

// vectors checks one file; more, which may be nil, says what else is wrong with it.
func (f *folderCheck) vectors(path, cure string, more func(*shard.Embeddings) string) {
	err := withoutPanic(func() error {
		e, err := shard.OpenEmbeddings(path)
		if err != nil {
			return err
		}
		defer e.Close()
		f.out.Files++
		f.out.Rows += int64(e.Len())
		if info, err := readableFile(path); err == nil {
			f.out.Bytes += info.Size()
		}
		row := 0
		for i := range e.Batches {
			b := &e.Batches[i]
			for k, x := range b.Vectors {
				if x64 := float64(x); math.IsNaN(x64) || math.IsInf(x64, 0) {
					return fmt.Errorf("row %d: its vector holds %v", row+k/e.Dim, x)
				}
			}
			row += len(b.IDs)
		}
		if more != nil {
			if what := more(e); what != "" {
				return errors.New(what)
			}
		}
		return nil
	})
	if err != nil {
		f.fault(f.relative(path), causeOf(err), cure)
	}
}

// pairsOf says in what the vectors are not of the part's pairs, in their order.
func pairsOf(e *shard.Embeddings, folder string, part shard.Part) string {
	r, err := shard.OpenPart[shard.Pair](folder, part, "pair_id")
	if err != nil {
		return "" // a fault of the part
	}
	defer r.Close()
	row, next := 0, 0
	var p shard.Pair
	for i := range e.Batches {
		b := &e.Batches[i]
		for k, id := range b.IDs {
			at := int(b.Rows[k])
			if at < next || at >= r.Len() {
				return fmt.Sprintf("row %d: it names row %d of %s, which has %d", row, at, part.Name, r.Len())
			}
			if err := r.Read(at, &p); err == nil && p.PairID != id {
				return fmt.Sprintf("row %d: it is of pair %s, but row %d of %s is pair %s", row, shard.FormatPairID(id), at, part.Name, shard.FormatPairID(p.PairID))
			}
			row, next = row+1, at+1
		}
	}
	return ""
}
