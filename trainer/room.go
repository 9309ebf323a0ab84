package trainer

import (
	"fmt"
	"syscall"

	"github.com/pairloom/pairloom/trainer/checkpoint"
	"github.com/pairloom/pairloom/trainer/nn"
)

// besideTensors is about what a checkpoint has beside its tensors in bytes: names and
// shapes, state, and what other programs read.
const besideTensors = 256 << 10

// sizes are the bytes that a checkpoint of the model takes on the disk, and the best
// one, which has no moments.
func (o Options) sizes(p *nn.Parameters, vocabulary int64) (whole, best int64) {
	moment, weights := int64(0), int64(0)
	for _, q := range p.List {
		moment += 4 * int64(q.Words())
	}
	weights = moment
	for _, q := range p.Buffers {
		weights += 4 * int64(q.Words())
	}
	if o.EMA > 0 {
		weights *= 2
	}
	best = weights + vocabulary + besideTensors
	return best + 2*moment, best
}

// room is what the checkpoints of a run need on the disk, in bytes.
type room struct {
	whole, best int64 // one, and the best one
	most        int64 // checkpoints that are there at a time, one that is being written among them
	need        int64 // for so many, and for the best one and the one that takes its place
	least       int64 // with which the run can keep one and write the next
}

// roomFor is the need of a run that makes so many checkpoints, those there included.
func (o Options) roomFor(whole, best, saves int64) room {
	r := room{whole: whole, best: best, most: min(int64(o.Keep)+1, saves)}
	r.need, r.least = r.most*whole, min(2, saves)*whole
	if o.ValidateEvery > 0 {
		r.need += 2 * best
	}
	return r
}

// checkRoom holds the room on the disk against what the checkpoints need, before any
// work: too little to keep one while the next is written is an error, and too little
// for all that are to be kept is said. Checkpoints of this run that are there are room
// already taken.
func (r *run) checkRoom() error {
	s := &r.state
	if s.Step >= s.Total {
		return nil
	}
	checkpoint.Release(r.folder) // of a run that was killed
	free, err := checkpoint.Free(r.folder)
	if err != nil {
		return err
	}
	kept, taken, err := checkpoint.Kept(r.folder)
	if err != nil {
		return err
	}
	every := int64(r.options.CheckpointEvery)
	saves := int64(len(kept)) + (s.Total+every-1)/every - s.Step/every
	whole, best := r.options.sizes(&r.model.Parameters, int64(len(r.vocabulary.Encode())))
	need := r.options.roomFor(whole, best, saves)
	switch has := free + taken; {
	case has < need.least:
		return fmt.Errorf("save checkpoints in %s: %w: one takes %s, and %s must be there while the next is written, but there are %s; make room for %s, or train a smaller model",
			r.folder, syscall.ENOSPC, megabytes(whole), megabytes(need.least-whole), megabytes(has), megabytes(need.least))
	case has < need.need:
		r.tell(fmt.Sprintf("the disk of %s has room for %s, and %d checkpoints of %s each take %s (train.keep: %d, and the one that is being written); the oldest goes where there is no room for the new one",
			r.folder, megabytes(has), need.most, megabytes(whole), megabytes(need.need), r.options.Keep))
	}
	checkpoint.Reserve(r.folder, whole)
	return nil
}

// megabytes writes a number of bytes.
func megabytes(bytes int64) string {
	if bytes >= 1e10 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
