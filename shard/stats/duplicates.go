package stats

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

// DuplicatesName is the file beside the selection's parts that holds Duplicates, for
// the report.
const DuplicatesName = "duplicates.json"

// Duplicates is what deduplication found beyond its counts of drops.
type Duplicates struct {
	NearPictures *NearPictures `json:"near_pictures,omitempty"` // nil where it is off
	Overlap      *Overlap      `json:"evaluation_overlap,omitempty"`
}

// NearPictures are the clusters of pairs whose pictures look alike, that of the one
// which stays among them.
type NearPictures struct {
	Distance int           `json:"picture_distance"`
	Sizes    []ClusterSize `json:"sizes"` // from two pairs on
}

// ClusterSize counts the clusters of From to To pairs.
type ClusterSize struct {
	From     int64 `json:"from"`
	To       int64 `json:"to"`
	Clusters int64 `json:"clusters"`
}

// Overlap is what evaluation sets and the dataset had in common.
type Overlap struct {
	Sets    []OverlapSet  `json:"sets"`
	LeftOut Names         `json:"left_out"` // what in the sets is no picture, by reason
	Shown   []OverlapPair `json:"shown"`    // the least alike first, at most OverlapShown
}

// OverlapShown is how many dropped pictures a report shows beside those of the sets.
const OverlapShown = 48

// OverlapSet is an evaluation set, and the pairs that were dropped for it.
type OverlapSet struct {
	Set          string `json:"set"` // as dedup.against names it
	Pictures     int64  `json:"pictures"`
	Texts        int64  `json:"texts"` // of those that are long enough
	PicturePairs int64  `json:"evaluation_picture"`
	TextPairs    int64  `json:"evaluation_text"`
}

// OverlapPair is a pair that was dropped for an evaluation picture.
type OverlapPair struct {
	PairID      string  `json:"pair_id"`  // as shard.FormatPairID writes it
	Like        string  `json:"like"`     // the evaluation picture
	Distance    int     `json:"distance"` // bits in which the hashes differ
	Correlation float64 `json:"correlation"`
	Ours        Thumb   `json:"-"`
	Theirs      Thumb   `json:"-"`
}

// duplicatesFile is the file: figures, and the pictures that stats.json has not.
type duplicatesFile struct {
	Duplicates
	Thumbs [][2]Thumb `json:"thumbnails,omitempty"` // of each pair shown: ours, theirs
}

// WriteDuplicates writes folder/duplicates.json, whole or not at all.
func WriteDuplicates(folder string, d *Duplicates) error {
	f := duplicatesFile{Duplicates: *d}
	if d.Overlap != nil {
		for _, p := range d.Overlap.Shown {
			f.Thumbs = append(f.Thumbs, [2]Thumb{p.Ours, p.Theirs})
		}
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", DuplicatesName, err)
	}
	return atomicfile.WriteFile(filepath.Join(folder, DuplicatesName), append(b, '\n'))
}

// ReadDuplicates reads folder/duplicates.json. It is an error that wraps
// fs.ErrNotExist when the selection is of a pairloom that wrote none.
func ReadDuplicates(folder string) (*Duplicates, error) {
	path := filepath.Join(folder, DuplicatesName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read duplicates: %w", err)
	}
	var f duplicatesFile
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	shown := 0
	if f.Overlap != nil {
		shown = len(f.Overlap.Shown)
	}
	if err == nil && len(f.Thumbs) != shown {
		err = fmt.Errorf("it has %d thumbnails of %d pairs", len(f.Thumbs), shown)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w; delete it and %s beside it, and run pairloom curate again, which writes it", path, err, shard.ManifestName)
	}
	for i, t := range f.Thumbs {
		f.Overlap.Shown[i].Ours, f.Overlap.Shown[i].Theirs = t[0], t[1]
	}
	return &f.Duplicates, nil
}

// overlapView is what the page shows of evaluation sets.
type overlapView struct {
	*Overlap
	Pictures, PicturePairs, TextPairs int64 // of all sets
}

func overlapViewOf(o *Overlap) *overlapView {
	if o == nil {
		return nil
	}
	v := &overlapView{Overlap: o}
	for _, s := range o.Sets {
		v.Pictures, v.PicturePairs, v.TextPairs = v.Pictures+s.Pictures, v.PicturePairs+s.PicturePairs, v.TextPairs+s.TextPairs
	}
	return v
}

// nearPicturesView is what the page shows of clusters.
type nearPicturesView struct {
	Distance int
	Clusters int64
	Bars     []barView
}

func nearPicturesViewOf(n *NearPictures) *nearPicturesView {
	if n == nil {
		return nil
	}
	v := &nearPicturesView{Distance: n.Distance}
	var rows []Name
	for _, s := range n.Sizes {
		name := grouped(s.From)
		if s.To > s.From {
			name += " to " + grouped(s.To)
		}
		v.Clusters += s.Clusters
		rows = append(rows, Name{name, s.Clusters})
	}
	v.Bars = barsOf(rows)
	return v
}
