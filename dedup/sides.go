package dedup

import (
	"encoding/binary"
	"fmt"

	"github.com/pairloom/pairloom/dedup/hamming"
	"github.com/pairloom/pairloom/internal/extsort"
)

// ReasonHeldOutCopy is that of held-out pairs whose picture looks like one of the side
// that is trained on.
const ReasonHeldOutCopy = "held_out_copy"

// SidesDistance is the distance at which pictures of the two sides look alike where
// Options.PictureDistance is 0: its default.
const SidesDistance = 4

// dropCopy drops a held-out pair for one that is trained on.
func (n *NearPictures) dropCopy(v *Verdict, trained uint64, distance int) {
	v.Reason = ReasonHeldOutCopy
	v.Detail = fmt.Sprintf("the picture is held out and looks like that of pair %016x, which is on the side of training: their hashes differ in %d of 64 bits, and a copy is one within %d", trained, distance, n.o.Distance)
}

// trainedOn is what is trained on of a component, in order, also what others drop: a
// picture that it stayed for until a better one came may be in a model. Where it is more
// than memory has room for, it is gone through in rounds.
type trainedOn struct {
	near  *hamming.Set
	pairs []uint64 // of each word of near
	most  int

	later, now *extsort.Spool // hash and pair, of what near has no room for
	value      []byte
}

func newTrainedOn(distance, most int, dir string) *trainedOn {
	return &trainedOn{near: hamming.NewSet(distance), most: most, later: extsort.NewSpool(dir, spoolMemory), now: extsort.NewSpool(dir, spoolMemory)}
}

func (t *trainedOn) add(phash, pairID uint64) error {
	if len(t.pairs) < t.most {
		t.near.Add(phash)
		t.pairs = append(t.pairs, pairID)
		return nil
	}
	t.value = binary.BigEndian.AppendUint64(t.value[:0], phash)
	t.value = binary.BigEndian.AppendUint64(t.value, pairID)
	return t.later.Add(nil, t.value)
}

// like is the first pair whose picture looks like that of the hash. Where there is none,
// complete tells whether all were compared up to this round.
func (t *trainedOn) like(phash uint64) (pairID uint64, distance int, ok, complete bool) {
	i, distance, ok := t.near.First(phash)
	if ok {
		pairID = t.pairs[i]
	}
	return pairID, distance, ok, t.later.Len() == 0
}

// round goes on to those that there was no room for.
func (t *trainedOn) round() error {
	t.near.Reset()
	t.pairs = t.pairs[:0]
	if t.later.Len() == 0 {
		return nil
	}
	t.later, t.now = t.now, t.later
	for rec, err := range t.now.Walk() {
		if err == nil {
			err = t.add(number(rec.Value), number(rec.Value[8:]))
		}
		if err != nil {
			return err
		}
	}
	return t.now.Reset()
}

// reset empties it.
func (t *trainedOn) reset() error {
	t.near.Reset()
	t.pairs = t.pairs[:0]
	return t.later.Reset()
}

func (t *trainedOn) close() {
	t.later.Close()
	t.now.Close()
}
