package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/shard"
)

// refusals adds the line of today's list that refuses what is asked about, and says of
// pairs that the last run still kept that the next will not.
func (x *explainer) refusals(e *Explanation) error {
	x.deletedLines(e)
	if x.refused.Len() == 0 {
		return nil
	}
	by, refused := x.refused.RefusesAddress(e.Asked)
	for id := range pairIDs(e.Asked) {
		if !refused {
			by, refused = x.refused.Refuses(&refusal.Facts{PairID: id})
		}
	}
	hashes := map[uint64]shard.Image{} // of the pictures of the pairs
	for i := range e.Pairs {
		hashes[shard.ImageID(e.Pairs[i].Image)] = shard.Image{}
	}
	if err := x.hashes(shard.ImageID(e.Asked), hashes); err != nil {
		return err
	}
	if i, ok := hashes[shard.ImageID(e.Asked)]; ok && !refused {
		by, refused = refusesPicture(x.refused, &i)
	}
	for i := range e.Pairs {
		p := &e.Pairs[i]
		f := refusal.Facts{PageURL: p.Page, ImageURL: p.Image, PairID: p.id}
		image := hashes[shard.ImageID(p.Image)]
		f.PictureHash, f.PHash, f.SHA256 = image.PictureHash, image.PHash, image.SHA256
		entry, pairRefused := x.refused.Refuses(&f)
		if !pairRefused {
			continue
		}
		if !refused {
			by, refused = entry, true
		}
		if p.Reason == "" {
			p.Note = refusedDetail(entry) + " refuses it since; the next run drops it"
		}
	}
	if !refused {
		return nil
	}
	line, err := lineOf(x.dir, by)
	if err != nil {
		return err
	}
	e.Refused = fmt.Sprintf("%s:%d: %s", RefusedName, line, by)
	return nil
}

// deletedLines marks what was decided by lines that have been deleted from the list since.
func (x *explainer) deletedLines(e *Explanation) {
	key := func(line string) string { return strings.Replace(line, "url https://", "url http://", 1) } // which are one
	lines := map[string]bool{}
	for _, entry := range x.refused.Entries {
		lines[key(refusedDetail(entry))] = true
	}
	mark := func(detail *string) {
		if strings.HasPrefix(*detail, RefusedName+": ") && !lines[key(*detail)] {
			*detail = "a line of " + RefusedName + " that has been deleted since; the next run goes by the list of now"
		}
	}
	for i := range e.Pairs {
		mark(&e.Pairs[i].Detail)
	}
	for i := range e.Left {
		mark(&e.Left[i].Detail)
	}
	if e.Image != nil {
		mark(&e.Image.Detail)
	}
}

// hashes fills in by what the pictures are known of which the keys are the ids, and the
// one of that id.
func (x *explainer) hashes(asked uint64, of map[uint64]shard.Image) error {
	parts, err := x.parts(shard.ImagesFolder)
	if err != nil {
		return err
	}
	columns := append([]string{"image_id"}, refusalColumns...)
	for row, err := range shard.Rows[shard.Image](filepath.Join(x.dir, shard.ImagesFolder), parts, columns...) {
		if err != nil {
			return err
		}
		if _, wanted := of[row.ImageID]; !wanted && row.ImageID != asked {
			continue
		}
		if of[row.ImageID], err = ownImage(row); err != nil {
			return err
		}
	}
	return nil
}

// lineOf is the number of the first line of the list that is the entry, from 1.
func lineOf(dir string, e refusal.Entry) (number int, err error) {
	f, err := os.Open(filepath.Join(dir, RefusedName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	p := RefusalParser()
	_, err = refusal.Each(f, func(n int, text string) error {
		if found, ok, _ := p.Line(text); ok && found == e && number == 0 {
			number = n
		}
		return nil
	})
	return number, err
}
