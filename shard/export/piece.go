package export

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/shard"
)

// A piece is the rows of one file: so many of one split, one behind the other, of which
// some, or all, may have been deleted. Its number never changes.
type piece struct {
	split  string
	number int // among those of the split
	of     int // how many these are
	live   int64
	digest string // stands for all that its files hold
	shares []share
	gone   []int // places of the deleted rows, in order
}

// share is the part of a piece that lies in one shard: pairs first to last, last not
// among them, of those that are read from it.
type share struct {
	part        string
	first, last int
}

// pieces cuts a split. Nothing of it is read.
func pieces(d *shard.Dataset, split string, o *Options) (list []*piece) {
	all := *o
	all.Split = "" // who exports both writes the same files
	settings := fmt.Sprintf("%+v", all)
	now, sum := &piece{split: split}, xxhash.New()
	place := 0 // in now of the row that comes next
	end := func() {
		now.number = len(list)
		fmt.Fprintln(sum, place, now.gone)
		if o.Format == WebDataset { // the number is part of each key
			fmt.Fprintln(sum, now.number)
		}
		now.digest = fmt.Sprintf("%016x", sum.Sum64())
		list = append(list, now)
		now, place = &piece{split: split}, 0
		sum.Reset()
	}
	if d.Len(prefixOf(split)) == 0 {
		return nil
	}
	for _, part := range d.Parts(prefixOf(split)) {
		rows := int(part.Rows)
		whole := d.Len(part.Name) == part.Rows
		read := 0 // pairs of the part before the present row
		for row := 0; row < rows; {
			if place == 0 {
				fmt.Fprintln(sum, 1, settings) // the version of what files look like
			}
			take := min(rows-row, o.Size-place)
			fmt.Fprintln(sum, part.XXH64, row, take)
			s := share{part.Name, read, read + take}
			for i := range take {
				if !whole && d.Deleted(part.Name, row+i) {
					now.gone = append(now.gone, place+i)
					s.last--
				}
			}
			if s.last > s.first {
				now.shares = append(now.shares, s)
			}
			now.live += int64(s.last - s.first)
			read, row, place = s.last, row+take, place+take
			if place == o.Size {
				end()
			}
		}
	}
	if place > 0 {
		end()
	}
	for _, p := range list {
		p.of = len(list)
	}
	if o.Format == Folder { // a table without rows is none that imagefolder reads
		list = slices.DeleteFunc(list, func(p *piece) bool { return p.live == 0 })
	}
	return list
}

// digits is how many a place within a file has: img2dataset takes the logarithm.
func digits(size int) int {
	n := 1
	for most := 10; most < size; most *= 10 {
		n++
	}
	return n
}

const (
	batchBytes = 32 << 20 // of the pictures and texts of a batch
	batchRows  = 65_536
)

// batches reads the piece's samples, as many at a time as batchBytes and most allow. A
// batch lives until the next step; what its samples point to until the last.
func (p *piece) batches(ctx context.Context, d *shard.Dataset, o *Options, most int) iter.Seq2[[]sample, error] {
	return func(yield func([]sample, error) bool) {
		var batch []sample
		bytes, place, gone := 0, 0, p.gone
		width := digits(o.Size)
		var views []*shard.View
		defer func() {
			for _, v := range views {
				v.Close()
			}
		}()
		for _, s := range p.shares {
			pairs := s.facts(d)
			if o.Pictures {
				view, err := d.Open(s.part)
				if err != nil {
					yield(nil, err)
					return
				}
				views, pairs = append(views, view), s.whole(view)
			}
			for pair, err := range pairs {
				if err == nil {
					err = ctx.Err()
				}
				if err != nil {
					yield(nil, err)
					return
				}
				for len(gone) > 0 && gone[0] == place {
					gone, place = gone[1:], place+1
				}
				weight := len(pair.Image) + len(pair.Text) + len(pair.ImageURL) + len(pair.PageURL) + 200
				if len(batch) > 0 && (bytes+weight > batchBytes || len(batch) == most) {
					if !yield(batch, nil) {
						return
					}
					batch, bytes = batch[:0], 0
				}
				bytes += weight
				batch = append(batch, sample{Pair: pair, key: fmt.Sprintf("%05d%0*d", p.number, width, place)})
				place++
			}
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}

// whole are the pairs of a share in a view of its shard.
func (s share) whole(view *shard.View) iter.Seq2[shard.Pair, error] {
	return func(yield func(shard.Pair, error) bool) {
		for i := s.first; i < s.last; i++ {
			if !yield(view.Pair(i)) {
				return
			}
		}
	}
}

// facts are the pairs of a share without their pictures, of which no byte is read.
func (s share) facts(d *shard.Dataset) iter.Seq2[shard.Pair, error] {
	return func(yield func(shard.Pair, error) bool) {
		i := 0
		for row, err := range d.Rows(s.part, slices.DeleteFunc(ColumnNames(), func(name string) bool { return name == "image" })...) {
			var own shard.Pair
			if err == nil && i >= s.first { // memory of its own: the row's lives until the next step
				_, err = shard.ReadRow(shard.AppendRow(nil, &row.Pair), &own)
			}
			if err != nil {
				yield(own, err)
				return
			}
			if i >= s.first && !yield(own, nil) {
				return
			}
			if i++; i >= s.last {
				return
			}
		}
	}
}
