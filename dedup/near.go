package dedup

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/bits"

	"github.com/pairloom/pairloom/dedup/hamming"
	"github.com/pairloom/pairloom/internal/extsort"
)

// ReasonNearPicture is that of pairs whose picture looks like a better one.
const ReasonNearPicture = "near_duplicate_picture"

// What a perceptual hash says depends on how many of its bits are set or, if those
// are fewer, clear. A picture has half of them set, since a bit says whether a
// frequency is above the median; where frequencies are zero, as in flat, symmetric or
// striped pictures, there are fewer, and what is left is what other such pictures
// have too.
const (
	// leastEqual is how many there must be for an equal hash to say that pictures
	// look alike: hashes with 12 of 24 bits set agree by chance once in 2.7 million
	// times.
	leastEqual = 12
	// leastNear is the same for a near hash, of which there are many more: at distance
	// 4 those with 20 of 40 bits set are near by chance once in 3.8 million times, with
	// 16 of 32, as symmetric pictures have, once in 41,000.
	leastNear = 20
)

// telling is the number of bits of a hash that are set, or clear if those are fewer.
func telling(phash uint64) int {
	ones := bits.OnesCount64(phash)
	return min(ones, 64-ones)
}

// AppendPictureOrder appends the key by which pairs compete whose pictures look alike:
// those that are trained on come before those that are held out, then the larger
// picture, then the longer text, then by [AppendOrder].
func AppendPictureOrder(key []byte, heldOut bool, p *Pair) []byte {
	key = binary.BigEndian.AppendUint64(append(key, sideOf(heldOut)), ^p.Pixels)
	key = binary.BigEndian.AppendUint32(key, ^p.Characters)
	return AppendOrder(key, p.Preference, p.PairID)
}

// NearOptions are what NearPictures needs beside the settings.
type NearOptions struct {
	Distance int    // Options.PictureDistance, at least 1
	Dir      string // of temporary files
	Memory   int    // bytes; half of it until Verdicts is called
	Workers  int
	// SidesOnly says that look-alikes may stay on the same side.
	SidesOnly bool
	// State is the file that keeps what pictures hang together, so that the next run
	// looks only for what is near to new ones; "" for none. What it holds changes
	// nothing but the time.
	State string
}

// NearPictures collects pairs and decides which stay of those whose pictures look
// alike. It is not safe for concurrent use.
//
// Pictures hang together when a chain of near hashes leads from one to the other. The
// pictures of such a component are gone through in the order of AppendPictureOrder:
// one that is near to none that stays itself stays; the others are dropped, each for
// the first one near to it. So a dropped picture is always within the distance of the
// one that stays for it, however long the chains are. All pairs of the very picture
// that stays, byte for byte, stay: they are for [Exact] to decide.
//
// Pictures on the side of training are gone through first. A held-out one that is near
// to any of these is dropped, whether or not that one stays: which pictures are held out
// changes as little as can be when better copies of others come.
type NearPictures struct {
	ctx    context.Context // of the search, during Verdicts
	o      NearOptions
	byHash *extsort.Sorter
	sides  bool // some pairs are held out
	forest *hamming.Forest
	hashes int64 // different ones that can be near
	linked []uint64
	sizes  Clusters

	key, value []byte
}

// Clusters counts clusters by the number of their pairs, that of the one that stays
// among them: 1, 2, 3 to 4, 5 to 8 and so on, as ClusterSize says of each element.
type Clusters [64]int64

// ClusterSize is how many pairs the clusters have that element i of Clusters counts.
func ClusterSize(i int) (from, to int64) {
	to = 1 << i
	return to/2 + 1, to
}

// NewNearPictures returns an empty NearPictures.
func NewNearPictures(ctx context.Context, o NearOptions) *NearPictures {
	return &NearPictures{ctx: ctx, o: o, byHash: extsort.New(o.Dir, o.Memory/2)}
}

// Add takes one pair.
func (n *NearPictures) Add(p *Pair) error {
	n.sides = n.sides || p.HeldOut
	n.key = binary.BigEndian.AppendUint64(n.key[:0], p.PHash)
	n.key = AppendPictureOrder(n.key, p.HeldOut, p)
	n.key = binary.BigEndian.AppendUint64(n.key, p.Place)
	n.value = appendPair(n.value[:0], p)
	return n.byHash.Add(n.key, n.value)
}

