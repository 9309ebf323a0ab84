package match

import (
	"encoding/binary"
	"unicode"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/internal/fold"
)

// builder collects words and edges in the order of the queries. Their numbers,
// and so the bytes of the file, depend on the queries alone.
type builder struct {
	mode    Mode
	number  map[string]uint32 // of a word, from 1
	words   []string          // by number - 1
	word    []word            // likewise
	edge    map[[2]uint32]int // node and word to the index in edges
	edges   []edgeSlot
	node    []node // by number - 1 - len(words): see place
	header  header
	scratch Scratch
}

// node is a place in the tree that at least two words lead to. While building,
// nodes are numbered from 1 with this mark, as words still come.
type node struct{ begins bool }

const phraseMark = 1 << 30

// build makes the bytes that attach takes apart.
func build(queries []string, mode Mode, listHash string) []byte {
	b := &builder{
		mode:   mode,
		number: make(map[string]uint32, len(queries)),
		edge:   make(map[[2]uint32]int, len(queries)),
	}
	for id, q := range queries {
		b.insert(uint32(id), q)
	}
	b.header.mode, b.header.queries = mode, uint32(len(queries))
	b.header.listHash, b.header.unicode = listHash, unicode.Version
	return b.lay()
}

func (b *builder) insert(id uint32, query string) {
	s := &b.scratch
	if b.mode == MetaCLIP {
		s.text, s.edges = cutEntry(s.text, s.edges[:0], query)
	} else {
		s.text, s.edges = fold.Cut(s.text, s.edges[:0], query)
	}
	if len(s.edges) == 0 {
		b.header.empty++
		return
	}
	at := b.wordNumber(string(s.text[s.edges[0]:s.edges[1]]))
	if len(s.edges) == 2 {
		b.end(&b.word[at-1].query, id)
		return
	}
	b.word[at-1].id |= begins
	for i := 2; i < len(s.edges); i += 2 {
		next := b.wordNumber(string(s.text[s.edges[i]:s.edges[i+1]]))
		b.word[next-1].id |= continues
		e, ok := b.edge[[2]uint32{at, next}]
		if !ok {
			e = len(b.edges)
			b.edge[[2]uint32{at, next}] = e
			b.node = append(b.node, node{})
			b.edges = append(b.edges, edgeSlot{node: at, word: next, to: phraseMark | uint32(len(b.node))})
		}
		at = b.edges[e].to
		if i+2 == len(s.edges) {
			b.end(&b.edges[e].query, id)
		} else {
			b.node[at&^phraseMark-1].begins = true
		}
	}
}

// end notes that query id ends at a place, unless an earlier one does.
func (b *builder) end(query *uint32, id uint32) {
	if *query != 0 {
		b.header.shadowed++
		return
	}
	*query = id + 1
}

func (b *builder) wordNumber(w string) uint32 {
	n, ok := b.number[w]
	if !ok {
		b.words = append(b.words, w)
		n = uint32(len(b.words))
		b.number[w] = n
		b.word = append(b.word, word{id: n})
	}
	return n
}

// slots is how many slots a table has for n entries: three of five are taken,
// and one is free even where there are none.
func slots(n int) int { return n*5/3 + 1 }

// lay writes header and tables.
func (b *builder) lay() []byte {
	h := &b.header
	spelled := 0
	for _, w := range b.words {
		if len(w) > inlineMax {
			spelled += len(w)
		}
	}
	h.words, h.edges = slots(len(b.words)), slots(len(b.edges))
	h.pairs = len(b.edges)*16/64 + 1
	h.bytes = spelled
	size := h.size()
	// Words of eight bytes, so that the tables lie where their fields may.
	data := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))), size)
	m := &Matcher{header: *h}
	m.slice(data)
	at := uint32(0)
	for i, w := range b.words {
		b.scratch.text = pad(b.scratch.text, w)
		k := keyOf(b.scratch.text[:len(w)+fold.Padding], 0, uint32(len(w)))
		j := k.home(len(m.words))
		for ; m.words[j].id != 0; j = (j + 1) % len(m.words) {
		}
		m.words[j] = wordSlot{k.low, k.high, b.word[i].id, b.word[i].query, k.length, 0}
		if len(w) > inlineMax {
			m.words[j].at = at
			at += uint32(copy(m.bytes[at:], w))
		}
	}
	for _, e := range b.edges {
		e.node = b.final(e.node) & numberMask
		e.to = b.final(e.to)
		hash := edgeHash(e.node, e.word)
		bit := scale(hash, len(m.pairs)*64)
		m.pairs[bit/64] |= 1 << (bit % 64)
		j := scale(hash, len(m.edges))
		for ; m.edges[j].to != 0; j = (j + 1) % len(m.edges) {
		}
		m.edges[j] = e
	}
	h.write(data)
	binary.LittleEndian.PutUint64(data[checksumAt:], checksum(data))
	return data
}

// final is the number in the file of the node at: the phrases' nodes come after
// the words.
func (b *builder) final(at uint32) uint32 {
	if at&phraseMark == 0 {
		return at
	}
	n := at &^ phraseMark
	final := n + uint32(len(b.words))
	if b.node[n-1].begins {
		final |= begins
	}
	return final
}

// checksum is xxhash64 of all bytes but the checksum's own.
func checksum(data []byte) uint64 {
	d := xxhash.New()
	d.Write(data[:checksumAt])
	d.Write(data[checksumAt+8:])
	return d.Sum64()
}
