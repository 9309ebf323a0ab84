package token

import "math/bits"

// pairTable maps pairs of tokens to the token that they merge into: open
// addressing in one flat array, a pair and its token in 16 bytes, at most half
// full.
type pairTable struct {
	slots []pairSlot
	used  int
	shift uint // 64 minus the bits of a slot's number
}

type pairSlot struct {
	pair
	id int32 // 0 marks an empty slot: no merge makes token 0
}

// slot is where the search for p starts: the top bits of a product, by
// multiplicative hashing.
func (t *pairTable) slot(p pair) uint64 {
	return (uint64(uint32(p.left))<<32 | uint64(uint32(p.right))) * 0x9E3779B97F4A7C15 >> t.shift
}

// get is the token of p, 0 when there is none.
func (t *pairTable) get(p pair) int32 {
	mask := uint64(len(t.slots) - 1)
	for i := t.slot(p); ; i++ {
		if s := &t.slots[i&mask]; s.id == 0 || s.pair == p {
			return s.id
		}
	}
}

func (t *pairTable) put(p pair, id int32) {
	if 2*(t.used+1) > len(t.slots) {
		t.resize(max(1<<10, 2*len(t.slots)))
	}
	mask := uint64(len(t.slots) - 1)
	for i := t.slot(p); ; i++ {
		if s := &t.slots[i&mask]; s.id == 0 || s.pair == p {
			if s.id == 0 {
				t.used++
			}
			*s = pairSlot{p, id}
			return
		}
	}
}

// resize moves all pairs to n slots, a power of two.
func (t *pairTable) resize(n int) {
	old := t.slots
	t.slots, t.used, t.shift = make([]pairSlot, n), 0, uint(65-bits.Len(uint(n)))
	for _, s := range old {
		if s.id != 0 {
			t.put(s.pair, s.id)
		}
	}
}
