package evaluate

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/trainer/batch"
	"github.com/pairloom/pairloom/trainer/checkpoint"
)

// ErrSeen is wrapped where held-out pairs were trained on and Options.Seen refuses such.
var ErrSeen = errors.New("the model was trained on some of the held-out pairs")

// SeenPairs is the reason for which a held-out pair that the model was trained on is
// left out.
const SeenPairs = "seen"

// Values of Options.Seen; "" is the first.
const (
	seenLeaveOut = "leave_out"
	seenRefuse   = "refuse"
	seenKeep     = "keep"
)

// In what a held-out pair is one that the model was trained on; the first that holds.
const (
	seenPair    = "pair"       // equal in picture address and text
	seenImage   = "address"    // the picture's address is
	seenPicture = "picture"    // the picture's bytes are
	seenLike    = "look_alike" // the perceptual hashes are near
)

var seenWays = []string{seenPair, seenImage, seenPicture, seenLike}

// Near finds what looks alike: of hashes, whose numbers are their places, it makes a
// function that visits the numbers of those near to a hash. See Options.SeenDistance.
type Near func(hashes []uint64, distance int) func(hash uint64, visit func(number int))

// Seen tells which of the held-out pairs the model was trained on, and what else it was.
type Seen struct {
	Rule string `json:"rule"` // leave_out, refuse or keep
	// Known is false where the checkpoint does not tell all that it was trained on.
	Known bool             `json:"known"`
	Pairs int64            `json:"pairs"` // held-out pairs that were looked up and are seen
	Ways  map[string]int64 `json:"ways,omitempty"`
	First []SeenPair       `json:"first,omitempty"` // of them, some

	// Generation is that of the dataset which the model was trained on last, Generations
	// how many there are, and Since the training pairs since. Generation 0 says that the
	// dataset has no such content; then Found of Sampled training pairs were seen.
	Generation  int    `json:"generation"`
	Generations int    `json:"generations"`
	Since       int64  `json:"since"`
	Sampled     int    `json:"sampled,omitempty"`
	Found       int    `json:"found,omitempty"`
	Note        string `json:"note,omitempty"` // all that, for people; "" when there is nothing to say
}

// SeenPair is a held-out pair that was trained on, and in what.
type SeenPair struct {
	PairID string `json:"pair_id"`
	Way    string `json:"way"`
}

const (
	seenShown   = 20   // Seen.First
	seenSampled = 1000 // Seen.Sampled
)

// candidates are pairs to look up among those that a model was trained on. It is they
// who are indexed: their number is what an evaluation uses, and those trained on only
// pass by.
type candidates struct {
	pairs, images, pictures keyed
	hashes                  []uint64 // perceptual, by place
	way                     []int    // into seenWays, -1 for one that is not seen
}

// keyed are the places of the candidates that have a key. A filter before them spares most
// of the look-ups.
type keyed struct {
	filter []uint64
	of     map[uint64][]int32
}

func (p *keyed) add(key uint64, at int) {
	if p.of == nil {
		p.filter, p.of = make([]uint64, 1<<14), map[uint64][]int32{}
	}
	p.filter[key>>6&(1<<14-1)] |= 1 << (key & 63)
	p.of[key] = append(p.of[key], int32(at))
}

func (p *keyed) find(key uint64) []int32 {
	if p.of == nil || p.filter[key>>6&(1<<14-1)]&(1<<(key&63)) == 0 {
		return nil
	}
	return p.of[key]
}

func (x *candidates) add(p *shard.Pair) {
	at := len(x.way)
	x.pairs.add(p.PairID, at)
	if p.ImageURL != "" {
		x.images.add(shard.ImageID(p.ImageURL), at)
	}
	if p.PictureHash != 0 { // 0 is not known
		x.pictures.add(p.PictureHash, at)
	}
	x.hashes, x.way = append(x.hashes, p.PHash), append(x.way, -1)
}

