package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// planName is the file in nextFolder that says of what the parts beside it are made. Parts
// of shards do not tell themselves: their bytes must not depend on the run.
const planName = "_plan.json"

// plan is its content. Where one is there already, the parts beside it are those that the
// run would make again.
type plan struct {
	Settings string `json:"settings"`
	Input    string `json:"input"`
	Base     string `json:"base"` // hash of the manifest that the generation builds on
}

// begin makes ready to write into nextFolder.
func (r *sharding) begin() error {
	p := plan{Settings: r.origin.Settings, Input: r.origin.Input}
	if r.base != nil {
		p.Base = r.base.Hash()
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	path := filepath.Join(r.folder, nextFolder, planName)
	if before, err := os.ReadFile(path); err == nil && bytes.Equal(before, data) {
		_, err := atomicfile.Sweep(filepath.Dir(path))
		return err
	}
	if err := abandon(r.folder); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data)
}

// writing is the writing of a generation.
type writing struct {
	*sharding
	next       string // nextFolder
	manifest   *shard.Manifest
	generation *shard.Generation
	places     *extsort.Sorter
	rows       *upcoming
	progress   func(done int64)
	done       int64
	pair       shard.Pair
	scratch    []byte
}

// write writes what is new, as the next generation, or all as the first.
func (r *sharding) write(progress Progress) (*Outcome, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	w := &writing{sharding: r, next: filepath.Join(r.folder, nextFolder)}
	if r.base != nil {
		w.manifest, w.generation = withGeneration(r.base, r.origin.Input)
	} else {
		w.manifest = &shard.Manifest{Stage: ShardName, Settings: r.origin.Settings, Input: r.origin.Input, Generations: []shard.Generation{{Number: 1, Input: r.origin.Input}}}
		w.generation = &w.manifest.Generations[0]
	}
	if err := r.added.Settle(); err != nil {
		return nil, err
	}
	total := r.added.Len()
	w.progress = func(done int64) { progress(done, total) }
	w.places = extsort.New(r.Dir, r.Memory/8)
	defer w.places.Close()
	if err := w.writeDeletions(); err != nil {
		return nil, err
	}
	if err := w.writeAdded(total); err != nil {
		if r.ctx.Err() != nil { // whole shards stay for the next run
			return nil, &StoppedError{context.Cause(r.ctx), keptOf(w.done, total, "pairs")}
		}
		return nil, err
	}
	if w.generation.Added > 0 {
		index, err := writeIndex(w.next, r.origin.Settings, w.generation.Number, w.places)
		if err != nil {
			return nil, err
		}
		w.manifest.Indexes = append(slices.Clone(w.manifest.Indexes), index)
	}
	r.tally.Out = r.tally.Kept
	w.manifest.Tally = r.tally
	if splits := shard.Splits(w.manifest.Parts); !hasSplits(r.folder, splits) {
		if err := atomicfile.WriteFile(filepath.Join(w.next, shard.SplitsName), []byte(splits)); err != nil {
			return nil, err
		}
	}
	if err := shard.WriteManifest(w.next, w.manifest); err != nil {
		return nil, err
	}
	result := Sharded{Generation: w.generation.Number, Added: w.generation.Added, Deleted: maps.Clone(w.generation.Reasons), Anew: r.anew}
	return &Outcome{Tally: r.tally, Result: result}, carryOut(r.folder)
}

// hasSplits tells whether the file of the splits is of that content.
func hasSplits(folder, content string) bool {
	data, err := os.ReadFile(filepath.Join(folder, shard.SplitsName))
	return err == nil && string(data) == content
}

func (w *writing) writeDeletions() error {
	out := deletions{folder: w.next, settings: w.origin.Settings, generation: w.generation}
	defer out.discard()
	var d shard.Deletion
	for rec, err := range w.deleted.Sorted() {
		if err == nil {
			_, err = shard.ReadRow(rec.Value, &d)
		}
		if err == nil {
			err = out.write(&d)
		}
		if err != nil {
			return err
		}
	}
	return out.end(w.manifest)
}

func (w *writing) writeAdded(total int64) error {
	next, stop := iter.Pull2(w.added.Sorted())
	defer stop()
	w.rows = &upcoming{next: next}
	if err := w.writeParts(shard.HeldOut, w.heldOut); err != nil {
		return err
	}
	return w.writeParts(shard.Training, total-w.heldOut)
}

// writeParts takes the next pairs of the shuffled order into parts of the given prefix,
// numbered on.
func (w *writing) writeParts(prefix string, pairs int64) error {
	number := 0
	for _, p := range w.manifest.Parts {
		var n int
		if _, err := fmt.Sscanf(strings.TrimPrefix(p.Name, prefix), "%d.arrow", &n); err == nil && strings.HasPrefix(p.Name, prefix) {
			number = max(number, n+1)
		}
	}
	for ; pairs > 0; number++ {
		rows := min(pairs, int64(w.Options.Pairs))
		pairs -= rows
		name := fmt.Sprintf("%s%05d.arrow", prefix, number)
		part, done, err := w.whole(name, rows)
		if err == nil && done {
			err = w.takeAll(rows, nil, func(n uint32, row addedPair, pairID uint64) error { return w.place(name, n, row, pairID) })
		} else if err == nil {
			part, err = w.writePart(name, rows)
		}
		if err != nil {
			return err
		}
		part.Generation = w.generation.Number
		w.manifest.Parts = append(w.manifest.Parts, part)
		w.generation.Added += rows
		w.done += rows
		w.progress(w.done)
	}
	return nil
}

