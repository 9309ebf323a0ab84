package hamming

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"sync/atomic"
)

// A Forest says which words of a list hang together: by a chain of words of which
// each is near to the next.
type Forest struct{ parents *array[uint32] }

// Known are the components of another list, which Components need not find again.
type Known struct {
	List  io.ReaderAt // as Join's, ascending
	Roots io.ReaderAt // of each word its root, 4 bytes, little-endian
	Len   int64
}

// Components finds the components of a list as Join takes it, ascending. Where known
// is not nil, words that it has in common with the list are not compared with one
// another, but for those whose component lost a word; what comes out is the same. The
// list is then read twice, and each word looked for among the new ones.
//
// It takes 4 bytes a word, which lie in a file where they exceed half of the memory,
// and 4 for each known word meanwhile; the rest is Join's.
func Components(ctx context.Context, list io.ReaderAt, n int64, known *Known, o Options) (*Forest, error) {
	if err := o.check(n); err != nil {
		return nil, err
	}
	onDisk := 4*n > int64(o.Memory)/2
	parents, err := newArray[uint32](o.Dir, n, onDisk)
	if err != nil {
		return nil, err
	}
	f := &Forest{parents}
	if !onDisk {
		o.Memory -= int(4 * n)
	}
	done := false
	if known != nil && known.Len > 0 {
		done, err = f.takeOver(ctx, list, n, known, o)
	}
	if err == nil && !done {
		for p := range f.parents.all {
			f.parents.all[p] = uint32(p)
		}
		err = Join(ctx, list, n, o, func(pairs []Pair) {
			for _, p := range pairs {
				f.union(p.A, p.B)
			}
		})
	}
	if err == nil {
		for p := range f.parents.all { // roots come first
			f.parents.all[p] = f.parents.all[f.parents.all[p]]
		}
		return f, nil
	}
	f.Close()
	return nil, err
}

// Root is the least place of the component of the word at a place.
func (f *Forest) Root(place uint32) uint32 { return f.parents.all[place] }

// Close frees the memory.
func (f *Forest) Close() error {
	f.parents.close()
	return nil
}

// union joins the components of two words. It may be called from any goroutine; a
// parent's place is never larger than its child's, so that what comes out does not
// depend on the order.
func (f *Forest) union(a, b uint32) {
	for {
		a, b = f.find(a), f.find(b)
		if a == b {
			return
		}
		if a < b {
			a, b = b, a
		}
		if atomic.CompareAndSwapUint32(&f.parents.all[a], a, b) {
			return
		}
	}
}

func (f *Forest) find(p uint32) uint32 {
	for {
		parent := atomic.LoadUint32(&f.parents.all[p])
		if parent == p {
			return p
		}
		above := atomic.LoadUint32(&f.parents.all[parent])
		if above != parent {
			atomic.CompareAndSwapUint32(&f.parents.all[p], parent, above)
		}
		p = above
	}
}

// mostFresh is the share of words, and enoughFresh the number, beyond which finding all
// pairs anew is faster.
const (
	mostFresh   = 128
	enoughFresh = 64
)

