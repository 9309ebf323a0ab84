package hamming

import (
	"iter"
	"math/bits"
)

// A Set holds words, and finds those that are near to another one. Words are cut into
// so few blocks that near ones differ in one bit at most within some block; tables
// lead from the value of a block to the words that have it, and a bitmap of all values
// that differ from one of theirs in at most a bit tells at once of most words that
// nothing is near. Near may be called from several goroutines while nothing is added.
type Set struct {
	distance int
	words    []uint64
	shift    []uint8
	width    []uint8

	// The tables, of 1<<size places a block; size is 0 while words are so few that
	// they are all looked at.
	size  uint
	heads []uint32 // of each block, each place: the last word there, plus one
	next  []uint32 // of each word, each block: the one before it at its place, plus one
	maybe []uint64 // of each block: 1<<(size+sparse) bits
}

const (
	fewInSet = 32
	// sparse is how many bits there are for a place, as a power of two.
	sparse = 6
	// setBytes is about what a word takes, at distance 4.
	setBytes = 160
)

// NewSet returns an empty set.
func NewSet(distance int) *Set {
	s := &Set{distance: distance}
	blocks, at := distance/2+1, 0
	for i := range blocks {
		width := (64 + i) / blocks
		s.shift, s.width = append(s.shift, uint8(at)), append(s.width, uint8(width))
		at += width
	}
	return s
}

// Len is the number of words.
func (s *Set) Len() int { return len(s.words) }

// Word is the i-th word that was added.
func (s *Set) Word(i int) uint64 { return s.words[i] }

// Reset takes all words out.
func (s *Set) Reset() {
	*s = Set{distance: s.distance, shift: s.shift, width: s.width, words: s.words[:0]}
}

// Add takes a word, the Len-th.
func (s *Set) Add(word uint64) {
	s.words = append(s.words, word)
	if len(s.words) <= fewInSet {
		return
	}
	if len(s.words) > 1<<s.size/2 || s.size == 0 {
		s.size = uint(bits.Len(uint(len(s.words)))) + 1
		s.heads = make([]uint32, len(s.shift)<<s.size)
		s.maybe = make([]uint64, len(s.shift)<<(s.size+sparse)/64)
		s.next = make([]uint32, 0, len(s.shift)<<s.size/2)
		for i := range s.words {
			s.enter(i)
		}
		return
	}
	s.enter(len(s.words) - 1)
}

func (s *Set) enter(i int) {
	for b := range s.shift {
		key := s.key(s.words[i], b)
		head := &s.heads[b<<s.size+int(place(key, s.size))]
		s.next = append(s.next, *head)
		*head = uint32(i) + 1
		s.mark(b, key)
		for bit := range s.width[b] {
			s.mark(b, key^1<<bit)
		}
	}
}

// key is block b of a word.
func (s *Set) key(word uint64, b int) uint64 {
	return word >> (s.shift[b] & 63) << (64 - s.width[b]) >> (64 - s.width[b])
}

// place spreads keys over 1<<size places.
func place(key uint64, size uint) uint64 { return key * 0x9e3779b97f4a7c15 >> (64 - size) }

func (s *Set) mark(b int, key uint64) {
	at := place(key, s.size+sparse)
	s.maybe[b<<(s.size+sparse-6)+int(at/64)] |= 1 << (at % 64)
}

func (s *Set) marked(b int, key uint64) bool {
	at := place(key, s.size+sparse)
	return s.maybe[b<<(s.size+sparse-6)+int(at/64)]>>(at%64)&1 != 0
}

// Near walks the words that are near to one, by their number, each with the distance;
// in no order, and some more than once.
func (s *Set) Near(word uint64) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		if s.size == 0 {
			for i, w := range s.words {
				if d := bits.OnesCount64(w ^ word); d <= s.distance && !yield(i, d) {
					return
				}
			}
			return
		}
		for b := range s.shift {
			key := s.key(word, b)
			if !s.marked(b, key) {
				continue
			}
			for bit := -1; bit < int(s.width[b]); bit++ {
				k := key
				if bit >= 0 {
					k ^= 1 << bit
				}
				for i := s.heads[b<<s.size+int(place(k, s.size))]; i != 0; i = s.next[int(i-1)*len(s.shift)+b] {
					if d := bits.OnesCount64(s.words[i-1] ^ word); d <= s.distance && !yield(int(i-1), d) {
						return
					}
				}
			}
		}
	}
}

// First is the number of the first word added that is near to one, and the distance.
func (s *Set) First(word uint64) (number, distance int, ok bool) {
	number = len(s.words)
	for i, d := range s.Near(word) {
		if i < number {
			number, distance, ok = i, d, true
		}
	}
	return number, distance, ok
}
