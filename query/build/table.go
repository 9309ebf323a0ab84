package build

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"

	"github.com/pairloom/pairloom/internal/extsort"
	"github.com/pairloom/pairloom/internal/fold"
)

// table counts words and phrases for one worker in memory of a fixed size. When
// it is full it hands its counts to the spill and begins anew, so that counts
// are exact and memory is bounded.
//
// Words have numbers within the table; a phrase is a pair of numbers. Both are
// found by open addressing.
type table struct {
	seed   maphash.Seed
	words  []uint32 // slots: number of the word plus one
	phrase []phraseSlot
	shift  int // of a hash, to a slot of phrase
	names  []name
	letter []byte
	used   int // slots of phrase

	folded []byte
	spans  []fold.Span
	spill  *spill
	total  int64 // words counted, over all fillings
}

type name struct {
	hash       uint32
	start, end uint32
	count      uint32
}

type phraseSlot struct {
	pair  uint64
	count uint32
}

// maxWordBytes: a longer run of letters is an accident of markup, not a word.
const maxWordBytes = 64

// newTable makes a table of about the given bytes: five eighths for phrases, the
// rest for words.
func newTable(memory int, s *spill) *table {
	phrases := floorPower(memory * 5 / 8 / 16)
	words := floorPower(memory / 4 / (4 + 16/2 + 5))
	return &table{
		seed: maphash.MakeSeed(), words: make([]uint32, words), phrase: make([]phraseSlot, phrases),
		names: make([]name, 0, words/2), letter: make([]byte, 0, words*5), spill: s,
		shift: 64 - bits.TrailingZeros(uint(phrases)),
	}
}

func floorPower(n int) int {
	p := 1 << 10
	for 2*p <= n {
		p *= 2
	}
	return p
}

// add counts the words and phrases of one line of prose. Two words are a phrase
// where nothing but a space stands between them.
func (t *table) add(line []byte) error {
	t.folded = fold.AppendText(t.folded[:0], string(line))
	t.spans = fold.Words(t.spans[:0], t.folded)
	last, lastEnd := uint32(0), -2
	for _, s := range t.spans {
		if s.End-s.Start > maxWordBytes {
			continue
		}
		if len(t.names) == cap(t.names) || len(t.letter)+maxWordBytes > cap(t.letter) || t.used > len(t.phrase)*3/4 {
			if err := t.flush(); err != nil {
				return err
			}
			lastEnd = -2
			if s.Start > 0 && t.folded[s.Start-1] == ' ' {
				// The phrase that the flush divides is counted all the same.
				if prev, ok := before(t.spans, s); ok && prev.End == s.Start-1 && prev.End-prev.Start <= maxWordBytes {
					last, lastEnd = t.number(t.folded[prev.Start:prev.End]), prev.End
				}
			}
		}
		n := t.number(t.folded[s.Start:s.End])
		t.names[n].count++
		t.total++
		if lastEnd == s.Start-1 && t.folded[lastEnd] == ' ' {
			t.addPhrase(uint64(last)<<32 | uint64(n))
		}
		last, lastEnd = n, s.End
	}
	return nil
}

func before(spans []fold.Span, s fold.Span) (fold.Span, bool) {
	i, _ := slices.BinarySearchFunc(spans, s, func(a, b fold.Span) int { return a.Start - b.Start })
	if i == 0 {
		return fold.Span{}, false
	}
	return spans[i-1], true
}

// number finds or gives the number of a word.
func (t *table) number(word []byte) uint32 {
	h := uint32(maphash.Bytes(t.seed, word))
	mask := uint32(len(t.words) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		n := t.words[i]
		if n == 0 {
			start := uint32(len(t.letter))
			t.letter = append(t.letter, word...)
			t.names = append(t.names, name{h, start, uint32(len(t.letter)), 0})
			t.words[i] = uint32(len(t.names))
			return uint32(len(t.names)) - 1
		}
		if w := &t.names[n-1]; w.hash == h && string(t.letter[w.start:w.end]) == string(word) {
			return n - 1
		}
	}
}

func (t *table) addPhrase(pair uint64) {
	mask := uint64(len(t.phrase) - 1)
	for i := (pair * 0x9e3779b97f4a7c15) >> t.shift; ; i = (i + 1) & mask { // the high bits depend on all of pair
		slot := &t.phrase[i]
		if slot.count == 0 {
			*slot = phraseSlot{pair, 1}
			t.used++
			return
		}
		if slot.pair == pair {
			slot.count++
			return
		}
	}
}

// flush hands all counts to the spill.
func (t *table) flush() error {
	t.spill.mu.Lock()
	defer t.spill.mu.Unlock()
	for _, w := range t.names {
		if w.count > 0 {
			if err := t.spill.words.Add(t.letter[w.start:w.end], countBytes(int64(w.count))); err != nil {
				return err
			}
		}
	}
	var key []byte
	for i, s := range t.phrase {
		if s.count == 0 {
			continue
		}
		a, b := t.names[s.pair>>32], t.names[uint32(s.pair)]
		key = append(append(append(key[:0], t.letter[a.start:a.end]...), ' '), t.letter[b.start:b.end]...)
		if err := t.spill.phrases.Add(key, countBytes(int64(s.count))); err != nil {
			return err
		}
		t.phrase[i] = phraseSlot{}
	}
	clear(t.words)
	t.names, t.letter, t.used = t.names[:0], t.letter[:0], 0
	return nil
}

// spill sorts what full tables hand over; it may be shared by workers.
type spill struct {
	mu             sync.Mutex
	words, phrases *extsort.Sorter
}

func newSpill(dir string, memory int) *spill {
	return &spill{words: extsort.New(dir, memory/8), phrases: extsort.New(dir, memory/8*7)}
}

func (s *spill) close() {
	s.words.Close()
	s.phrases.Close()
}

func countBytes(n int64) []byte { return fmt.Appendf(nil, "%d", n) }
