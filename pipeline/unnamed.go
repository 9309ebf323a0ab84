package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"path/filepath"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
)

// Pictures that no page names any more: their page is gone, or has another picture,
// or asks not to be used. Nobody would ask again whether such a picture may be kept,
// so it is not. One that a candidate names and match does not take stays: other
// queries may take it.

// dropUnnamed removes from the parts what no candidate names. Parts are written anew
// beside the old ones, in order of their numbers. What is known of the candidates is
// the work of one walk over them; it is spared while they are those of the last run.
func (w *fetching) dropUnnamed(ctx context.Context) error {
	list, err := producers(w.Dir)
	var configuration *ConfigurationError
	if errors.As(err, &configuration) { // none is finished: nothing is known
		return nil
	}
	if err != nil {
		return err
	}
	var hashes []any
	for _, p := range list {
		hashes = append(hashes, p.manifest.Hash())
	}
	if sum := w.refused.Sum(candidateKinds...); sum != "" {
		hashes = append(hashes, sum)
	}
	w.calendar.Named = settings.Hash(hashes...)
	last, err := readCalendar(w.out.path)
	if err != nil && !noCalendar(err) {
		return err
	}
	if w.apart.Len() == 0 || err == nil && last.Named == w.calendar.Named {
		return nil
	}
	gone := extsort.New(w.Dir, w.Memory/8)
	defer gone.Close()
	if err := w.unnamed(ctx, list, gone); err != nil {
		return err
	}
	next, stop := iter.Pull2(gone.Sorted())
	defer stop()
	for rec, err, more := next(); more; {
		number, without := 0, map[int]bool{}
		for ; more && err == nil; rec, err, more = next() {
			part := int(binary.BigEndian.Uint32(rec.Key))
			if len(without) > 0 && part != number {
				break
			}
			number = part
			without[int(binary.BigEndian.Uint32(rec.Key[4:]))] = true
		}
		if err != nil {
			return err
		}
		if err := w.dropRows(number, without); err != nil {
			return err
		}
	}
	return nil
}

// unnamed puts the places of pictures that no candidate of the producers names into
// gone.
func (w *fetching) unnamed(ctx context.Context, list []producer, gone *extsort.Sorter) error {
	named := extsort.New(w.Dir, w.Memory/4)
	defer named.Close()
	var key [8]byte
	columns := []string{"image_url"}
	if w.refused.Has(candidateKinds...) {
		columns = append(columns, "page_url", "text")
	}
	for _, p := range list {
		for c, err := range shard.Rows[shard.Candidate](filepath.Join(w.Dir, p.folder), p.manifest.Parts, columns...) {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				if _, refused := refusesCandidate(w.refused, c); refused {
					continue // what it names is not named by it
				}
			}
			if err == nil {
				binary.BigEndian.PutUint64(key[:], shard.ImageID(c.ImageURL))
				err = named.Add(key[:], nil)
			}
			if err != nil {
				return err
			}
		}
	}
	next, stop := iter.Pull2(named.Sorted())
	defer stop()
	name, nameErr, more := next()
	for rec, err := range w.apart.Sorted() {
		for err == nil && nameErr == nil && more && string(name.Key) < string(rec.Key) {
			name, nameErr, more = next()
		}
		if err = errors.Join(err, nameErr); err != nil {
			return err
		}
		if more && string(name.Key) == string(rec.Key) {
			continue
		}
		if err := gone.Add(rec.Value, nil); err != nil {
			return err
		}
	}
	return nil
}

// dropRows writes part number anew without some of its rows; a part of other settings
// goes as a whole where it is not written anew anyway.
func (w *fetching) dropRows(number int, without map[int]bool) error {
	stored, ok := w.stored[number]
	if !ok || stored.foreign {
		return nil
	}
	asked, err := readVisits(w.out.path, number)
	if err != nil {
		return err
	}
	if int64(len(without)) < stored.Rows {
		return w.rewrite(number, asked, nil, nil, without)
	}
	if err := w.open(); err != nil {
		return err
	}
	delete(w.stored, number)
	return unlink(w.out.path, partName(number), visitsName(number))
}