// Verdicts walks the decisions on all pairs, in no meaningful but always the same
// order. It may be called once.
func (n *NearPictures) Verdicts() iter.Seq2[*Verdict, error] {
	return func(yield func(*Verdict, error) bool) {
		if err := n.findComponents(); err != nil {
			yield(nil, err)
			return
		}
		byComponent := extsort.New(n.o.Dir, n.o.Memory/4)
		defer byComponent.Close()
		more, err := n.decideHashes(byComponent, yield)
		if err == nil && more {
			err = n.decideComponents(byComponent, yield)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// Clusters are those that Verdicts found.
func (n *NearPictures) Clusters() Clusters { return n.sizes }

// Close frees memory and temporary files; it may be called at any time.
func (n *NearPictures) Close() error {
	if n.forest != nil {
		n.forest.Close()
		n.forest = nil
	}
	return n.byHash.Close()
}

// findComponents finds which hashes hang together.
func (n *NearPictures) findComponents() error {
	file, err := extsort.Temporary(n.o.Dir)
	if err != nil {
		return err
	}
	defer file.Close()
	if n.hashes, err = n.writeHashes(file); err != nil {
		return err
	}
	o := hamming.Options{Distance: n.o.Distance, Workers: n.o.Workers, Memory: n.o.Memory / 2, Dir: n.o.Dir}
	state, known := openState(n.o.State, n.o.Distance)
	n.forest, err = hamming.Components(n.ctx, file, n.hashes, known, o)
	if state != nil {
		state.Close()
	}
	if err != nil {
		return err
	}
	n.linked = make([]uint64, (n.hashes+63)/64)
	for p := range uint32(n.hashes) {
		if root := n.forest.Root(p); root != p {
			n.linked[root/64] |= 1 << (root % 64)
			n.linked[p/64] |= 1 << (p % 64)
		}
	}
	if n.o.State == "" {
		return nil
	}
	return writeState(n.o.State, n.o.Distance, io.NewSectionReader(file, 0, 8*n.hashes), n.hashes, n.forest)
}

// writeHashes writes the different hashes that can be near, ascending, as hamming
// reads them.
func (n *NearPictures) writeHashes(w io.Writer) (count int64, err error) {
	buffer := make([]byte, 0, 64<<10)
	last, begun := uint64(0), false
	for rec, err := range n.byHash.Walk() {
		if err == nil && count%(1<<16) == 0 {
			err = n.ctx.Err()
		}
		if err != nil {
			return 0, err
		}
		hash := number(rec.Key)
		if begun && hash == last || telling(hash) < leastNear {
			continue
		}
		last, begun = hash, true
		count++
		if buffer = binary.LittleEndian.AppendUint64(buffer, hash); len(buffer) == cap(buffer) {
			if _, err := w.Write(buffer); err != nil {
				return 0, fmt.Errorf("spill to disk: %w", err)
			}
			buffer = buffer[:0]
		}
	}
	if _, err := w.Write(buffer); err != nil {
		return 0, fmt.Errorf("spill to disk: %w", err)
	}
	return count, nil
}

// decideHashes yields the pairs whose hash is near to no other, and passes the rest on
// to byComponent.
func (n *NearPictures) decideHashes(byComponent *extsort.Sorter, yield func(*Verdict, error) bool) (more bool, err error) {
	var v, first Verdict // first stays, of those with its hash
	var key []byte
	begun, place, size := false, int64(-1), int64(0)
	for rec, err := range n.byHash.Sorted() {
		if err != nil {
			return false, err
		}
		hash := number(rec.Key)
		tells := telling(hash)
		fresh := !begun || hash != first.PHash
		if fresh {
			n.sizes.count(size)
			size = 0
			if tells >= leastNear {
				place++
			}
			begun = true
			readPair(&first.Pair, rec.Value)
		}
		if tells >= leastNear && n.linked[place/64]>>(place%64)&1 != 0 {
			key = binary.BigEndian.AppendUint32(key[:0], n.forest.Root(uint32(place)))
			key = append(key, rec.Key[8:]...)
			if err := byComponent.Add(key, rec.Value); err != nil {
				return false, err
			}
			continue
		}
		readPair(&v.Pair, rec.Value)
		v.Reason, v.Detail = "", ""
		switch {
		case tells < leastEqual:
			n.sizes.count(1)
		case v.HeldOut != first.HeldOut:
			n.dropCopy(&v, first.PairID, 0)
		case v.PictureHash == first.PictureHash, n.o.SidesOnly:
			size++
		default:
			size++
			n.drop(&v, first.PairID, 0)
		}
		if !yield(&v, nil) {
			return false, nil
		}
	}
	n.sizes.count(size)
	return true, nil
}

func (c *Clusters) count(size int64) {
	if size > 0 {
		c[bits.Len64(uint64(size-1))]++
	}
}

func (n *NearPictures) drop(v *Verdict, stays uint64, distance int) {
	v.Reason = ReasonNearPicture
	v.Detail = fmt.Sprintf("the picture looks like that of pair %016x, which stays: their hashes differ in %d of 64 bits, picture_distance is %d", stays, distance, n.o.Distance)
}

// A survivor is a picture that stays.
type survivor struct {
	pairID, picture uint64
	size            int64 // pairs around it
}

// survivorBytes is about what a survivor takes, in a hamming.Set and here.
const survivorBytes = 128

// decideComponents yields the pairs that are left, component by component.
func (n *NearPictures) decideComponents(byComponent *extsort.Sorter, yield func(*Verdict, error) bool) error {
	n.forest.Close()
	most := max(1024, n.o.Memory/8/survivorBytes)
	c := cluster{n: n, near: hamming.NewSet(n.o.Distance), yield: yield, most: most, trained: newTrainedOn(n.o.Distance, most, n.o.Dir),
		waiting: extsort.NewSpool(n.o.Dir, spoolMemory), again: extsort.NewSpool(n.o.Dir, spoolMemory)}
	defer func() { c.waiting.Close(); c.again.Close(); c.trained.close() }() // they change places
	root, begun := uint32(0), false
	for rec, err := range byComponent.Sorted() {
		if err != nil {
			return err
		}
		if of := binary.BigEndian.Uint32(rec.Key); !begun || of != root {
			if more, err := c.end(); err != nil || !more {
				return err
			}
			root, begun = of, true
		}
		if more, err := c.see(rec); err != nil || !more {
			return err
		}
	}
	_, err := c.end()
	return err
}

// cluster decides on the pairs of one component, which come in order. Where more of
// them stay than memory has room for, the pairs that are near to none of these wait
// until all have been seen; and held-out ones, where more are trained on.
type cluster struct {
	n       *NearPictures
	near    *hamming.Set
	stay    []survivor // of each word of near
	most    int
	trained *trainedOn
	waiting *extsort.Spool
	again   *extsort.Spool // what waited, when it is gone through
	v       Verdict
	yield   func(*Verdict, error) bool
}

// see takes the next pair of the component.
func (c *cluster) see(rec extsort.Record) (more bool, err error) {
	readPair(&c.v.Pair, rec.Value)
	if c.n.sides && !c.v.HeldOut {
		if err := c.trained.add(c.v.PHash, c.v.PairID); err != nil {
			return false, err
		}
	}
	return c.decide(rec)
}

// decide decides on the pair in v, which is the record's, or lets it wait.
func (c *cluster) decide(rec extsort.Record) (more bool, err error) {
	v := &c.v
	v.Reason, v.Detail = "", ""
	if v.HeldOut {
		pair, distance, ok, complete := c.trained.like(v.PHash)
		if ok {
			c.n.dropCopy(v, pair, distance)
			return c.yield(v, nil), nil
		}
		if !complete {
			return true, c.waiting.Add(rec.Key, rec.Value)
		}
	}
	if c.n.o.SidesOnly {
		return c.yield(v, nil), nil
	}
	if i, distance, ok := c.near.First(v.PHash); ok {
		s := &c.stay[i]
		s.size++
		if s.picture != v.PictureHash {
			c.n.drop(v, s.pairID, distance)
		}
	} else if len(c.stay) == c.most {
		return true, c.waiting.Add(rec.Key, rec.Value)
	} else {
		c.near.Add(v.PHash)
		c.stay = append(c.stay, survivor{v.PairID, v.PictureHash, 1})
	}
	return c.yield(v, nil), nil
}

// end ends a component.
func (c *cluster) end() (more bool, err error) {
	for {
		for _, s := range c.stay {
			c.n.sizes.count(s.size)
		}
		c.near.Reset()
		c.stay = c.stay[:0]
		if c.waiting.Len() == 0 {
			return true, c.trained.reset()
		}
		if err := c.trained.round(); err != nil {
			return false, err
		}
		c.waiting, c.again = c.again, c.waiting
		for rec, err := range c.again.Walk() {
			if err == nil {
				err = c.n.ctx.Err()
			}
			if err != nil {
				return false, err
			}
			readPair(&c.v.Pair, rec.Value)
			if more, err := c.decide(rec); err != nil || !more {
				return false, err
			}
		}
		if err := c.again.Reset(); err != nil {
			return false, err
		}
	}
}
