package filter

import (
	"bytes"
	"math/bits"

	"github.com/pairloom/pairloom/shard"
)

// phrases is a set of words and sequences of words, folded as texts are.
type phrases struct {
	list  []phrase
	first []uint32       // open-addressed by the hash of the first word: 1 and a number of list
	may   [1 << 6]uint64 // a bit for each value of the hash's highest twelve bits
}

// phrase is one of them.
type phrase struct {
	words [][]byte
	hash  uint64 // of the first
	next  uint32 // one with the same place in first, as there
	kind  byte   // the caller's
}

// newPhrases makes the set of those texts that have words. kinds has one for each, or
// is empty.
func newPhrases(texts []string, kinds []byte) *phrases {
	p := &phrases{first: make([]uint32, 1<<bits.Len(uint(2*len(texts))))}
	var t Text
	for i, text := range texts {
		t.Set(&shard.Candidate{Text: text})
		if t.Words() == 0 {
			continue
		}
		one := phrase{hash: t.hash(0)}
		for w := range t.Words() {
			one.words = append(one.words, bytes.Clone(t.word(w)))
		}
		if len(kinds) > 0 {
			one.kind = kinds[i]
		}
		place := &p.first[one.hash&uint64(len(p.first)-1)]
		one.next = *place
		p.list = append(p.list, one)
		*place = uint32(len(p.list))
		p.may[one.hash>>58] |= 1 << (one.hash >> 52 & 63)
	}
	return p
}

// at gives the longest phrase that stands in the text from word i on and that fits;
// nil where none does.
func (p *phrases) at(t *Text, i int, hash uint64, fits func(*phrase) bool) *phrase {
	if p.may[hash>>58]>>(hash>>52&63)&1 == 0 {
		return nil
	}
	var longest *phrase
	for n := p.first[hash&uint64(len(p.first)-1)]; n != 0; {
		one := &p.list[n-1]
		n = one.next
		if one.hash == hash && (longest == nil || len(one.words) > len(longest.words)) && one.stands(t, i) && (fits == nil || fits(one)) {
			longest = one
		}
	}
	return longest
}

func (p *phrase) stands(t *Text, i int) bool {
	if i+len(p.words) > t.Words() {
		return false
	}
	for k, word := range p.words {
		if !bytes.Equal(word, t.word(i+k)) {
			return false
		}
	}
	return true
}

func (p *phrase) String() string { return string(bytes.Join(p.words, []byte{' '})) }
