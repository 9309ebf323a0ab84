package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// How fetch obeys the refusal list: a refused address is not asked for; a picture that
// turns out to be refused by what it is is not stored; and one that was stored before
// loses its bytes, its part being written anew beside the old one.

func (w *fetching) refusesAddress(address string) bool {
	_, refused := w.refused.RefusesAddress(address)
	return refused
}

// dueAgain tells of an answer of the last run whether it holds no more.
func (w *fetching) dueAgain(i *shard.Image) bool {
	if _, refused := refusesPicture(w.refused, i); refused {
		return false
	}
	return w.lifted(i) || w.Fetch.due(i, 0, w.began)
}

// refusedBy is the setting that is noted of a picture which is refused for where its
// address led to: what it is asked again for is that the list is another.
func (w *fetching) refusedBy() string {
	return RefusedName + " " + w.refused.Sum(refusal.Address, refusal.Host)
}

// lifted tells of a picture whose row says that it is refused, and which the list does
// not refuse by what is known of it, that it is to be asked for.
func (w *fetching) lifted(i *shard.Image) bool {
	if i.Status != ReasonRefused || tries(i) > 0 {
		return false
	}
	_, refused := refusesPicture(w.refused, i)
	return !refused && i.Setting != w.refusedBy()
}

// obey makes of an answer the row of a picture that is refused, where it is.
func (w *fetching) obey(row *shard.Image) {
	e, refused := refusesPicture(w.refused, row)
	switch {
	case refused && row.Status == "":
		refuse(row, e)
	case row.Status == ReasonRefused:
		if !refused { // its address led to one that is
			row.Setting = w.refusedBy()
		}
	case !w.Options.SHA256: // it was computed for the list
		row.SHA256 = ""
	}
}

// toErase notes the part of a picture that is refused and has bytes.
func (w *fetching) toErase(p *picturePlace) {
	if p.image.Status != "" || w.erase[int(p.part)] {
		return
	}
	if _, refused := refusesPicture(w.refused, &p.image); refused {
		w.erase[int(p.part)] = true
	}
}

// eraseRefused writes the parts anew that have refused pictures. Those of other settings
// are written anew, or go, in any case.
func (w *fetching) eraseRefused(ctx context.Context) error {
	for _, number := range slices.Sorted(maps.Keys(w.erase)) {
		stored := w.stored[number]
		if stored.foreign {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.open(); err != nil {
			return err
		}
		part, err := erasePart(w.out.path, w.out.path, stored.Part, w.refused, nil)
		if err != nil {
			return err
		}
		w.stored[number] = storedPart{Part: part}
	}
	return nil
}

// erasePart writes a part of pictures anew into the folder to, without the bytes of those
// that the list refuses, and without those that nothing names.
func erasePart(folder, to string, part shard.Part, list *refusal.List, stored *namedPictures) (_ shard.Part, err error) {
	var r *shard.PartReader[shard.Image]
	if part.XXH64 == "" { // no manifest names it
		r, err = shard.OpenFile[shard.Image](filepath.Join(folder, part.Name))
	} else {
		r, err = shard.OpenPart[shard.Image](folder, part)
	}
	if err != nil {
		return part, err
	}
	defer r.Close()
	var asked visits
	if number, ok := partNumber(part.Name); ok && folder != to { // else the caller's visits stay
		if asked, err = readVisits(folder, number); err != nil {
			return part, err
		}
	}
	out, err := shard.CreatePart[shard.Image](to, part.Name, r.Origin())
	if err != nil {
		return part, err
	}
	var row shard.Image
	for i := range r.Len() {
		if err = r.Read(i, &row); err == nil {
			asked.over(&row)
			e, refused := refusesPicture(list, &row)
			if refused && row.Status == "" {
				refuse(&row, e)
			}
			if refused || !stored.unnamed(row.ImageID) {
				err = out.Write(&row)
			}
		}
		if err != nil {
			out.Discard()
			return part, err
		}
	}
	return out.Close()
}

// eraseFolder is where eraseStored prepares parts and the manifest that names them, in
// the images folder. Once the manifest is there the change counts, and whoever finds it
// goes on: parts first, the manifest last.
const eraseFolder = "_erase"

// eraseStored takes the bytes of refused pictures, and the rows of those that nothing names
// (stored may be nil), out of the images folder without asking for anything: also out of
// parts of other settings, and of answers that belong to no part yet. The folder stays finished, and is due for the list is another. It tells how many
// pictures there were. A kill leaves either all parts or none as they were.
func eraseStored(ctx context.Context, dir string, list *refusal.List, stored *namedPictures) (erased int64, err error) {
	folder := filepath.Join(dir, shard.ImagesFolder)
	if err := carryOutErasure(folder); err != nil {
		return 0, err
	}
	names, err := handFiles(folder)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := refusedIn(filepath.Join(folder, name), list, stored)
		if err != nil {
			return erased, err
		}
		if n > 0 {
			part, err := erasePart(folder, folder, shard.Part{Name: name}, list, stored)
			if err == nil && part.Rows == 0 {
				err = unlink(folder, name)
			}
			if err != nil {
				return erased, err
			}
			erased += n
		}
	}
	m, err := shard.ReadManifestAlone(folder)
	if errors.Is(err, shard.ErrUnfinished) {
		return eraseUnfinished(ctx, folder, list, stored, erased)
	}
	if err != nil {
		return erased, err
	}
	next := filepath.Join(folder, eraseFolder)
	for i := range m.Parts {
		if err := ctx.Err(); err != nil {
			return erased, err
		}
		n, err := refusedIn(filepath.Join(folder, m.Parts[i].Name), list, stored)
		if err != nil {
			return erased, err
		}
		if n == 0 {
			continue
		}
		if m.Parts[i], err = erasePart(folder, next, m.Parts[i], list, stored); err != nil {
			return erased, err
		}
		erased += n
	}
	if !exists(next) {
		return erased, nil
	}
	if err := shard.WriteManifest(next, m); err != nil {
		return erased, err
	}
	return erased, carryOutErasure(folder)
}

