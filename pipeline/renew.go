package pipeline

import (
	"slices"

	"github.com/pairloom/pairloom/shard"
)

// Pictures that were asked for again, in their parts.

// storedBy begins what is said, as the setting of a picture that could not be had
// anew, of the settings that it is stored by.
const storedBy = "fetch: other settings, of hash "

// oldPicture is the row of a picture that is asked for again, without the picture,
// and where it lies.
type oldPicture struct {
	row         shard.Image
	part, place int
}

// oldPictures reads such rows, one part after another.
type oldPictures struct {
	reader *shard.PartReader[shard.Image]
	number int
	asked  visits
}

func (o *oldPictures) read(folder string, part shard.Part, number, place int) (row shard.Image, err error) {
	if o.reader == nil || o.number != number {
		o.close()
		if o.reader, err = shard.OpenPart[shard.Image](folder, part, oldColumns...); err != nil {
			o.reader = nil
			return row, err
		}
		o.number = number
		if o.asked, err = readVisits(folder, number); err != nil {
			return row, err
		}
	}
	var i shard.Image
	if err := o.reader.Read(place, &i); err != nil {
		return row, err
	}
	o.asked.over(&i)
	return ownImage(&i)
}

func (o *oldPictures) close() {
	if o.reader != nil {
		o.reader.Close()
	}
}

// renewParts takes the answers into the parts that the pictures lie in: a part of
// which a picture is another now is written anew, and of the others is noted when
// they were asked for.
func (w *fetching) renewParts(b *batch) error {
	for start := 0; start < len(b.questions); {
		end := start + 1
		for end < len(b.questions) && b.questions[end].old.part == b.questions[start].old.part {
			end++
		}
		if err := w.renewPart(b, start, end); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// renewPart does so for the questions from start to end, of one part.
func (w *fetching) renewPart(b *batch, start, end int) error {
	number := b.questions[start].old.part
	stored := w.stored[number]
	asked, err := readVisits(w.out.path, number)
	if err != nil {
		return err
	}
	if asked == nil {
		asked = visits{}
	}
	anew := stored.foreign
	settled := map[int]settledRow{} // by place in the part
	for i := start; i < end; i++ {
		answer, err := b.row(i)
		if err != nil {
			return err
		}
		old := &b.questions[i].old
		row, replaced := settle(&old.row, answer, stored.foreign)
		w.count(&row)
		if !replaced && stored.foreign && row.Status == "" && row.Setting == "" { // as rewrite will say
			w.older++
		}
		if settled[old.place] = (settledRow{i, replaced}); replaced {
			anew = true
			continue
		}
		v := visit(&row, answer)
		if asked[row.ImageID], err = ownImage(&v); err != nil {
			return err
		}
	}
	if anew {
		return w.rewrite(number, asked, b, settled, nil)
	}
	var rows []*shard.Image
	for _, v := range asked {
		rows = append(rows, &v)
	}
	slices.SortFunc(rows, func(a, b *shard.Image) int {
		if a.ImageID < b.ImageID {
			return -1
		}
		return 1
	})
	_, err = writeImages(w.out.path, visitsName(number), w.out.origin, rows)
	return err
}

// settledRow says what became of a row that was asked for again: the question, and
// whether its answer takes the row's place.
type settledRow struct {
	question int
	replaced bool
}

// rewrite writes the part anew, with the rows that are others now by the answers of b,
// and without those of which without says so. Of a part of other settings only those that were asked
// for go on.
func (w *fetching) rewrite(number int, asked visits, b *batch, settled map[int]settledRow, without map[int]bool) error {
	if err := w.open(); err != nil {
		return err
	}
	stored := w.stored[number]
	r, err := shard.OpenPart[shard.Image](w.out.path, stored.Part)
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := shard.CreatePart[shard.Image](w.out.path, partName(number), w.out.origin)
	if err != nil {
		return err
	}
	var row shard.Image
	for i := range r.Len() {
		now, ok := settled[i]
		if stored.foreign && !ok || without[i] {
			continue
		}
		if now.replaced {
			var answer *shard.Image
			if answer, err = b.row(now.question); err == nil {
				err = out.Write(answer)
			}
		} else if err = r.Read(i, &row); err == nil {
			if asked.over(&row); stored.foreign && row.Status == "" && row.Setting == "" {
				row.Setting = storedBy + r.Origin().Settings
			}
			err = out.Write(&row)
		}
		if err != nil {
			out.Discard()
			return err
		}
	}
	part, err := out.Close()
	if err != nil {
		return err
	}
	w.stored[number] = storedPart{Part: part}
	return unlink(w.out.path, visitsName(number))
}
