package preview

import (
	"cmp"
	"slices"
)

// Sample keeps the entries with the smallest keys, one for a key: an even sample
// where keys are hashes, and the same in any order of offering.
type Sample[E any] struct {
	most   int
	before func(a, b E) bool
	kept   []keyed[E] // sorted by key
}

type keyed[E any] struct {
	key   uint64
	entry E
}

// NewSample returns a sample of at most most entries. Of two with one key the one
// stays that is before the other.
func NewSample[E any](most int, before func(a, b E) bool) *Sample[E] {
	return &Sample[E]{most: most, before: before}
}

// Wants tells whether an entry with the key may come in, so that others need not be
// made.
func (s *Sample[E]) Wants(key uint64) bool {
	return len(s.kept) < s.most || key <= s.kept[len(s.kept)-1].key
}

// Offer takes an entry.
func (s *Sample[E]) Offer(key uint64, entry E) {
	if !s.Wants(key) {
		return
	}
	at, there := slices.BinarySearchFunc(s.kept, key, func(k keyed[E], key uint64) int { return cmp.Compare(k.key, key) })
	if there {
		if s.before(entry, s.kept[at].entry) {
			s.kept[at].entry = entry
		}
		return
	}
	if len(s.kept) == s.most {
		s.kept = s.kept[:s.most-1]
	}
	s.kept = slices.Insert(s.kept, at, keyed[E]{key, entry})
}

// Add takes the entries of another sample.
func (s *Sample[E]) Add(o *Sample[E]) {
	for _, k := range o.kept {
		s.Offer(k.key, k.entry)
	}
}

// Choose lists n entries in order of their keys, those first of which no earlier one
// has the same likeness: twenty times the same teaches no more than once.
func (s *Sample[E]) Choose(n int, likeness func(E) string) []E {
	seen := map[string]bool{}
	chosen := make([]bool, len(s.kept))
	left := n
	for _, again := range []bool{false, true} {
		for i, k := range s.kept {
			like := likeness(k.entry)
			if left > 0 && !chosen[i] && (again || !seen[like]) {
				chosen[i], seen[like] = true, true
				left--
			}
		}
	}
	var list []E
	for i, k := range s.kept {
		if chosen[i] {
			list = append(list, k.entry)
		}
	}
	return list
}