// carryOutErasure moves what is prepared whole to its place, and removes what is not.
func carryOutErasure(folder string) error {
	next := filepath.Join(folder, eraseFolder)
	if !exists(next) {
		return nil
	}
	if shard.IsFinished(next) {
		parts, err := filepath.Glob(filepath.Join(next, "part-*.arrow"))
		if err != nil {
			return err
		}
		for _, from := range append(parts, filepath.Join(next, shard.ManifestName)) {
			if number, ok := partNumber(filepath.Base(from)); ok { // when pictures were asked for is in the part
				if err := unlink(folder, visitsName(number)); err != nil {
					return err
				}
			}
			if err := atomicfile.SyncFolder(folder); err != nil { // each name is durable before the next
				return err
			}
			if err := atomicfile.Rename(from, filepath.Join(folder, filepath.Base(from))); err != nil {
				return err
			}
		}
		if err := atomicfile.SyncFolder(folder); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(next); err != nil {
		return fmt.Errorf("take out refused pictures: %w", err)
	}
	return nil
}

// eraseUnfinished does so in a folder that has no manifest.
func eraseUnfinished(ctx context.Context, folder string, list *refusal.List, stored *namedPictures, erased int64) (int64, error) {
	numbers, err := partFiles(folder)
	if err != nil {
		return erased, err
	}
	for _, number := range numbers {
		if err := ctx.Err(); err != nil {
			return erased, err
		}
		n, err := refusedIn(filepath.Join(folder, partName(number)), list, stored)
		if err != nil {
			return erased, err
		}
		if n > 0 {
			if _, err := erasePart(folder, folder, shard.Part{Name: partName(number)}, list, stored); err != nil {
				return erased, err
			}
			erased += n
		}
	}
	return erased, nil
}

// refusedIn counts the pictures of a file that are refused and have bytes, and the rows of
// those that nothing names.
func refusedIn(path string, list *refusal.List, stored *namedPictures) (n int64, err error) {
	r, err := shard.OpenFile[shard.Image](path)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var row shard.Image
	for i := range r.Len() {
		if err := r.Read(i, &row); err != nil {
			return n, err
		}
		if _, refused := refusesPicture(list, &row); refused && row.Status == "" || !refused && stored.unnamed(row.ImageID) {
			n++
		}
	}
	return n, nil
}
