package hamming

import "math/bits"

// A Set holds words, and finds those that are near to another one. Words are cut into a
// block more than the distance, so that near ones agree in a block; for each block they
// lie sorted by it, those added last unsorted beside them. Near may be called from
// several goroutines while nothing is added.
type Set struct {
	kernel   kernel
	distance int
	width    int // of a block, bits
	words    []uint64
	sorted   int // how many of the words the blocks have
	blocks   []setBlock
	all      []uint32 // the numbers from 0
}

// setBlock is the words by one block: those of value v from starts[v] to starts[v+1].
type setBlock struct {
	words   []uint64
	numbers []uint32
	starts  []uint32
}

const (
	fewInSet = 64 // unsorted words
	// setBytes is about what a word takes, at distance 4.
	setBytes = 80
)

// NewSet returns an empty set, which looks for words that differ in at most distance
// bits.
func NewSet(distance int) *Set {
	return &Set{kernel: fastest, distance: distance, width: min(64/(distance+1), widest), blocks: make([]setBlock, distance+1)}
}

// Len is the number of words.
func (s *Set) Len() int { return len(s.words) }

// Reset takes all words out.
func (s *Set) Reset() { s.words, s.sorted = s.words[:0], 0 }

// Add takes a word, the Len-th.
func (s *Set) Add(word uint64) {
	s.words = append(s.words, scattered.of(word))
	if len(s.words)-s.sorted > max(fewInSet, s.sorted/8) {
		s.sort()
	}
}

// sort sorts all words into the blocks.
func (s *Set) sort() {
	s.all = sized(s.all, len(s.words))
	for i := range s.all {
		s.all[i] = uint32(i)
	}
	for i := range s.blocks {
		b := &s.blocks[i]
		b.words, b.numbers = sized(b.words, len(s.words)), sized(b.numbers, len(s.words))
		b.starts = distribute(s.words, s.all, b.words, b.numbers, b.starts, uint8(i*s.width), 1<<s.width-1)
	}
	s.sorted = len(s.words)
}

// Near visits the words that are near to one, by their number, each with the distance;
// in no order, and some more than once.
func (s *Set) Near(word uint64, visit func(number, distance int)) {
	word = scattered.of(word)
	last := s.words[s.sorted:]
	for k := s.kernel.next(word, last, s.distance); k < len(last); k += 1 + s.kernel.next(word, last[k+1:], s.distance) {
		visit(s.sorted+k, bits.OnesCount64(word^last[k]))
	}
	if s.sorted == 0 {
		return
	}
	mask := uint64(1)<<s.width - 1
	for i := range s.blocks {
		b := &s.blocks[i]
		v := word >> (i * s.width & 63) & mask
		from, to := b.starts[v], b.starts[v+1]
		if from == to {
			continue
		}
		words := b.words[from:to]
		for k := s.kernel.next(word, words, s.distance); k < len(words); k += 1 + s.kernel.next(word, words[k+1:], s.distance) {
			visit(int(b.numbers[int(from)+k]), bits.OnesCount64(word^words[k]))
		}
	}
}

// First is the number of the first word added that is near to one, and the distance.
func (s *Set) First(word uint64) (number, distance int, ok bool) {
	number = len(s.words)
	s.Near(word, func(i, d int) {
		if i < number {
			number, distance, ok = i, d, true
		}
	})
	return number, distance, ok
}