// takeOver makes the components from known ones. It is false when there is too much
// that is new.
func (f *Forest) takeOver(ctx context.Context, list io.ReaderAt, n int64, known *Known, o Options) (done bool, err error) {
	gone := make([]uint64, (known.Len+63)/64) // of the roots whose component lost a word
	isGone := func(root uint32) bool { return gone[root/64]>>(root%64)&1 != 0 }
	err = merge(ctx, list, n, known, func(place, was int64, root uint32) error {
		if place < 0 {
			gone[root/64] |= 1 << (root % 64)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	now, err := newArray[uint32](o.Dir, known.Len, 4*known.Len > int64(o.Memory)/2) // the new places of known words
	if err != nil {
		return false, err
	}
	defer now.close()
	most := max(enoughFresh, min(n/mostFresh, int64(o.Memory)/4/setBytes))
	fresh := NewSet(o.Distance)
	var places []uint32 // of the fresh words
	var word [8]byte
	err = merge(ctx, list, n, known, func(place, was int64, root uint32) error {
		switch {
		case place < 0:
		case was >= 0 && !isGone(root):
			now.all[was] = uint32(place)
			f.parents.all[place] = now.all[root]
		case int64(len(places)) >= most:
			return errTooMuch
		default:
			f.parents.all[place] = uint32(place)
			places = append(places, uint32(place))
			if _, err := list.ReadAt(word[:], 8*place); err != nil {
				return fmt.Errorf("read hashes: word %d: %w", place, err)
			}
			fresh.Add(binary.LittleEndian.Uint64(word[:]))
		}
		return nil
	})
	if err == errTooMuch {
		return false, nil
	}
	if err != nil || len(places) == 0 {
		return err == nil, err
	}
	fresh.sort()
	workers := max(1, o.Workers)
	return true, together(ctx, workers, func(ctx context.Context, k int) error {
		from, to := stretch(n, k, workers)
		var at uint32
		union := func(i, _ int) { f.union(places[i], at) }
		return readWords(ctx, list, from, to, func(word uint64, place uint32) {
			at = place
			fresh.Near(word, union)
		})
	})
}

// errTooMuch ends a merge.
var errTooMuch = fmt.Errorf("too many words are new")

// merge walks a list and a known one side by side, both ascending. visit is told each
// word's place in the list, and in the known one with its root there; -1 where it is
// in one only.
func merge(ctx context.Context, list io.ReaderAt, n int64, known *Known, visit func(place, was int64, root uint32) error) error {
	words, old, roots := newReader(list, 8, n), newReader(known.List, 8, known.Len), newReader(known.Roots, 4, known.Len)
	for place, was := int64(0), int64(0); place < n || was < known.Len; {
		if (place+was)%(1<<16) < 2 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		w, k := int64(-1), int64(-1)
		a, b := words.front(), old.front()
		if place < n && (was >= known.Len || a <= b) {
			w = place
			place++
			words.at++
		}
		var root uint32
		if was < known.Len && (w < 0 || a == b) {
			k = was
			if root = uint32(roots.front()); int64(root) > k {
				return fmt.Errorf("read components: the root of word %d is %d", k, root)
			}
			was++
			old.at++
			roots.at++
		}
		if words.err != nil || old.err != nil || roots.err != nil {
			return fmt.Errorf("read hashes: %w", cmp.Or(words.err, old.err, roots.err))
		}
		if err := visit(w, k, root); err != nil {
			return err
		}
	}
	return nil
}

// reader reads numbers in order; behind the end they are 0.
type reader struct {
	r       io.ReaderAt
	size    int64 // bytes of a number
	next, n int64
	buffer  []byte
	numbers []uint64
	at      int
	err     error
}

func newReader(r io.ReaderAt, size, n int64) *reader {
	return &reader{r: r, size: size, n: n, buffer: make([]byte, 64<<10)}
}

// front is the next number; at moves on.
func (r *reader) front() uint64 {
	if r.at == len(r.numbers) {
		r.fill()
	}
	return r.numbers[r.at]
}

func (r *reader) fill() {
	part := r.buffer[:min(int64(len(r.buffer)), r.size*(r.n-r.next))]
	if n, err := r.r.ReadAt(part, r.size*r.next); n < len(part) {
		r.err = cmp.Or(err, io.ErrUnexpectedEOF)
		part = part[:0]
	}
	r.next += int64(len(part)) / r.size
	r.at, r.numbers = 0, r.numbers[:0]
	for ; len(part) > 0; part = part[r.size:] {
		if r.size == 4 {
			r.numbers = append(r.numbers, uint64(binary.LittleEndian.Uint32(part)))
		} else {
			r.numbers = append(r.numbers, binary.LittleEndian.Uint64(part))
		}
	}
	if len(r.numbers) == 0 {
		r.numbers = append(r.numbers, 0)
	}
}

// check tells what cannot be done.
func (o Options) check(n int64) error {
	switch {
	case o.Distance < 1 || o.Distance > MaxDistance:
		return fmt.Errorf("look for near words: the distance is %d, which must be 1 to %d", o.Distance, MaxDistance)
	case bits.Len64(uint64(n)) > 31:
		return fmt.Errorf("look for near words: there are %d, and fewer than %d can be numbered", n, int64(1)<<31)
	}
	return nil
}