// whole looks for a part that need not be written: one that a killed run left, or one in
// its place that can stay there.
func (w *writing) whole(name string, rows int64) (shard.Part, bool, error) {
	part, done, err := shard.Recover[shard.Pair](w.next, name, shard.Origin{Stage: ShardName, Settings: w.origin.Settings})
	if err != nil || done && part.Rows == rows {
		return part, done, err
	}
	i := slices.IndexFunc(w.mendable, func(p shard.Part) bool { return p.Name == name && p.Rows == rows })
	if i < 0 || w.mendable[i].Verify(w.folder) != nil {
		return part, false, nil
	}
	return w.mendable[i], true, nil
}

// takeAll takes the next pairs, as many as rows. ask, where there is one, asks for
// pictures of pairs that come later.
func (w *writing) takeAll(rows int64, ask func(part, row uint32) int, take func(n uint32, row addedPair, pairID uint64) error) error {
	for n := range uint32(rows) {
		rec, err, more := w.rows.take(ask)
		if err == nil {
			err = w.ctx.Err()
		}
		if err == nil && !more {
			err = errors.New("write shards: the shuffled pairs end early")
		}
		if err == nil {
			err = take(n, readAdded(rec.Value), binary.BigEndian.Uint64(rec.Key[len(rec.Key)-8:]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) place(part string, n uint32, row addedPair, pairID uint64) error {
	w.key, w.value = appendPlace(w.key[:0], w.value[:0], &shard.Place{ImageID: row.imageID, PairID: pairID, Digest: row.digest, Part: part, Row: n})
	return w.places.Add(w.key, w.value)
}

func (w *writing) writePart(name string, rows int64) (shard.Part, error) {
	out, err := shard.CreatePart[shard.Pair](w.next, name, shard.Origin{Stage: ShardName, Settings: w.origin.Settings})
	if err != nil {
		return shard.Part{}, err
	}
	err = w.takeAll(rows, w.openPictures().ask, func(n uint32, row addedPair, pairID uint64) error {
		if _, err := shard.ReadRow(row.pair, &w.pair); err != nil {
			return err
		}
		if err := w.picture(row.imagePart, row.imageRow); err != nil {
			return err
		}
		addPicture(&w.pair, &w.image)
		var digest uint64
		if digest, w.scratch = w.pair.Digest(w.scratch); digest != row.digest {
			return configurationError("pair %s: the selection was made from another picture or text than matched and images have; run pairloom curate", shard.FormatPairID(pairID))
		}
		if n%256 == 0 {
			w.progress(w.done + int64(n))
		}
		if err := w.place(name, n, row, pairID); err != nil {
			return err
		}
		return out.Write(&w.pair)
	})
	if err != nil {
		out.Discard()
		return shard.Part{}, err
	}
	return out.Close()
}

// checked is the content of the file checkedName: the shards of that manifest were held
// against that input, and nothing was new. The manifest itself stays as it is, and so all
// that was made from the shards.
type checked struct {
	Input    string `json:"input"`
	Manifest string `json:"manifest"` // its hash
	Sum      string `json:"xxh64"`    // of both
}

func checkedOf(m *shard.Manifest, input string) checked {
	c := checked{Input: input, Manifest: m.Hash()}
	c.Sum = c.sum()
	return c
}

func (c checked) sum() string { return settings.Hash(c.Input, c.Manifest) }

// readChecked reads the file; false where there is none.
func readChecked(folder string) (c checked, there bool, err error) {
	path := filepath.Join(folder, checkedName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err != nil {
		return c, true, err
	}
	if err = json.Unmarshal(data, &c); err == nil && (c.Sum != c.sum() || !bytes.Equal(data, c.encode())) {
		err = errors.New("its checksum differs")
	}
	return c, true, err
}

func (c checked) encode() []byte {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		panic(err) // three texts
	}
	return append(data, '\n')
}

// isChecked tells whether nothing was new when these shards were held against the input.
func isChecked(folder string, m *shard.Manifest, input string) bool {
	c, there, err := readChecked(folder)
	return there && err == nil && c == checkedOf(m, input)
}

// nothingNew ends a run that found nothing.
func (r *sharding) nothingNew() (*Outcome, error) {
	if err := abandon(r.folder); err != nil {
		return nil, err
	}
	if splits := shard.Splits(r.base.Parts); !hasSplits(r.folder, splits) {
		if err := atomicfile.WriteFile(filepath.Join(r.folder, shard.SplitsName), []byte(splits)); err != nil {
			return nil, err
		}
	}
	r.tally.Out = r.tally.Kept
	out := &Outcome{Tally: r.tally, Result: Sharded{Generation: len(r.base.Generations)}}
	switch {
	case r.base.Input == r.origin.Input:
		return out, atomicfile.Remove(filepath.Join(r.folder, checkedName))
	case isChecked(r.folder, r.base, r.origin.Input):
		return out, nil
	}
	return out, atomicfile.WriteFile(filepath.Join(r.folder, checkedName), checkedOf(r.base, r.origin.Input).encode())
}
