package hamming

import "slices"

// Pair are the places of two words that are near, the smaller first.
type Pair struct{ A, B uint32 }

// A worker finds pairs among words in memory. It is not safe for concurrent use.
type worker struct {
	kernel  kernel
	top     level
	matches [256]match
	pairs   []Pair
	found   func([]Pair)
	count   int64 // of pairs
}

// pairBatch is how many pairs found is told at once.
const pairBatch = 4096

func newWorker(k kernel, distance int, found func([]Pair)) *worker {
	k.most = k.most * (distance + 2) * (distance + 1) / 30 // so that parting is worth its sorts, 15 at distance 4
	w := &worker{kernel: k, found: found, pairs: make([]Pair, 0, pairBatch)}
	w.top.plan = newPlan(64, distance)
	return w
}

// A level is one parting of words by two blocks. What is in hand are words that agree
// in block i and, where j is one, in block j.
type level struct {
	plan  plan
	i, j  int
	words []uint64
	at    []uint32 // of each word: its place in what it was taken from
	outer *level   // from which the words come; nil where at is their place in the list

	binWords, sortedWords []uint64
	binAt, sortedAt       []uint32
	binStarts, starts     []uint32

	inner             *level
	ownWords          []uint64 // of an inner level: the outer's, with their bits moved
	ownAt             []uint32
	moved             permutation
	differing, dealt_ []uint8
}

// all finds the pairs of words; at are their places.
func (l *level) all(w *worker, words []uint64, at []uint32) {
	if len(words) <= w.kernel.few {
		l.hold(words, at, 0, -1)
		w.compare(l, []uint32{0, uint32(len(words))})
		return
	}
	l.binWords, l.binAt = sized(l.binWords, len(words)), sized(l.binAt, len(words))
	for i := range l.plan.distance + 1 {
		shift, mask := l.plan.block(i)
		l.binStarts = distribute(words, at, l.binWords, l.binAt, l.binStarts, shift, mask)
		for b := range l.plan.bins(i) {
			if from, to := l.binStarts[b], l.binStarts[b+1]; to-from > 1 {
				l.bin(w, l.binWords[from:to], l.binAt[from:to], i)
			}
		}
	}
}

// hold takes words in hand.
func (l *level) hold(words []uint64, at []uint32, i, j int) {
	l.words, l.at, l.i, l.j = words, at, i, j
}

// bin finds the pairs of words that agree in block i, and in none before it.
func (l *level) bin(w *worker, words []uint64, at []uint32, i int) {
	if len(words) <= w.kernel.few {
		l.hold(words, at, i, -1)
		w.compare(l, []uint32{0, uint32(len(words))})
		return
	}
	l.sortedWords, l.sortedAt = sized(l.sortedWords, len(words)), sized(l.sortedAt, len(words))
	for j := i + 1; j < l.plan.blocks; j++ {
		shift, mask := l.plan.block(j)
		l.starts = distribute(words, at, l.sortedWords, l.sortedAt, l.starts, shift, mask)
		l.hold(l.sortedWords, l.sortedAt, i, j)
		starts := l.starts[:l.plan.bins(j)+1]
		if len(words) <= w.kernel.most {
			w.compare(l, starts)
			continue
		}
		done := 0
		for g := range len(starts) - 1 {
			if int(starts[g+1]-starts[g]) > w.kernel.most {
				w.compare(l, starts[done:g+1])
				l.again(w, starts[g], starts[g+1])
				done = g + 1
			}
		}
		w.compare(l, starts[done:])
	}
}

// again parts a group of the words in hand, which is too large to be compared each
// with each, by the bits in which they differ. Where these are so few that most words
// are near to one another, it compares them all the same.
func (l *level) again(w *worker, from, to uint32) {
	words := l.words[from:to]
	l.differing = varying(words, l.differing[:0])
	if len(l.differing) < 2*l.plan.blocks {
		w.compare(l, []uint32{from, to})
		return
	}
	if l.inner == nil {
		l.inner = &level{outer: l}
	}
	n := l.inner
	n.plan = newPlan(len(l.differing), l.plan.distance)
	l.dealt_ = dealt(l.differing, &n.plan, l.dealt_)
	n.moved.set(l.dealt_)
	n.ownWords, n.ownAt = sized(n.ownWords, len(words)), sized(n.ownAt, len(words))
	for k, word := range words {
		n.ownWords[k], n.ownAt[k] = n.moved.of(word), from+uint32(k)
	}
	if n.repeated(n.ownWords) > 0.25 {
		w.compare(l, []uint32{from, to})
		return
	}
	n.all(w, n.ownWords, n.ownAt)
}

// repeated foretells how many pairs of words parting leaves to compare, over all
// groups, as a share of all pairs: as if a block said nothing about another.
func (l *level) repeated(words []uint64) float64 {
	n := float64(len(words))
	all, before := 0.0, 0.0 // before is the sum over the blocks before i
	for i := range l.plan.blocks {
		shift, mask := l.plan.block(i)
		l.starts = sized(l.starts, int(mask)+1)
		clear(l.starts)
		for _, w := range words {
			l.starts[w>>(shift&63)&mask]++
		}
		equal := 0.0
		for _, c := range l.starts {
			equal += float64(c) * float64(c)
		}
		equal /= n * n
		all += before * equal
		before += equal
	}
	return all
}

// compare reports the pairs within groups of the words that the level has in hand.
func (w *worker) compare(l *level, starts []uint32) {
	if len(starts) < 2 {
		return
	}
	last := int64(len(starts) - 1)
	for at := (cursor{}); at.group < last; {
		n := w.kernel.within(l.words, starts, l.plan.distance, &at, w.matches[:])
		for _, m := range w.matches[:n] {
			for q, which := m.q, m.which; which != 0; q, which = q+1, which>>1 {
				if which&1 != 0 {
					w.report(l, m.p, q)
				}
			}
		}
	}
}

// report reports a pair of the words in hand, unless it is another group's to report.
func (w *worker) report(l *level, a, b uint32) {
	for {
		if !l.plan.first(l.words[a]^l.words[b], l.i, l.j) {
			return
		}
		a, b = l.at[a], l.at[b]
		if l.outer == nil {
			break
		}
		l = l.outer
	}
	w.count++
	if w.pairs = append(w.pairs, Pair{min(a, b), max(a, b)}); len(w.pairs) == pairBatch {
		w.flush()
	}
}

func (w *worker) flush() {
	if len(w.pairs) > 0 {
		w.found(w.pairs)
		w.pairs = w.pairs[:0]
	}
}

// distribute sorts words and their places by one block into toWords and toAt. Bin b
// begins at starts[b].
func distribute(words []uint64, at []uint32, toWords []uint64, toAt []uint32, starts []uint32, shift uint8, mask uint64) []uint32 {
	starts = sized(starts, int(mask)+3)
	clear(starts)
	for _, w := range words {
		starts[w>>(shift&63)&mask+2]++
	}
	for b := 2; b < len(starts); b++ {
		starts[b] += starts[b-1]
	}
	toWords, toAt, at = toWords[:len(words)], toAt[:len(words)], at[:len(words)]
	for k, w := range words {
		b := w>>(shift&63)&mask + 1
		to := starts[b]
		starts[b] = to + 1
		toWords[to], toAt[to] = w, at[k]
	}
	return starts
}

// sized is the slice with that length, its content lost when it must grow.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return slices.Grow(s[:0], n)[:n]
}
