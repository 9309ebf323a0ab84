package export

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/shard"
)

// A piece is the rows of one file: so many of one split, one behind the other, of which
// some may have been deleted.
type piece struct {
	split  string
	number int // among those of the split that have rows
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

// pieces cuts a split.
func pieces(ctx context.Context, d *shard.Dataset, split string, o *Options) (list []*piece, err error) {
	all := *o
	all.Split = "" // who exports both writes the same files
	settings := fmt.Sprintf("%+v", all)
	var now *piece
	var sum xxhash.Digest
	next := 0   // place in now of the row that comes next
	base := 0   // rows of the parts before
	number := 0 // of now, the pieces without rows among them
	end := func() {
		if now == nil || now.live == 0 {
			return
		}
		now.digest = fmt.Sprintf("%016x", sum.Sum64())
		now.number = len(list)
		list = append(list, now)
	}
	for _, part := range d.Parts(prefixOf(split)) {
		read := 0
		for row, err := range d.Rows(part.Name, "pair_id") {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return nil, err
			}
			at := base + row.Number
			if now == nil || at/o.Size != number {
				end()
				now, number, next = &piece{split: split}, at/o.Size, 0
				sum.Reset()
				fmt.Fprintf(&sum, "1 %s\n", settings) // 1 is the version of what files look like
			}
			if n := len(now.shares); n == 0 || now.shares[n-1].part != part.Name {
				now.shares = append(now.shares, share{part.Name, read, read})
				fmt.Fprintf(&sum, "%s\n", part.XXH64)
			}
			place := at % o.Size
			for ; next < place; next++ {
				now.gone = append(now.gone, next)
			}
			next++
			read++
			now.shares[len(now.shares)-1].last = read
			now.live++
			var b [16]byte
			binary.LittleEndian.PutUint64(b[:], uint64(place))
			binary.LittleEndian.PutUint64(b[8:], row.PairID)
			sum.Write(b[:])
		}
		base += int(part.Rows)
	}
	end()
	for _, p := range list {
		p.of = len(list)
		if o.Format == WebDataset || o.Format == Folder { // the number is part of each key
			p.digest = fmt.Sprintf("%016x", xxhash.Sum64String(fmt.Sprintf("%s %d", p.digest, p.number)))
		}
	}
	return list, nil
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
func (p *piece) batches(ctx context.Context, d *shard.Dataset, size, most int) iter.Seq2[[]sample, error] {
	return func(yield func([]sample, error) bool) {
		var batch []sample
		bytes, place, gone := 0, 0, p.gone
		width := digits(size)
		for _, s := range p.shares {
			view, err := d.Open(s.part)
			if err != nil {
				yield(nil, err)
				return
			}
			defer view.Close()
			for i := s.first; i < s.last; i++ {
				pair, err := view.Pair(i)
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
