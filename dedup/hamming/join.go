package hamming

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Options are the settings of a search.
type Options struct {
	Distance int    // most bits in which two words that are near differ, 1 to MaxDistance
	Workers  int    // goroutines; at least 1
	Memory   int    // bytes that are taken; where it must be more, it is a file's
	Dir      string // of temporary files
}

// Least and most memory of a search. Beside it each worker has some hundred KiB, or
// twelve bytes for each word of the fullest bin, of about two thousand.
const leastMemory = 1 << 20

// Join tells found all pairs of different words that are near, each once, in no order:
// batches of them, from several goroutines, which lose a batch with the call. The list
// is n words of 8 bytes, little-endian, of which none comes twice, n below 2^31. It is
// read from end to end about five times at distance 4, more often where 12 bytes a word
// exceed the memory.
func Join(ctx context.Context, list io.ReaderAt, n int64, o Options, found func([]Pair)) error {
	return joinWith(ctx, fastest, list, n, o, found)
}

func joinWith(ctx context.Context, k kernel, list io.ReaderAt, n int64, o Options, found func([]Pair)) error {
	if err := o.check(n); err != nil {
		return err
	}
	j := &joining{kernel: k, list: list, n: n, o: o, plan: newPlan(64, o.Distance), found: found}
	j.o.Workers = max(1, min(o.Workers, int(n>>14)+1))
	defer j.close()
	if err := j.count(ctx); err != nil {
		return err
	}
	for i := range o.Distance + 1 {
		if err := j.block(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// joining is the state of one Join.
type joining struct {
	kernel kernel
	list   io.ReaderAt
	n      int64
	o      Options
	plan   plan
	found  func([]Pair)

	counts  [][][]uint32 // of each worker's stretch of the list, each block, each bin
	words   *array[uint64]
	at      *array[uint32]
	workers []*worker
}

// stretch is the part of n words that worker k has.
func stretch(n int64, k, workers int) (from, to int64) {
	return n * int64(k) / int64(workers), n * int64(k+1) / int64(workers)
}

// together runs do for each worker.
func together(ctx context.Context, workers int, do func(ctx context.Context, k int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for k := range workers {
		g.Go(func() error { return do(ctx, k) })
	}
	return g.Wait()
}

// count counts the words in each bin.
func (j *joining) count(ctx context.Context) error {
	j.counts = make([][][]uint32, j.o.Workers)
	for k := range j.counts {
		for i := range j.plan.distance + 1 {
			j.counts[k] = append(j.counts[k], make([]uint32, j.plan.bins(i)))
		}
		j.workers = append(j.workers, newWorker(j.kernel, j.o.Distance, j.found))
	}
	return together(ctx, j.o.Workers, func(ctx context.Context, k int) error {
		counts := j.counts[k]
		from, to := stretch(j.n, k, j.o.Workers)
		return j.read(ctx, from, to, func(word uint64, _ uint32) {
			for i, c := range counts {
				shift, mask := j.plan.block(i)
				c[word>>shift&mask]++
			}
		})
	})
}

// read visits the words of a stretch, bits scattered, with their places.
func (j *joining) read(ctx context.Context, from, to int64, visit func(word uint64, at uint32)) error {
	return readWords(ctx, j.list, from, to, func(word uint64, at uint32) { visit(scattered.of(word), at) })
}

// readWords visits the words of a list from one place to another.
func readWords(ctx context.Context, list io.ReaderAt, from, to int64, visit func(word uint64, at uint32)) error {
	buffer := make([]byte, 64<<10)
	for from < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buffer[:min(int64(len(buffer)), 8*(to-from))]
		if _, err := list.ReadAt(part, 8*from); err != nil {
			return fmt.Errorf("read hashes: word %d: %w", from, err)
		}
		for ; len(part) > 0; part = part[8:] {
			visit(binary.LittleEndian.Uint64(part), uint32(from))
			from++
		}
	}
	return nil
}

// block finds the pairs whose first equal block is i: bins as many at a time as memory
// holds.
func (j *joining) block(ctx context.Context, i int) error {
	capacity := int64(max(j.o.Memory, leastMemory) / 12)
	total := func(bin int) (n int64) {
		for k := range j.counts {
			n += int64(j.counts[k][i][bin])
		}
		return n
	}
	for first := 0; first < j.plan.bins(i); {
		size, last := total(first), first+1
		for ; last < j.plan.bins(i); last++ {
			more := total(last)
			if size+more > capacity {
				break
			}
			size += more
		}
		if err := j.bins(ctx, i, first, last, size, capacity); err != nil {
			return err
		}
		first = last
	}
	return nil
}

// bins gathers the words of some bins, and finds the pairs within each.
func (j *joining) bins(ctx context.Context, i, first, last int, size, capacity int64) error {
	if size < 2 {
		return ctx.Err()
	}
	if err := j.room(size, capacity); err != nil {
		return err
	}
	words, at := j.words.all[:size], j.at.all[:size]
	// Where each worker writes its words of each bin: places ascend within a bin.
	starts := make([]uint32, last-first+1)
	next := make([][]uint32, j.o.Workers)
	for k := range next {
		next[k] = make([]uint32, last-first)
	}
	sum := uint32(0)
	for b := range last - first {
		starts[b] = sum
		for k := range next {
			next[k][b] = sum
			sum += j.counts[k][i][first+b]
		}
	}
	starts[last-first] = sum
	shift, mask := j.plan.block(i)
	err := together(ctx, j.o.Workers, func(ctx context.Context, k int) error {
		next := next[k]
		from, to := stretch(j.n, k, j.o.Workers)
		return j.read(ctx, from, to, func(word uint64, place uint32) {
			b := word>>shift&mask - uint64(first)
			if b >= uint64(len(next)) {
				return
			}
			words[next[b]], at[next[b]] = word, place
			next[b]++
		})
	})
	if err != nil {
		return err
	}
	var bin atomic.Int64
	return together(ctx, j.o.Workers, func(ctx context.Context, k int) error {
		w := j.workers[k]
		defer w.flush()
		for {
			b := bin.Add(1) - 1
			if b >= int64(last-first) {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			w.top.bin(w, words[starts[b]:starts[b+1]], at[starts[b]:starts[b+1]], i)
		}
	})
}

// room makes room for size words. What is beyond the capacity, for a bin that exceeds
// it, lies in a file.
func (j *joining) room(size, capacity int64) (err error) {
	if j.words != nil && int64(len(j.words.all)) >= size {
		return nil
	}
	j.close()
	onDisk := size > capacity
	size = max(size, min(capacity, j.n))
	if j.words, err = newArray[uint64](j.o.Dir, size, onDisk); err == nil {
		j.at, err = newArray[uint32](j.o.Dir, size, onDisk)
	}
	return err
}

func (j *joining) close() {
	j.words.close()
	j.at.close()
	j.words, j.at = nil, nil
}
