package pipeline

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// lineage follows the records from folder to folder, as far as these were made
// from one another.
func (v *verification) lineage(ctx context.Context) error {
	for _, s := range v.stages {
		f := v.byFolder[s.Folder]
		if f == nil || f.manifest == nil || len(s.Inputs) == 0 {
			continue
		}
		if !v.current(&s) {
			f.note("it was made from other input: run pairloom %s", s.Name)
		}
	}
	for _, step := range []func(context.Context) error{v.candidateCounts, v.join, v.pairIDs} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// current tells whether the stage's folder was made from its inputs as they are
// now; the hash is that of [Stage.input], from the manifests that were read.
func (v *verification) current(s *Stage) bool {
	f := v.byFolder[s.Folder]
	if f == nil || f.manifest == nil {
		return false
	}
	input, there := v.inputOf(s)
	return there && (f.manifest.Input == input || s.Checked != nil && s.Checked(f.manifest, input))
}

// inputOf is the hash of the stage's inputs; false where one is not there.
func (v *verification) inputOf(s *Stage) (hash string, there bool) {
	var parts []any
	add := func(folder string, needed bool) bool {
		if in := v.byFolder[folder]; in != nil && in.manifest != nil {
			parts = append(parts, in.manifest.Hash())
			return true
		}
		// Folders of no parts are checked later.
		if m, err := shard.ReadManifestAlone(filepath.Join(v.Dir, folder)); err == nil {
			parts = append(parts, m.Hash())
			return true
		}
		return !needed
	}
	for _, folder := range s.Inputs {
		if folder == shard.CandidatesFolder {
			for _, producer := range v.producerFolders() {
				add(producer, false)
			}
		} else if !add(folder, true) {
			return "", false
		}
	}
	for _, folder := range s.Extras {
		add(folder, false)
	}
	return settings.Hash(parts...), true
}

// follows tells whether a folder can be held against those that it was made from:
// all are intact, and it was made from them as they are.
func (v *verification) follows(folder string, inputs ...string) bool {
	for _, name := range append(inputs, folder) {
		if f := v.byFolder[name]; f == nil || !f.intact {
			return false
		}
	}
	for i := range v.stages {
		if v.stages[i].Folder == folder {
			return v.current(&v.stages[i])
		}
	}
	return false
}

// candidateCounts holds what the match read against what the producers wrote.
func (v *verification) candidateCounts(context.Context) error {
	var all []string
	var rows int64
	for _, folder := range v.producerFolders() {
		if f := v.byFolder[folder]; f != nil && f.manifest != nil {
			all = append(all, folder)
			rows += f.rows.rows
		}
	}
	if !v.follows(shard.MatchedFolder, all...) {
		return nil
	}
	f := v.byFolder[shard.MatchedFolder]
	if in := f.manifest.Tally.In; in != rows {
		f.fault(shard.ManifestName, fmt.Sprintf("its tally says %d candidates in, but there are %d", in, rows), f.anewWithoutParts())
	}
	f.checked("lineage")
	return nil
}

// stillThere drops what was just found of folders that a run has changed since.
func (v *verification) stillThere(folders ...string) {
	for _, name := range folders {
		if f := v.byFolder[name]; f != nil && f.manifest != nil && !f.unchanged() {
			for _, name := range folders {
				if f := v.byFolder[name]; f != nil && f.manifest != nil {
					f.changing()
				}
			}
			return
		}
	}
}

// sorter sorts outside the dataset's folder.
func (v *verification) sorter() *extsort.Sorter {
	return extsort.New(os.TempDir(), v.Options.memory()/4)
}

// join walks matched pairs, pictures and selection side by side, as curate did.
func (v *verification) join(ctx context.Context) error {
	matched, images, selection := v.byFolder[shard.MatchedFolder], v.byFolder[shard.ImagesFolder], v.byFolder[shard.SelectionFolder]
	if !matched.intact {
		return nil
	}
	j := &joinCheck{verification: v, matched: matched}
	pictures := iter.Seq2[*picturePlace, error](func(func(*picturePlace, error) bool) {})
	if images.intact {
		pictures = pictureIndexBy(v.Dir, images.manifest.Parts, outcomeColumns, v.sorter)
		if v.follows(shard.ImagesFolder, shard.MatchedFolder) {
			j.images = images
		}
	}
	if v.follows(shard.SelectionFolder, shard.MatchedFolder, shard.ImagesFolder) && aligned(matched, selection) {
		j.selection = selection
		next, stop := iter.Pull2(shard.Rows[shard.Selection](selection.path, selection.manifest.Parts, "pair_id", "reason", "image_part", "image_row"))
		defer stop()
		j.next = next
	}
	rows := shard.Rows[shard.Matched](matched.path, matched.manifest.Parts, "pair_id", "image_id", "image_url")
	err := withoutPanic(func() error {
		for row, err := range joinPictures(rows, pictures, nil) {
			if err == nil && j.place%4096 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				return err
			}
			if more, err := j.row(row); err != nil || !more {
				return err
			}
		}
		return j.end()
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	v.stillThere(shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder)
	if err != nil && matched.out.State != FolderChanging {
		return fmt.Errorf("verify %s beside %s and %s: %w", shard.MatchedFolder, shard.ImagesFolder, shard.SelectionFolder, err)
	}
	return nil
}

// aligned tells whether the selection has a part for each of the matched, with as
// many rows.
func aligned(matched, selection *folderCheck) bool {
	a, b := matched.manifest.Parts, selection.manifest.Parts
	if len(a) != len(b) {
		selection.fault(shard.ManifestName, fmt.Sprintf("it names %d parts, but %s has %d", len(b), shard.MatchedFolder, len(a)), selection.anewWithoutParts())
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Rows != b[i].Rows {
			selection.fault(b[i].Name, fmt.Sprintf("it has %d rows, but %s of %s, which it decides on, has %d", b[i].Rows, a[i].Name, shard.MatchedFolder, a[i].Rows), selection.again())
			return false
		}
	}
	return true
}

// joinCheck is the state of join. images and selection are nil where they were
// made from other input, so that nothing can be said.
type joinCheck struct {
	*verification
	matched, images, selection *folderCheck
	next                       func() (*shard.Selection, error, bool)

	place           int64 // of the row among all matched
	image, pair     uint64
	outcomes        counted // of the distinct pictures of the matched
	missing         int64   // of these, those without outcome
	example         string  // the address of one
	part, partPlace int     // of the row
	wrong           counted // rows of the selection's part
}

// row checks one matched pair; false when nothing behind it can be checked.
func (j *joinCheck) row(row joined) (bool, error) {
	for int64(j.partPlace) == j.matched.manifest.Parts[j.part].Rows {
		j.endPart()
		j.part, j.partPlace = j.part+1, 0
	}
	m := row.matched
	first := j.place == 0
	if !first && (m.ImageID < j.image || m.ImageID == j.image && m.PairID <= j.pair) {
		j.matched.fault(j.matched.manifest.Parts[j.part].Name,
			fmt.Sprintf("row %d: pair %s is out of order, or there twice", j.partPlace, shard.FormatPairID(m.PairID)), j.matched.again())
		return false, nil
	}
	if first || m.ImageID != j.image {
		if row.picture != nil {
			j.outcomes.count(row.picture.image.Status)
		} else if j.missing++; j.example == "" {
			j.example = strings.Clone(m.ImageURL)
		}
	}
	j.image, j.pair = m.ImageID, m.PairID
	if j.selection != nil {
		s, err, more := j.next()
		if err != nil || !more {
			return false, err
		}
		if s.PairID != m.PairID {
			j.wrong.fault(int64(j.partPlace), fmt.Sprintf("it decides on pair %s, but the row of %s is pair %s",
				shard.FormatPairID(s.PairID), shard.MatchedFolder, shard.FormatPairID(m.PairID)))
		} else if what := placeFault(s, row.picture); what != "" {
			j.wrong.fault(int64(j.partPlace), fmt.Sprintf("pair %s: %s", shard.FormatPairID(s.PairID), what))
		}
	}
	j.place++
	j.partPlace++
	return true, nil
}

// placeFault says what is wrong with the place of a kept pair's picture.
func placeFault(s *shard.Selection, p *picturePlace) string {
	switch {
	case s.Reason != "":
	case p == nil:
		return "it is kept, but its picture was never asked for"
	case p.image.Status != "":
		return "it is kept, but its picture is not stored: " + p.image.Status
	case p.part != s.ImagePart || p.row != s.ImageRow:
		return fmt.Sprintf("its picture is said to lie in row %d of %s, but lies in row %d of %s", s.ImageRow, partName(int(s.ImagePart)), p.row, partName(int(p.part)))
	}
	return ""
}

func (j *joinCheck) endPart() {
	if j.selection != nil {
		j.wrong.list(j.selection, j.selection.manifest.Parts[j.part].Name, j.selection.again())
	}
	j.wrong = counted{}
}

// end holds the outcomes against the tally of fetch.
func (j *joinCheck) end() error {
	if len(j.matched.manifest.Parts) > 0 {
		j.endPart()
	}
	if j.selection != nil {
		j.selection.checked("lineage")
	}
	f := j.images
	if f == nil {
		return nil
	}
	f.checked("counts", "lineage")
	t := f.manifest.Tally
	full := t.Dropped[ReasonQueryFull] // which have no row
	if j.missing > full {
		f.fault("", fmt.Sprintf("%d pictures of %s have no outcome, such as %s", j.missing-full, shard.MatchedFolder, j.example), "run pairloom fetch, which asks for them")
		return nil
	}
	differs := func(what string, tally, rows int64) {
		if tally != rows {
			f.manifestFault(fmt.Sprintf("its tally says %d %s, but the parts have %d", tally, what, rows))
		}
	}
	for range j.missing {
		j.outcomes.count(ReasonQueryFull)
	}
	differs("pictures in", t.In, j.outcomes.rows)
	differs("pictures kept", t.Kept, j.outcomes.reasons[""])
	reasons(j.outcomes.reasons, t.Dropped, func(reason string, rows, tally int64) { differs("pictures dropped for "+reason, tally, rows) })
	return nil
}
