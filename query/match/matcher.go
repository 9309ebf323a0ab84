package match

import (
	"math/bits"
	"slices"

	"github.com/pairloom/pairloom/internal/fold"
)

// Matcher finds the queries of a list in texts. It is a tree over the words of
// the queries, in the tables of table.go; these lie in one block of bytes,
// which is a mapped file or memory.
type Matcher struct {
	header
	words []wordSlot
	edges []edgeSlot
	pairs []uint64 // one bit for each hash of an edge, to tell most misses
	bytes []byte   // of the words that slots have no room for

	unmap func() error
}

// Scratch is the memory that Find needs; one a worker. It grows to about 300 KiB
// and what the longest text takes.
type Scratch struct {
	text   []byte // folded, with fold.Padding zero bytes behind it
	edges  []uint32
	words  []word
	missed []wordKey
	sort   [rankSortMax]uint32

	// cache has what the tables of the matcher cacheOf know of the words met
	// last, at the top bits of their hashes. The commonest words of a language
	// lie scattered over tables larger than a core's own cache and the pages that
	// it knows the place of; here they lie together.
	cache   []cached
	cacheOf *Matcher
	touched uint32 // keeps the compiler from leaving out a load; see look
}

// cached is a word of at most sixteen bytes.
type cached struct {
	low, high uint64
	length    uint32 // plus one; 0: nothing is here
	word      word
}

const (
	cacheBits = 13
	cacheSize = 1 << cacheBits
)

// word is what the tables know of one word of a text.
type word struct {
	id    uint32 // number and marks, as in wordSlot; 0 where no query has the word
	query uint32 // the query that is the word alone, counted from 1, or 0
}

// NewMode builds a matcher; a query's id is its index. Where several queries come
// to the same words, the first is found.
func NewMode(queries []string, mode Mode) *Matcher {
	m, err := attach(build(queries, mode, ""))
	if err != nil {
		panic(err) // our own bug: build and attach disagree
	}
	return m
}

// Mode is the mode that the matcher was built in.
func (m *Matcher) Mode() Mode { return m.mode }

// Queries is how many queries the matcher was built from.
func (m *Matcher) Queries() int { return int(m.queries) }

// Shadowed is how many queries come to the words of an earlier one, so that
// they are never found.
func (m *Matcher) Shadowed() int { return int(m.shadowed) }

// Empty is how many queries hold no word at all and are never found.
func (m *Matcher) Empty() int { return int(m.empty) }

// Close unmaps the file. No method may run then or later. A matcher that was
// not opened from a file needs no Close.
func (m *Matcher) Close() error {
	if m.unmap == nil {
		return nil
	}
	unmap := m.unmap
	*m = Matcher{}
	return unmap()
}

// Find appends the ids of the queries that text contains, sorted and without
// repeats. It allocates nothing while ids and s have room.
func (m *Matcher) Find(ids []uint32, text string, s *Scratch) []uint32 {
	m.cut(text, s)
	return m.find(ids, s.text, s.edges, s)
}

// FindCut is Find for a text that fold.Cut has folded and cut already. Mode
// MetaCLIP, which compares the text itself, cuts that once more.
func (m *Matcher) FindCut(ids []uint32, text string, folded []byte, edges []uint32, s *Scratch) []uint32 {
	if m.mode == MetaCLIP {
		return m.Find(ids, text, s)
	}
	return m.find(ids, folded[:len(folded)+fold.Padding], edges, s)
}

// find is Find in a text that is cut, with padding.
func (m *Matcher) find(ids []uint32, text []byte, edges []uint32, s *Scratch) []uint32 {
	first, n := len(ids), len(edges)/2
	m.look(text, edges, s)
	ids = slices.Grow(ids, n)
	found := ids[first : first+n]
	count := 0
	for _, w := range s.words[:n] {
		found[count] = w.query - 1
		if w.query != 0 {
			count++
		}
	}
	ids = ids[:first+count]
	for i, w := range s.words[:n] {
		if w.id&begins != 0 && s.words[i+1].id&continues != 0 {
			ids = m.phrases(ids, w.id&numberMask, s.words[i+1:])
		}
	}
	return ids[:first+len(sortUnique(ids[first:], s))]
}

// phrases appends the queries that begin at node and go on with words. The last
// of words is 0.
func (m *Matcher) phrases(ids []uint32, node uint32, words []word) []uint32 {
	for _, w := range words {
		if w.id&continues == 0 {
			break
		}
		e := m.edge(node, w.id&numberMask)
		if e.to == 0 {
			break
		}
		if e.query != 0 {
			ids = append(ids, e.query-1)
		}
		if e.to&begins == 0 {
			break
		}
		node = e.to & numberMask
	}
	return ids
}

