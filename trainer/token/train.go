package token

import (
	"cmp"
	"container/heap"
	"iter"
	"maps"
	"slices"
	"strings"
)

const (
	// distinctWords bounds the memory of training: words that first appear
	// when so many are known are not counted.
	distinctWords = 2_000_000
	// longestWord in bytes; longer ones teach nothing.
	longestWord = 64
)

// Train learns a vocabulary of at most size tokens: again and again, the pair
// of tokens that occurs most often becomes a token, until size is reached or
// no pair occurs twice. Of pairs that occur equally often, the first by bytes
// is taken.
func Train(texts iter.Seq2[string, error], size int) (*Vocabulary, error) {
	counts := map[string]int64{}
	c := cleaner{plane: basicPlane()}
	for text, err := range texts {
		if err != nil {
			return nil, err
		}
		clean := c.clean(text)
		for from, to := c.plane.word(clean, 0); from < to; from, to = c.plane.word(clean, to) {
			if to-from > longestWord {
				continue
			}
			word := clean[from:to]
			if _, there := counts[string(word)]; there || len(counts) < distinctWords {
				counts[string(word)]++
			}
		}
	}
	t := newTraining(counts)
	for t.v.Size() < size && t.merge() {
	}
	return t.v, nil
}

// training is the state of learning: words as tokens, and how often each pair
// occurs in which words.
type training struct {
	v      *Vocabulary
	words  [][]int32
	counts []int64
	pairs  map[pair]*pairCount
	queue  pairQueue
}

type pairCount struct {
	pair
	count int64
	words map[int32]struct{} // words that held the pair at some time
	queue int                // place in the queue, -1 outside
}

func newTraining(counts map[string]int64) *training {
	t := &training{v: newVocabulary(), pairs: map[pair]*pairCount{}}
	t.queue.v = t.v
	for n, word := range slices.Sorted(maps.Keys(counts)) {
		ids := make([]int32, len(word))
		for i := range len(word) {
			ids[i] = idOfByte[word[i]]
		}
		ids[len(ids)-1] += firstEnding
		t.words = append(t.words, ids)
		t.counts = append(t.counts, counts[word])
		t.count(int32(n), 1)
	}
	return t
}

// count adds sign times the pairs of a word.
func (t *training) count(word int32, sign int64) {
	ids := t.words[word]
	for i := range len(ids) - 1 {
		p := pair{ids[i], ids[i+1]}
		c := t.pairs[p]
		if c == nil {
			if t.ambiguous(p) {
				continue
			}
			c = &pairCount{pair: p, words: map[int32]struct{}{}, queue: -1}
			t.pairs[p] = c
		}
		c.count += sign * t.counts[word]
		if sign > 0 {
			c.words[word] = struct{}{}
		}
		switch {
		case c.queue >= 0:
			heap.Fix(&t.queue, c.queue)
		case c.count > 1:
			heap.Push(&t.queue, c)
		}
	}
}

// ambiguous keeps out the one kind of symbol that the file cannot tell from
// another: letters that look like the word-end marker.
func (t *training) ambiguous(p pair) bool {
	right := t.v.symbols[p.right]
	return !right.ends && strings.HasSuffix(t.v.symbols[p.left].bytes+right.bytes, wordEnd)
}

// merge makes a token of the most frequent pair.
func (t *training) merge() bool {
	if t.queue.Len() == 0 || t.queue.list[0].count < 2 {
		return false
	}
	best := t.queue.list[0]
	id := t.v.add(best.pair)
	for _, word := range slices.Sorted(maps.Keys(best.words)) {
		t.count(word, -1)
		t.words[word] = replace(t.words[word], best.pair, id)
		t.count(word, 1)
	}
	if best.queue >= 0 {
		heap.Remove(&t.queue, best.queue)
	}
	delete(t.pairs, best.pair)
	return true
}

// pairQueue is a heap, most frequent pair first.
type pairQueue struct {
	v    *Vocabulary
	list []*pairCount
}

func (q *pairQueue) Len() int { return len(q.list) }

func (q *pairQueue) Less(i, j int) bool {
	a, b := q.list[i], q.list[j]
	if a.count != b.count {
		return a.count > b.count
	}
	byBytes := func(x, y int32) int {
		s, t := q.v.symbols[x], q.v.symbols[y]
		if c := cmp.Compare(s.bytes, t.bytes); c != 0 {
			return c
		}
		return cmp.Compare(x, y)
	}
	if c := byBytes(a.left, b.left); c != 0 {
		return c < 0
	}
	return byBytes(a.right, b.right) < 0
}

func (q *pairQueue) Swap(i, j int) {
	q.list[i], q.list[j] = q.list[j], q.list[i]
	q.list[i].queue, q.list[j].queue = i, j
}

func (q *pairQueue) Push(x any) {
	c := x.(*pairCount)
	c.queue = len(q.list)
	q.list = append(q.list, c)
}

func (q *pairQueue) Pop() any {
	last := q.list[len(q.list)-1]
	last.queue = -1
	q.list = q.list[:len(q.list)-1]
	return last
}
