package hamming

import "math/bits"

// A Set holds words, and finds those that are near to another one. For each two blocks
// of a plan, a table leads from their values to the words that have them, and a bitmap
// tells at once of most words that none does. Near may be called from several
// goroutines while nothing is added.
type Set struct {
	plan  plan
	words []uint64 // bits scattered

	// The tables, of 1<<size places for each two blocks; size is 0 while words are so
	// few that they are all looked at.
	size  uint
	heads []uint32 // of each table, each place: the last word there, plus one
	next  []uint32 // of each word, each table: the one before it at its place, plus one
	maybe []uint64 // of each table: 1<<(size+sparse) bits
}

const (
	fewInSet = 32
	// sparse is how many bits there are for a place, as a power of two.
	sparse = 4
	// setBytes is about what a word takes, at distance 4.
	setBytes = 400
)

// NewSet returns an empty set, which looks for words that differ in at most distance
// bits.
func NewSet(distance int) *Set { return &Set{plan: newPlan(64, distance)} }

// Len is the number of words.
func (s *Set) Len() int { return len(s.words) }

// Reset takes all words out.
func (s *Set) Reset() { *s = Set{plan: s.plan, words: s.words[:0]} }

// tables is how many there are.
func (s *Set) tables() int { return s.plan.blocks * (s.plan.blocks - 1) / 2 }

// Add takes a word, the Len-th.
func (s *Set) Add(word uint64) {
	s.words = append(s.words, scattered.of(word))
	if len(s.words) <= fewInSet {
		return
	}
	if s.size > 0 && len(s.words) <= 1<<s.size/2 {
		s.enter(len(s.words) - 1)
		return
	}
	s.size = uint(bits.Len(uint(len(s.words)))) + 1
	s.heads = make([]uint32, s.tables()<<s.size)
	s.maybe = make([]uint64, s.tables()<<(s.size+sparse)/64)
	s.next = make([]uint32, 0, s.tables()<<s.size/2)
	for i := range s.words {
		s.enter(i)
	}
}

func (s *Set) enter(i int) {
	var first, second [MaxDistance + 2]uint64
	s.spread(s.words[i], &first, &second)
	table := 0
	for a := range s.plan.blocks {
		for b := a + 1; b < s.plan.blocks; b++ {
			at := (first[a] + second[b]) >> ((64 - s.size - sparse) & 63)
			s.maybe[table<<(s.size+sparse-6)+int(at/64)] |= 1 << (at % 64)
			head := &s.heads[table<<s.size+int(at>>sparse)]
			s.next = append(s.next, *head)
			*head = uint32(i) + 1
			table++
		}
	}
}

// spread makes of each block of a word two numbers: the sum of a first and a second
// one spreads the values of two blocks over all sums.
func (s *Set) spread(word uint64, first, second *[MaxDistance + 2]uint64) {
	for i := range s.plan.blocks {
		shift, mask := s.plan.block(i)
		v := word >> shift & mask
		first[i], second[i] = v*0x9e3779b97f4a7c15, v*0xc2b2ae3d27d4eb4f
	}
}

// Near visits the words that are near to one, by their number, each with the distance;
// in no order, and some more than once.
func (s *Set) Near(word uint64, visit func(number, distance int)) {
	word = scattered.of(word)
	if s.size == 0 {
		for i, w := range s.words {
			if d := bits.OnesCount64(w ^ word); d <= s.plan.distance {
				visit(i, d)
			}
		}
		return
	}
	var first, second [MaxDistance + 2]uint64
	s.spread(word, &first, &second)
	shift := (64 - s.size - sparse) & 63
	maybe, step := s.maybe, 1<<(s.size+sparse-6)
	table := 0
	for a := range s.plan.blocks - 1 {
		f := first[a]
		for _, g := range second[a+1 : s.plan.blocks] {
			at := (f + g) >> shift
			if maybe[at/64]>>(at%64)&1 != 0 {
				s.chain(word, table, at>>sparse, visit)
			}
			maybe = maybe[step:]
			table++
		}
	}
}

// chain visits the near ones of the words that are at a place of a table.
func (s *Set) chain(word uint64, table int, at uint64, visit func(number, distance int)) {
	tables := s.tables()
	for i := int(s.heads[table<<s.size+int(at)]); i != 0; i = int(s.next[(i-1)*tables+table]) {
		if d := bits.OnesCount64(s.words[i-1] ^ word); d <= s.plan.distance {
			visit(i-1, d)
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
