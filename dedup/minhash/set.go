package minhash

// Set is the shingles of a text, for comparing it with others. Its zero value is empty.
type Set struct {
	own   table
	other table
}

// Reset makes the set that of these shingles.
func (s *Set) Reset(shingles []uint64) {
	s.own.reset(len(shingles))
	for _, h := range shingles {
		s.own.add(h)
	}
}

// Jaccard is how many shingles the set shares with others, over how many there are in
// either; 1 for two empty sets.
func (s *Set) Jaccard(others []uint64) float64 {
	s.other.reset(len(others))
	shared := 0
	for _, h := range others {
		if s.other.add(h) && s.own.has(h) {
			shared++
		}
	}
	either := s.own.count + s.other.count - shared
	if either == 0 {
		return 1
	}
	return float64(shared) / float64(either)
}

// table is a set of numbers that is emptied without being cleared.
type table struct {
	slots []slot
	now   uint32 // slots of another time are free
	count int
}

type slot struct {
	number uint64
	time   uint32
}

// reset empties it and makes room for n numbers.
func (t *table) reset(n int) {
	size := 64
	for size < 2*n {
		size *= 2
	}
	if t.now++; size > len(t.slots) || t.now == 0 {
		t.slots, t.now = make([]slot, max(size, len(t.slots))), 1
	}
	t.count = 0
}

// find is the slot of a number, or the free one where it belongs.
func (t *table) find(number uint64) *slot {
	mask := uint64(len(t.slots) - 1)
	for i := number & mask; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.time != t.now || s.number == number {
			return s
		}
	}
}

func (t *table) has(number uint64) bool {
	return len(t.slots) > 0 && t.find(number).time == t.now
}

// add tells whether the number is new.
func (t *table) add(number uint64) bool {
	s := t.find(number)
	if s.time == t.now {
		return false
	}
	*s = slot{number, t.now}
	t.count++
	return true
}
