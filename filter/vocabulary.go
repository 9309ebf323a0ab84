package filter

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"math/bits"
	"strings"
	"sync"

	"github.com/pairloom/pairloom/shard"
)

//go:embed words/english.txt
var functionWords string

//go:embed words/not-nouns.txt.gz
var notNouns []byte

// What an English word is, as bits.
const (
	wordStops = 1 << iota
	wordDeterminer
	wordPreposition
	wordNotNoun
)

// vocabulary tells what words are: an open-addressed table by their hashes, of which
// it keeps 32 bits beside the place. A word that is not in it passes for one that is
// in a case of some billions.
type vocabulary struct {
	tags []uint32
	is   []uint8 // 0 marks an empty place
}

func newVocabulary(words int) *vocabulary {
	size := 1 << bits.Len(uint(words*3/2))
	return &vocabulary{make([]uint32, size), make([]uint8, size)}
}

// find gives the place of a word, or the empty one where it would be.
func (v *vocabulary) find(hash uint64) int {
	mask := len(v.tags) - 1
	at := int(hash>>32) & mask
	for v.is[at] != 0 && v.tags[at] != uint32(hash) {
		at = (at + 1) & mask
	}
	return at
}

func (v *vocabulary) add(hash uint64, is uint8) {
	at := v.find(hash)
	v.tags[at] = uint32(hash)
	v.is[at] |= is
}

// english is the vocabulary that is embedded.
var english = sync.OnceValue(func() *vocabulary {
	z, err := gzip.NewReader(bytes.NewReader(notNouns))
	var list []byte
	if err == nil {
		list, err = io.ReadAll(z)
	}
	if err != nil {
		panic("filter: the embedded words: " + err.Error())
	}
	v := newVocabulary(bytes.Count(list, []byte{'\n'}) + 1000)
	var t Text
	add := func(word string, is uint8) {
		t.Set(&shard.Candidate{Text: word})
		v.add(t.hash(0), is)
	}
	for word := range strings.Lines(string(list)) {
		add(word, wordNotNoun)
	}
	for line := range strings.Lines(functionWords) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		is := map[string]uint8{"determiner": wordDeterminer, "preposition": wordPreposition}[words[0]]
		for _, word := range words[1:] {
			add(word, is|wordStops|wordNotNoun)
		}
	}
	return v
})

// grammar counts the words of a text by what they are.
type grammar struct{ stops, determiners, prepositions, nouns int }

// english counts the text's words. A noun is a word with a letter that is not known as
// something else: names and words that WordNet does not have are nouns too, as they
// are to most taggers.
func (t *Text) english() grammar {
	if t.ask(knowsGrammar) {
		return t.grammar
	}
	v := english()
	var g grammar
	for i, hash := range t.wordHashes() {
		is := int(v.is[v.find(hash)])
		g.stops += is & wordStops
		g.determiners += is & wordDeterminer >> 1
		g.prepositions += is & wordPreposition >> 2
		if is&wordNotNoun == 0 && mayBeNoun(t.word(i)) {
			g.nouns++
		}
	}
	t.grammar = g
	return g
}

// mayBeNoun tells words from numbers and single letters.
func mayBeNoun(word []byte) bool {
	return len(word) > 1 && (word[0] < '0' || word[0] > '9')
}
