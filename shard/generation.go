package shard

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"
)

// A Generation is one run's share of a dataset: the shards that it added and the
// rows of older ones that it took away. Bytes of older shards never change.
type Generation struct {
	Number  int    `json:"number"` // from 1
	Added   int64  `json:"added"`  // rows
	Deleted int64  `json:"deleted"`
	Input   string `json:"input"` // as the manifest's, of then
	// Reasons counts the rows deleted by reason.
	Reasons map[string]int64 `json:"reasons,omitempty"`
}

// Deletion takes one row of a shard out of the dataset. The rows of a generation's
// deletion vector are ordered by Part, then Row.
type Deletion struct {
	PairID uint64
	Part   string // name of the shard
	Row    uint32 // in it, from 0
	Reason string // a word of the stage's closed list
	Detail string // one line for people
}

// DeletionsName is the name of the deletion vector of a generation.
func DeletionsName(generation int) string { return fmt.Sprintf("_deleted-%05d.arrow", generation) }

// Place is where a pair lies that a generation added, and of what its row was made. The
// rows of a generation's index are ordered by ImageID, then PairID, as matched pairs are:
// what a later run brings that is new is found by walking both.
type Place struct {
	ImageID uint64
	PairID  uint64
	Digest  uint64 // see [Pair.Digest]
	Part    string // name of the shard
	Row     uint32 // in it, from 0
}

// IndexName is the name of the index of a generation.
func IndexName(generation int) string { return fmt.Sprintf("_index-%05d.arrow", generation) }

// HeldOutPicture tells whether training never sees the picture of that hash
// ([Pair].PictureHash): a hash of it with the seed lies in the first share, 0 to 1, of
// all. Nothing else decides, so that a pair keeps its side while the dataset grows.
func HeldOutPicture(seed int64, share float64, pictureHash uint64) bool {
	var b [24]byte
	copy(b[:], "heldout:")
	binary.LittleEndian.PutUint64(b[8:], uint64(seed))
	binary.LittleEndian.PutUint64(b[16:], pictureHash)
	return float64(xxhash.Sum64(b[:])>>11) < share*float64(uint64(1)<<53) && !math.IsNaN(share)
}

// Digest stands for the pair but for where and when it was found last (Source,
// CrawlTime) and for the bytes of Image, for which PictureHash speaks: a pair whose
// digest is another than in the dataset takes its place anew. scratch, which may be
// nil, is overwritten and returned for the next call.
func (p *Pair) Digest(scratch []byte) (digest uint64, _ []byte) {
	facts := *p
	facts.Source, facts.CrawlTime, facts.Image = "", 0, nil
	scratch = AppendRow(scratch[:0], &facts)
	return xxhash.Sum64(scratch), scratch
}
