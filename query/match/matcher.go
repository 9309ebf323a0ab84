package match

import (
	"slices"

	"github.com/pairloom/pairloom/internal/fold"
)

// none is the word or the query that is not there.
const none = ^uint32(0)

// Matcher is a tree over the words of the queries.
type Matcher struct {
	words map[string]uint32 // word to its number
	// edges leads from a node by a word to the next node. The root is node 0.
	edges map[edge]uint32
	query []uint32 // node to the query that ends there, or none
	// Shadowed is how many queries fold to the words of an earlier one, and
	// Empty how many hold no word at all. They can never be found.
	Shadowed, Empty int
}

type edge struct{ node, word uint32 }

// Scratch is the memory that Find needs; one a worker.
type Scratch struct {
	folded []byte
	spans  []fold.Span
	words  []uint32
}

// New builds a matcher for queries; a query's id is its index. Where several
// queries fold to the same words, the first is found.
func New(queries []string) *Matcher {
	m := &Matcher{
		words: make(map[string]uint32, len(queries)),
		edges: make(map[edge]uint32, 2*len(queries)),
		query: []uint32{none},
	}
	var s Scratch
	for id, q := range queries {
		m.insert(uint32(id), q, &s)
	}
	return m
}

func (m *Matcher) insert(id uint32, q string, s *Scratch) {
	s.folded = fold.AppendText(s.folded[:0], q)
	s.spans = fold.Words(s.spans[:0], s.folded)
	node := uint32(0)
	for _, span := range s.spans {
		word, ok := m.words[string(s.folded[span.Start:span.End])]
		if !ok {
			word = uint32(len(m.words))
			m.words[string(s.folded[span.Start:span.End])] = word
		}
		next, ok := m.edges[edge{node, word}]
		if !ok {
			next = uint32(len(m.query))
			m.edges[edge{node, word}] = next
			m.query = append(m.query, none)
		}
		node = next
	}
	switch {
	case node == 0:
		m.Empty++
	case m.query[node] != none:
		m.Shadowed++
	default:
		m.query[node] = id
	}
}

// Find appends the ids of the queries that text contains, sorted and without
// repeats.
func (m *Matcher) Find(ids []uint32, text string, s *Scratch) []uint32 {
	s.folded = fold.AppendText(s.folded[:0], text)
	s.spans = fold.Words(s.spans[:0], s.folded)
	s.words = s.words[:0]
	for _, span := range s.spans {
		word, ok := m.words[string(s.folded[span.Start:span.End])]
		if !ok {
			word = none
		}
		s.words = append(s.words, word)
	}
	first := len(ids)
	for i := range s.words {
		node := uint32(0)
		for _, word := range s.words[i:] {
			next, ok := m.edges[edge{node, word}]
			if !ok {
				break
			}
			node = next
			if q := m.query[node]; q != none {
				ids = append(ids, q)
			}
		}
	}
	found := ids[first:]
	slices.Sort(found)
	return ids[:first+len(slices.Compact(found))]
}
