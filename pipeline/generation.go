package pipeline

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// A change of the shards, be it a generation or all of them anew, is prepared in
// nextFolder: its files, and last the manifest that the shards are to have. From then on
// it counts as done, and the files are moved to their places, the manifest last; where a
// kill comes between, whoever writes the shards next goes on. Before that a kill leaves
// the shards as they are.

// nextFolder is where a change is prepared, within the folder of the shards.
const nextFolder = "_next"

// checkedName is the file beside shards that says against which input they were held when
// nothing was new; see [checked].
const checkedName = "_checked.json"

// carryOut moves what is prepared in nextFolder to its place, if a change is there whole.
// Files that the new manifest does not name go first, and those that it has anew, so that
// nobody who reads all files of the folder finds a pair in an old one and a new one.
func carryOut(folder string) error {
	next := filepath.Join(folder, nextFolder)
	if !shard.IsFinished(next) {
		return nil
	}
	m, err := shard.ReadManifestAlone(next)
	if err != nil {
		return err
	}
	stays := map[string]bool{} // of the files in place
	var moved []string
	for _, p := range slices.Concat(m.Parts, m.Deletions, m.Indexes, []shard.Part{{Name: shard.SplitsName}}) {
		if stays[p.Name] = !exists(filepath.Join(next, p.Name)); !stays[p.Name] {
			moved = append(moved, p.Name)
		}
	}
	if err := atomicfile.Remove(filepath.Join(folder, checkedName)); err != nil {
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("replace shards: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasSuffix(name, ".arrow") || stays[name] {
			continue
		}
		if err := atomicfile.Remove(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	for _, name := range append(moved, shard.ManifestName) {
		if name == shard.ManifestName { // the others must be durable before it
			if err := atomicfile.SyncFolder(folder); err != nil {
				return err
			}
		}
		if err := atomicfile.Rename(filepath.Join(next, name), filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	if err := atomicfile.SyncFolder(folder); err != nil {
		return err
	}
	return abandon(folder)
}

// abandon removes what is prepared in nextFolder.
func abandon(folder string) error {
	if err := os.RemoveAll(filepath.Join(folder, nextFolder)); err != nil {
		return fmt.Errorf("replace shards: %w", err)
	}
	return nil
}

// withGeneration is the manifest with one more generation, whose parts the caller adds.
func withGeneration(m *shard.Manifest, input string) (*shard.Manifest, *shard.Generation) {
	grown := *m
	grown.Parts, grown.Deletions = slices.Clone(m.Parts), slices.Clone(m.Deletions)
	grown.Sum = ""
	if grown.Generations = slices.Clone(m.Generations); len(grown.Generations) == 0 { // of a version without generations
		grown.Generations = []shard.Generation{{Number: 1, Added: m.Rows(), Input: m.Input}}
		for i := range grown.Parts {
			grown.Parts[i].Generation = 1
		}
	}
	tally := *m.Tally
	tally.Dropped = maps.Clone(m.Tally.Dropped)
	grown.Tally, grown.Input = &tally, input
	grown.Generations = append(grown.Generations, shard.Generation{Number: len(grown.Generations) + 1, Input: input})
	return &grown, &grown.Generations[len(grown.Generations)-1]
}

// mostGenerations is how many generations are told to be compacted: readers open files of
// each. So is more than a fifth of rows that are deleted.
const mostGenerations = 64

// generations tells of those of shards.
func (s *State) generations(m *shard.Manifest) {
	s.Generations = max(1, len(m.Generations))
	for _, g := range m.Generations {
		s.Deleted += g.Deleted
	}
	switch s.Rows -= s.Deleted; {
	case s.Deleted > (s.Rows+s.Deleted)/5:
		s.Compact = "more than a fifth of the rows are deleted and take room; pairloom shard --compact writes the shards without them"
	case s.Generations > mostGenerations:
		s.Compact = fmt.Sprintf("readers open the files of more than %d generations; pairloom shard --compact makes one of them", mostGenerations)
	}
}

// DeleteRows takes the pairs for which look gives a reason, a word, and a detail, a line
// for people, out of the dataset in dir, by a generation of its own; it tells how many
// these were. Their bytes stay where they are until the shards are compacted. The row is
// reused and has no picture. Where look picks none, nothing is written; a kill leaves
// either all or nothing deleted. The caller holds the folder's lock.
func DeleteRows(dir string, look func(row *shard.Row) (reason, detail string)) (deleted int, err error) {
	folder := filepath.Join(dir, shard.ShardsFolder)
	if err := carryOut(folder); err != nil {
		return 0, err
	}
	dataset, err := shard.OpenDataset(folder)
	if err != nil {
		return 0, err
	}
	if err := abandon(folder); err != nil { // shards that were begun would not be those of the changed dataset
		return 0, err
	}
	m, generation := withGeneration(dataset.Manifest(), dataset.Manifest().Input)
	out := deletions{folder: filepath.Join(folder, nextFolder), settings: m.Settings, generation: generation}
	defer out.discard()
	parts := dataset.Parts("")
	slices.SortFunc(parts, func(a, b shard.Part) int { return strings.Compare(a.Name, b.Name) })
	for _, part := range parts {
		for row, err := range dataset.Rows(part.Name, shard.FactColumns[shard.Pair]()...) {
			if err != nil {
				return 0, err
			}
			reason, detail := look(row)
			if reason == "" {
				continue
			}
			if err := out.write(&shard.Deletion{PairID: row.PairID, Part: row.Part, Row: uint32(row.Number), Reason: reason, Detail: detail}); err != nil {
				return 0, err
			}
			m.Tally.Kept--
			m.Tally.Out--
			m.Tally.Dropped[strings.Clone(reason)]++
		}
	}
	if generation.Deleted == 0 {
		return 0, nil
	}
	if err := out.end(m); err != nil {
		return 0, err
	}
	if err := shard.WriteManifest(out.folder, m); err != nil {
		return 0, err
	}
	return int(generation.Deleted), carryOut(folder)
}

// deletions writes the deletion vector of a generation, in order of part and row, and
// counts it there. There is none where nothing is written.
type deletions struct {
	folder     string
	settings   string
	generation *shard.Generation
	part       *shard.PartWriter[shard.Deletion]
}

func (d *deletions) write(row *shard.Deletion) (err error) {
	g := d.generation
	if d.part == nil {
		origin := shard.Origin{Stage: ShardName, Settings: d.settings}
		if d.part, err = shard.CreatePart[shard.Deletion](d.folder, shard.DeletionsName(g.Number), origin); err != nil {
			return err
		}
		g.Reasons = map[string]int64{}
	}
	g.Deleted++
	g.Reasons[strings.Clone(row.Reason)]++
	return d.part.Write(row)
}

// end names the vector in the manifest.
func (d *deletions) end(m *shard.Manifest) error {
	if d.part == nil {
		return nil
	}
	part, err := d.part.Close()
	d.part = nil
	part.Generation = d.generation.Number
	m.Deletions = append(m.Deletions, part)
	return err
}

func (d *deletions) discard() {
	if d.part != nil {
		d.part.Discard()
	}
}