// mark says that the candidates were seen in a way, unless they were in an earlier one.
func (x *candidates) mark(way int, at []int32) {
	for _, i := range at {
		if x.way[i] < 0 || x.way[i] > way {
			x.way[i] = way
		}
	}
}

// lookUp passes what the checkpoint was trained on by the candidates; also, which may be
// nil, is told each pair id. It tells whether all that it was trained on is known.
func (x *candidates) lookUp(c *checkpoint.Checkpoint, o Options, also func(pairID uint64)) (known bool, err error) {
	near := func(uint64, func(int)) {}
	if o.Near != nil {
		near = o.Near(x.hashes, o.SeenDistance)
	}
	like := func(i int) {
		if x.way[i] < 0 {
			x.way[i] = 3
		}
	}
	for row, err := range c.Seen("pair_id", "image_id", "picture_hash", "phash") {
		if errors.Is(err, checkpoint.ErrUnknown) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		x.mark(0, x.pairs.find(row.PairID))
		x.mark(1, x.images.find(row.ImageID))
		x.mark(2, x.pictures.find(row.PictureHash))
		near(row.PHash, like)
		if also != nil {
			also(row.PairID)
		}
	}
	return true, nil
}

// unseen lists the rows of held-out pairs to evaluate on, at most o.MaxPairs, and tells
// which of those looked up the model was trained on.
func unseen(source *batch.Source, d *shard.Dataset, c *checkpoint.Checkpoint, o Options) (rows []int, s *Seen, err error) {
	s = &Seen{Rule: o.Seen, Known: true, Generations: d.Generation()}
	if s.Rule == "" {
		s.Rule = seenLeaveOut
	}
	sample, err := s.sample(d, c)
	if err != nil {
		return nil, nil, err
	}
	// Each round walks what the model was trained on once; they grow, so that there are
	// few of them even where nearly all is seen.
	for next, round := 0, o.MaxPairs; next < source.Len() && len(rows) < o.MaxPairs; round *= 2 {
		first := next
		var x candidates
		for ; next < source.Len() && next < first+round; next++ {
			p, err := source.Facts(next)
			if err != nil {
				return nil, nil, err
			}
			x.add(&p)
		}
		known, err := x.lookUp(c, o, sample)
		if err != nil {
			return nil, nil, err
		}
		sample = nil
		s.Known = s.Known && known
		for i, way := range x.way {
			if len(rows) == o.MaxPairs {
				break
			}
			if way >= 0 {
				if err := s.count(source, first+i, way); err != nil {
					return nil, nil, err
				}
			}
			if way < 0 || s.Rule == seenKeep {
				rows = append(rows, first+i)
			}
		}
		// What did not fit is not looked at.
	}
	s.describe(c.Foreign)
	if s.Rule == seenRefuse && s.Pairs > 0 {
		return nil, nil, fmt.Errorf("evaluate %s: %w: %s; set eval.seen to leave_out, or train anew with --replace", c.Path, ErrSeen, s.list())
	}
	return rows, s, nil
}

func (s *Seen) count(source *batch.Source, row, way int) error {
	if s.Ways == nil {
		s.Ways = map[string]int64{}
	}
	s.Pairs++
	s.Ways[seenWays[way]]++
	if len(s.First) == seenShown {
		return nil
	}
	p, err := source.Facts(row)
	s.First = append(s.First, SeenPair{shard.FormatPairID(p.PairID), seenWays[way]})
	return err
}

// sample finds the generation that the model was trained on. Where there is none, it
// returns what is to be told of each pair that was trained on.
func (s *Seen) sample(d *shard.Dataset, c *checkpoint.Checkpoint) (func(pairID uint64), error) {
	if n := len(c.State.Segments); n > 0 && len(c.State.Segments[n-1].Data) > 0 {
		t := c.State.Segments[n-1].Data[0]
		if t.Generation > 0 && t.Generation <= d.Generation() && d.At(t.Generation).Hash() == t.Hash {
			s.Generation = t.Generation
			s.Since = d.Len(shard.Training) - d.At(t.Generation).Len(shard.Training)
			return nil, nil
		}
	}
	missing := map[uint64]bool{}
	for row, err := range d.Rows(shard.Training, "pair_id") {
		if err != nil {
			return nil, err
		}
		if missing[row.PairID] = true; len(missing) == seenSampled {
			break
		}
	}
	s.Sampled = len(missing)
	return func(id uint64) {
		if missing[id] {
			delete(missing, id)
			s.Found++
		}
	}, nil
}

