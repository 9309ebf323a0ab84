package pipeline

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/csv"
	"image"
	"image/color"
	"image/png"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strconv"

	"github.com/pairloom/pairloom/dedup"
	"github.com/pairloom/pairloom/dedup/lookalike"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/shard"
	"github.com/pairloom/pairloom/shard/stats"
)

// OverlapName is the file beside the selection's parts, where evaluation sets were
// named, that lists all pairs that were dropped for them.
const OverlapName = "overlap.csv"

var overlapHeader = []string{"pair_id", "reason", "like", "distance", "similarity"}

// overlap collects what was dropped for evaluation sets, by place.
type overlap struct {
	sets  *evaluationSets
	rows  *extsort.Sorter
	shown []dedup.Verdict // pictures for the report, the least alike first
}

// newOverlap is nil where there are no sets.
func newOverlap(sets *evaluationSets, dir string) *overlap {
	if sets == nil {
		return nil
	}
	return &overlap{sets: sets, rows: extsort.New(dir, 1<<20)}
}

func (o *overlap) Close() {
	if o != nil {
		o.rows.Close()
	}
}

// add takes a verdict, if it is for an evaluation set.
func (o *overlap) add(v *dedup.Verdict) error {
	if o == nil || v.Reason != dedup.ReasonEvaluationPicture && v.Reason != dedup.ReasonEvaluationText {
		return nil
	}
	set := o.sets.set(v.Like)
	if v.Reason == dedup.ReasonEvaluationPicture {
		set.PicturePairs++
		o.show(v)
	} else {
		set.TextPairs++
	}
	var value []byte
	for _, n := range []uint64{v.PairID, v.Like, uint64(v.Distance)} {
		value = binary.BigEndian.AppendUint64(value, n)
	}
	value = strconv.AppendFloat(value, v.Likeness, 'f', 4, 64)
	value = append(append(value, ' '), v.Reason...)
	return o.rows.Add(binary.BigEndian.AppendUint64(nil, v.Place), value)
}

// show keeps a verdict if it is one of the least alike.
func (o *overlap) show(v *dedup.Verdict) {
	at, _ := slices.BinarySearchFunc(o.shown, v, func(a dedup.Verdict, b *dedup.Verdict) int {
		return cmp.Or(cmp.Compare(a.Likeness, b.Likeness), cmp.Compare(a.Place, b.Place))
	})
	if at == stats.OverlapShown {
		return
	}
	// What a verdict points at does not outlive the step.
	kept := dedup.Verdict{Pair: dedup.Pair{Place: v.Place, PairID: v.PairID, Note: v.Note}, Like: v.Like, Distance: v.Distance, Likeness: v.Likeness}
	o.shown = slices.Insert(o.shown, at, kept)
	o.shown = o.shown[:min(len(o.shown), stats.OverlapShown)]
}

// write writes the list, and returns what the report shows.
func (o *overlap) write(folder string) (*stats.Overlap, error) {
	var list bytes.Buffer
	w := csv.NewWriter(&list)
	w.Write(overlapHeader)
	for rec, err := range o.rows.Sorted() {
		if err != nil {
			return nil, err
		}
		number := func(i int) uint64 { return binary.BigEndian.Uint64(rec.Value[8*i:]) }
		similarity, reason, _ := bytes.Cut(rec.Value[24:], []byte{' '})
		bits := ""
		if string(reason) == dedup.ReasonEvaluationPicture {
			bits = strconv.FormatUint(number(2), 10)
		}
		w.Write([]string{shard.FormatPairID(number(0)), string(reason), o.sets.name(number(1)), bits, string(similarity)})
	}
	if w.Flush(); w.Error() != nil {
		return nil, w.Error()
	}
	if err := atomicfile.WriteFile(filepath.Join(folder, OverlapName), list.Bytes()); err != nil {
		return nil, err
	}
	out := &stats.Overlap{Sets: o.sets.each, LeftOut: stats.Names{}, Shown: []stats.OverlapPair{}}
	for _, reason := range o.sets.left.Reasons() {
		out.LeftOut = append(out.LeftOut, stats.Name{Name: reason, Count: o.sets.left.Dropped[reason]})
	}
	for i := range o.shown {
		p, err := o.pair(&o.shown[i])
		if err != nil {
			return nil, err
		}
		out.Shown = append(out.Shown, p)
	}
	return out, nil
}

// pair shows a pair's picture beside an evaluation picture.
func (o *overlap) pair(v *dedup.Verdict) (p stats.OverlapPair, err error) {
	stored, err := o.sets.stored(&v.Pair)
	if err != nil {
		return p, err
	}
	t, err := o.sets.thumbs.read(o.sets.places[v.Like])
	if err != nil {
		return p, err
	}
	img := image.NewGray(image.Rect(0, 0, lookalike.Side, lookalike.Side))
	for i, v := range t.grey {
		img.SetGray(i%lookalike.Side, i/lookalike.Side, color.Gray{Y: v})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return p, err
	}
	return stats.OverlapPair{
		PairID: shard.FormatPairID(v.PairID), Like: o.sets.name(v.Like), Distance: v.Distance, Correlation: math.Round(v.Likeness*1e4) / 1e4,
		Ours:   stats.NewThumb(stored.Bytes, stored.Format, stored.Width, stored.Height),
		Theirs: stats.Thumb{Bytes: b.Bytes(), Type: "image/png", Width: lookalike.Side, Height: lookalike.Side},
	}, nil
}

// set is the one that an entry is of.
func (e *evaluationSets) set(number uint64) *stats.OverlapSet {
	return &e.each[sort.Search(len(e.ends), func(i int) bool { return number < uint64(e.ends[i]) })]
}

// writeDuplicates writes what the report shows of deduplication, and returns the names
// of the files.
func (c *curation) writeDuplicates(folder string) (files []string, err error) {
	var d stats.Duplicates
	if c.overlap != nil {
		files = append(files, OverlapName)
		if d.Overlap, err = c.overlap.write(folder); err != nil {
			return nil, err
		}
	}
	for _, s := range c.steps {
		near, is := s.(*dedup.NearPictures)
		if !is || c.Dedup.PictureDistance == 0 {
			continue
		}
		d.NearPictures = &stats.NearPictures{Distance: c.Dedup.PictureDistance, Sizes: []stats.ClusterSize{}}
		for i, n := range near.Clusters() {
			if from, to := dedup.ClusterSize(i); n > 0 && from > 1 {
				d.NearPictures.Sizes = append(d.NearPictures.Sizes, stats.ClusterSize{From: from, To: to, Clusters: n})
			}
		}
	}
	return append(files, stats.DuplicatesName), stats.WriteDuplicates(folder, &d)
}