// Found is a query in a text.
type Found struct {
	ID uint32
	// Start and End are the place as byte offsets: in mode Clean into the folded
	// text, as fold.Text gives it, and in mode MetaCLIP into the text itself.
	Start, End int
}

// FindAll lists every place where a query stands in text, by start and then by
// end. It is for showing; Find is for counting.
func (m *Matcher) FindAll(text string) []Found {
	var s Scratch
	if m.mode == Clean {
		text = fold.Text(text) // folding the folded changes nothing
	}
	m.cut(text, &s)
	n := len(s.edges) / 2
	m.look(s.text, s.edges, &s)
	words := s.words
	var all []Found
	for i, w := range words[:n] {
		start := int(s.edges[2*i])
		if w.query != 0 {
			all = append(all, Found{w.query - 1, start, int(s.edges[2*i+1])})
		}
		node := w.id
		for j := i + 1; node&begins != 0 && words[j].id&continues != 0; j++ {
			e := m.edge(node&numberMask, words[j].id&numberMask)
			if e.query != 0 {
				all = append(all, Found{e.query - 1, start, int(s.edges[2*j+1])})
			}
			node = e.to
		}
	}
	return all
}

// cut fills the text and its words' edges into s.
func (m *Matcher) cut(text string, s *Scratch) {
	if m.mode == MetaCLIP {
		s.text, s.edges = cutSpaced(s.text, s.edges[:0], text)
	} else {
		s.text, s.edges = fold.Cut(s.text, s.edges[:0], text)
	}
	s.text = s.text[:len(s.text)+fold.Padding]
}

// look fills s.words with what the tables know of the text's words, and a zero
// behind them.
func (m *Matcher) look(text []byte, edges []uint32, s *Scratch) {
	n := len(edges) / 2
	if s.cacheOf != m {
		if s.cache == nil {
			s.cache = make([]cached, cacheSize)
		}
		clear(s.cache)
		s.cacheOf = m
	}
	s.words = slices.Grow(s.words[:0], n+1)[:n+1]
	s.words[n] = word{}
	s.missed = slices.Grow(s.missed[:0], n)
	missed := s.missed[:n]
	cache := (*[cacheSize]cached)(s.cache)
	edges, words := edges[:2*n], s.words[:n]
	count := 0
	for i := range words {
		start, end := edges[2*i], edges[2*i+1]
		length := end - start
		if length <= inlineMax {
			low, high := inlineKey(text, start, length)
			hash := hashKey(low, high, length)
			c := &cache[hash>>(64-cacheBits)]
			if (c.low^low)|(c.high^high)|uint64(c.length^(length+1)) == 0 {
				words[i] = c.word
				continue
			}
			missed[count] = wordKey{low, high, start, length, uint32(scale(hash, len(m.words))), uint32(i)}
		} else {
			k := keyOf(text, start, end)
			k.slot, k.index = uint32(k.home(len(m.words))), uint32(i)
			missed[count] = k
		}
		count++
	}
	// Each slot is touched before any is compared. No touch waits for what
	// another finds, so the times that memory takes pass in parallel.
	missed = missed[:count]
	for i := range missed {
		s.touched |= m.words[missed[i].slot].id
	}
	for i := range missed {
		k := &missed[i]
		slot := m.slot(k, text)
		w := word{slot.id, slot.query} // of a free slot: zeros
		words[k.index] = w
		if k.length <= inlineMax {
			cache[hashKey(k.low, k.high, k.length)>>(64-cacheBits)] = cached{k.low, k.high, k.length + 1, w}
		}
	}
}

// rankSortMax is the most ids that are sorted by counting smaller ones: a few
// comparisons more than other ways, but none that the processor must guess.
const rankSortMax = 24

// sortUnique sorts ids in place and drops repeats.
func sortUnique(ids []uint32, s *Scratch) []uint32 {
	n := len(ids)
	if n < 2 {
		return ids
	}
	if n > rankSortMax {
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	for i, x := range ids {
		rank := uint64(0)
		for _, y := range ids[:i] {
			rank += 1 - (uint64(x)-uint64(y))>>63 // y <= x
		}
		for _, y := range ids[i+1:] {
			rank += (uint64(y) - uint64(x)) >> 63 // y < x
		}
		s.sort[rank%rankSortMax] = x
	}
	ids[0] = s.sort[0]
	kept := 1
	for i := 1; i < n; i++ {
		x := s.sort[i]
		ids[kept] = x
		if x != ids[kept-1] {
			kept++
		}
	}
	return ids[:kept]
}

// mix spreads x and y over 64 bits.
func mix(x, y uint64) uint64 {
	high, low := bits.Mul64(x^0x9e3779b97f4a7c15, y^0xd6e8feb86659fd93)
	return high ^ low
}

// scale maps a hash to a place among n.
func scale(hash uint64, n int) int {
	high, _ := bits.Mul64(hash, uint64(n))
	return int(high)
}
