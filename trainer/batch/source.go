package batch

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"sort"

	"github.com/cespare/xxhash/v2"

	"github.com/pairloom/pairloom/shard"
)

// Which pairs of a dataset a Source is of.
const (
	Training = shard.Training
	HeldOut  = shard.HeldOut
)

// Dataset is a shard folder, or that of an [Index], with its weight: how often an epoch
// draws each of its rows. With 0.5 an epoch has half of the rows and the next epoch the others,
// with 2 it has each row twice.
type Dataset struct {
	Folder string
	Weight float64
	// Generation is the last one that counts: the dataset as it was with it. Rows that
	// were deleted since keep their numbers, see [Source.Gone]. 0 means all there are.
	Generation int
}

// Heaviest is the largest weight: more of it is another number of epochs.
const Heaviest = 1000

// Source is the rows of several datasets as one list. Any number of goroutines
// may read it.
type Source struct {
	views  []*shard.View
	lying  []*lying // where the pictures of each view lie, nil where they are in it
	first  []int    // row number of each view's first row, and the total
	hash   string
	shares []share
	inside []string // of each folder, its content's hash and its weight
	gone   int
}

// Open maps the parts of one folder whose names start with prefix, at weight 1.
func Open(folder, prefix string) (*Source, error) {
	return OpenAll([]Dataset{{Folder: folder, Weight: 1}}, prefix)
}

// OpenAll maps the parts of several folders.
func OpenAll(datasets []Dataset, prefix string) (*Source, error) {
	all := &Source{first: []int{0}}
	hash := xxhash.New()
	for _, d := range datasets {
		// The second condition keeps out what is no number.
		if d.Weight > Heaviest || !(d.Weight > 0) {
			all.Close()
			return nil, fmt.Errorf("open shards of %s: weight %g; a weight lies above 0 and is at most %d", d.Folder, d.Weight, Heaviest)
		}
		view, dataset, pictures, err := open(d, prefix)
		if err != nil {
			all.Close()
			return nil, err
		}
		all.lying = append(all.lying, pictures)
		rows, hashOf := view.Len(), dataset.Hash()
		all.gone += rows - int(dataset.Len(prefix))
		all.views, all.first, all.hash = append(all.views, view), append(all.first, all.Len()+rows), hashOf
		if rows > 0 {
			all.shares = append(all.shares, share{rows, max(1, int(math.Round(d.Weight*float64(rows))))})
		}
		all.inside = append(all.inside, fmt.Sprintf("%s=%g", hashOf, d.Weight))
		fmt.Fprintf(hash, "%s %g\n", hashOf, d.Weight)
	}
	if len(datasets) != 1 || datasets[0].Weight != 1 {
		all.hash = fmt.Sprintf("%016x", hash.Sum64())
	}
	return all, nil
}

func open(from Dataset, prefix string) (view *shard.View, d *shard.Dataset, pictures *lying, err error) {
	if d, err = shard.OpenDataset(from.Folder); err != nil {
		return nil, nil, nil, err
	}
	if from.Generation > 0 {
		d = d.At(from.Generation)
	}
	if pictures, err = lyingOf(d); err != nil {
		return nil, nil, nil, err
	}
	if pictures == nil { // an index holds what can be told without decoding
		for row, err := range d.Rows(prefix, "format") {
			if err != nil {
				break // what is damaged is told by the first pair that meets it
			}
			if f := row.Pair.Format; f != "" && f != "jpeg" {
				return nil, nil, nil, fmt.Errorf("open shards of %s: a picture is %s, and training and evaluation read jpeg only; "+
					"set fetch.format: jpeg and run pairloom run", from.Folder, f)
			}
		}
	}
	view, err = d.Open(prefix)
	return view, d, pictures, err
}

// Len is the number of rows.
func (s *Source) Len() int { return s.first[len(s.first)-1] }

// Draws is the number of pairs of an epoch: each dataset's rows times its weight.
// It is Len where all weights are 1.
func (s *Source) Draws() int {
	n := 0
	for _, share := range s.shares {
		n += share.draws
	}
	return n
}

func (s *Source) mix() []share { return s.shares }

// Hash stands for the content of all folders, and their weights.
func (s *Source) Hash() string { return s.hash }

// Contents are the hash of each folder's content and its weight, as HASH=WEIGHT.
func (s *Source) Contents() []string { return s.inside }

// Pair is row i. Its strings and bytes live until Close. Damage of a shard is
// told by the first Pair that meets it, and so is a picture that is not where it lay
// when the index was made: the error names the file.
func (s *Source) Pair(i int) (shard.Pair, error) {
	p, err := s.Facts(i)
	if in := s.lying[sort.SearchInts(s.first, i+1)-1]; err == nil && in != nil {
		p.Image, err = in.read(&p)
	}
	return p, err
}

// Facts is Pair for those who do not look at the picture, which may be missing: to read
// it where it lies takes longer than all else.
func (s *Source) Facts(i int) (shard.Pair, error) {
	view := sort.SearchInts(s.first, i+1) - 1
	return s.views[view].Pair(i - s.first[view])
}

// Gone tells whether row i was deleted after the generation of its dataset that was
// asked for: it has its place in the order, and must not be used.
func (s *Source) Gone(i int) bool {
	view := sort.SearchInts(s.first, i+1) - 1
	return s.views[view].Gone(i - s.first[view])
}

// GoneLen is the number of rows that are gone.
func (s *Source) GoneLen() int { return s.gone }

// Texts walks the captions in order. They live until Close.
func (s *Source) Texts() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for i := range s.Len() {
			p, err := s.Facts(i)
			if !yield(p.Text, err) || err != nil {
				return
			}
		}
	}
}

// Close unmaps the parts.
func (s *Source) Close() error {
	var faults []error
	for _, v := range s.views {
		faults = append(faults, v.Close())
	}
	for _, in := range s.lying {
		in.close()
	}
	s.views, s.lying = nil, nil
	return errors.Join(faults...)
}
