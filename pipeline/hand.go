package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/shard"
)

// Files beside the parts of the images folder, which no manifest names: the pictures
// that are in hand, and when pictures of a part were asked for since it was written.

// handName is the file of the answers that belong to no part yet. A run writes it
// when it is stopped, and now and then; the next one takes from it what it would
// otherwise ask for, so that the parts are those of a run that was never stopped.
const handName = "hand.arrow"

// hand are the answers that a run which was stopped had in hand, by picture.
type hand map[uint64]shard.Image

// readHand reads the answers in folder. What is of other settings or cannot be read
// is left out: it costs no more than asking.
func readHand(folder string, origin shard.Origin) (hand, error) {
	part, ok, err := shard.Recover[shard.Image](folder, handName, origin)
	if err != nil || !ok {
		return nil, err
	}
	h := hand{}
	for i, err := range shard.Rows[shard.Image](folder, []shard.Part{part}) {
		if err != nil {
			return nil, err
		}
		row, err := ownImage(i)
		if err != nil {
			return nil, err
		}
		h[row.ImageID] = row
	}
	return h, nil
}

// ownImage is a copy that outlives the step of a walk.
func ownImage(i *shard.Image) (own shard.Image, err error) {
	_, err = shard.ReadRow(shard.AppendRow(nil, i), &own)
	return own, err
}

// writeImages writes rows as one file, whole or not at all.
func writeImages(folder, name string, origin shard.Origin, rows []*shard.Image) (shard.Part, error) {
	w, err := shard.CreatePart[shard.Image](folder, name, origin)
	if err != nil {
		return shard.Part{}, err
	}
	for _, row := range rows {
		if err := w.Write(row); err != nil {
			w.Discard()
			return shard.Part{}, err
		}
	}
	return w.Close()
}

// visitsName is the file that says when pictures of part i were last asked for, where
// the answer left the part as it is. Of a row it has the id, when it was asked for,
// how often that failed in a row, how it failed the last time, and what the next
// request is to say.
func visitsName(i int) string { return fmt.Sprintf("visits-%05d.arrow", i) }

// visitsNumber is the i of visitsName; false for other names.
func visitsNumber(name string) (i int, ok bool) {
	digits, ok := strings.CutPrefix(name, "visits-")
	if !ok {
		return 0, false
	}
	return partNumber("part-" + digits)
}

// visits are the rows of such a file, by picture.
type visits map[uint64]shard.Image

// readVisits reads those of part i; there need not be any.
func readVisits(folder string, i int) (visits, error) {
	r, err := shard.OpenFile[shard.Image](filepath.Join(folder, visitsName(i)))
	if err != nil {
		if !exists(filepath.Join(folder, visitsName(i))) {
			return nil, nil
		}
		return nil, err
	}
	defer r.Close()
	v := visits{}
	var row shard.Image
	for n := range r.Len() {
		if err := r.Read(n, &row); err != nil {
			return nil, err
		}
		own, err := ownImage(&row)
		if err != nil {
			return nil, err
		}
		v[own.ImageID] = own
	}
	return v, nil
}

// over lays the last visit over a row of the part and tells whether there is one
// that the row does not know of.
func (v visits) over(row *shard.Image) bool {
	last, ok := v[row.ImageID]
	if !ok || last.FetchTime < row.FetchTime || last.FetchTime == row.FetchTime && last.Tries == row.Tries {
		return false
	}
	row.FetchTime, row.Tries, row.ETag, row.LastModified = last.FetchTime, last.Tries, last.ETag, last.LastModified
	return true
}

// visit is the row of the visits file for a picture whose row stays; answer is what
// came of asking.
func visit(row, answer *shard.Image) shard.Image {
	return shard.Image{
		ImageID: row.ImageID, Status: answer.Status, Detail: answer.Detail, HTTPStatus: answer.HTTPStatus,
		ETag: row.ETag, LastModified: row.LastModified, FetchTime: row.FetchTime, Tries: row.Tries, Setting: answer.Setting,
	}
}

// unlink removes files of folder, those that are not there too.
func unlink(folder string, names ...string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what is done with: %w", err)
		}
	}
	return nil
}