// describe writes the note; foreign tells of a model that others trained.
func (s *Seen) describe(foreign bool) {
	var parts []string
	switch {
	case s.Generation > 0 && s.Since > 0:
		parts = append(parts, fmt.Sprintf("the model was trained on generation %d of %d; there are %d new training pairs since", s.Generation, s.Generations, s.Since))
	case s.Generation > 0:
	case s.Found > 0:
		parts = append(parts, fmt.Sprintf("the model was trained on other shards: of the first %d training pairs of these it knows %d", s.Sampled, s.Found))
	case s.Known:
		parts = append(parts, fmt.Sprintf("the model was not trained on this dataset: of its first %d training pairs it knows none", s.Sampled))
	}
	if !s.Known {
		who := "an older pairloom"
		if foreign {
			who = "someone else"
		}
		parts = append(parts, "it is not known what the model was trained on, since "+who+" trained it: it may have seen pairs that it is judged on")
	}
	if s.Pairs > 0 {
		what := "which are left out"
		if s.Rule == seenKeep {
			what = "which count all the same, by eval.seen: the figures are better than on pairs that it does not know"
		}
		parts = append(parts, fmt.Sprintf("the model was trained on %s, %s", s.list(), what))
	}
	s.Note = strings.Join(parts, "; ")
}

// leaveOutSeen does with a set of held-out pairs what o.Seen says of those that the
// model was trained on, and counts those that stay all the same.
func (s *Set) leaveOutSeen(c *checkpoint.Checkpoint, o Options) (kept int64, err error) {
	var x candidates
	for i := range s.Class {
		p, err := s.pair(i)
		if err != nil {
			return 0, err
		}
		x.add(&p)
	}
	if _, err := x.lookUp(c, o, nil); err != nil {
		return 0, err
	}
	var fresh, class []int
	for i, way := range x.way {
		if way < 0 {
			fresh, class = append(fresh, i), append(class, s.Class[i])
		}
	}
	seen := int64(len(x.way) - len(fresh))
	switch {
	case seen == 0:
	case o.Seen == seenKeep:
		return seen, nil
	case o.Seen == seenRefuse:
		return 0, fmt.Errorf("evaluate on %s: %w: %d; set eval.seen to leave_out", s.Name, ErrSeen, seen)
	default:
		s.Left[SeenPairs] = seen
		s.Pictures, s.Class = chosen{s.Pictures, fresh}, class
	}
	return 0, nil
}

// list names pairs that were seen.
func (s *Seen) list() string {
	var ways, names []string
	for _, way := range seenWays {
		if n := s.Ways[way]; n > 0 {
			ways = append(ways, fmt.Sprintf("%d by %s", n, strings.ReplaceAll(way, "_", "-")))
		}
	}
	for _, p := range s.First[:min(3, len(s.First))] {
		names = append(names, p.PairID)
	}
	if len(names) < int(s.Pairs) {
		names = append(names, "...")
	}
	return fmt.Sprintf("%d held-out pairs (%s): %s", s.Pairs, strings.Join(ways, ", "), strings.Join(names, ", "))
}

// shardsOf opens the dataset that is judged on.
func shardsOf(dir string) (*shard.Dataset, *batch.Source, error) {
	folder := filepath.Join(dir, shard.ShardsFolder)
	d, err := shard.OpenDataset(folder)
	if err != nil {
		return nil, nil, err
	}
	source, err := batch.Open(folder, batch.HeldOut)
	return d, source, err
}
