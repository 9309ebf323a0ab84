package token

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A symbol is what a token stands for: bytes, and whether they end a word.
type symbol struct {
	bytes string
	ends  bool
}

// pair is two neighbouring tokens.
type pair struct{ left, right int32 }

// Vocabulary maps between words and tokens.
type Vocabulary struct {
	symbols []symbol // by id, without start and end
	merges  []pair   // merge k makes token firstMerge+k
	ids     pairTable
}

const (
	firstEnding = 256 // ids of bytes that end a word
	firstMerge  = 512
	// Smallest is the size of a vocabulary without merges.
	Smallest = firstMerge + 2
)

// byteOrder lists the bytes in the public order of ids: printable ones first.
// letters gives each its printable stand-in, which the merges file uses.
var byteOrder, letters, byLetter = func() (order [256]byte, letters [256]rune, byLetter map[rune]byte) {
	byLetter = map[rune]byte{}
	n := 0
	add := func(b int, r rune) {
		order[n], letters[b], byLetter[r] = byte(b), r, byte(b)
		n++
	}
	printable := func(b int) bool { return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE }
	for b := range 256 {
		if printable(b) {
			add(b, rune(b))
		}
	}
	next := rune(256)
	for b := range 256 {
		if !printable(b) {
			add(b, next)
			next++
		}
	}
	return order, letters, byLetter
}()

// idOfByte is the id of each byte inside a word.
var idOfByte = func() (ids [256]int32) {
	for id, b := range byteOrder {
		ids[b] = int32(id)
	}
	return ids
}()

func newVocabulary() *Vocabulary {
	v := &Vocabulary{}
	v.ids.resize(1 << 10)
	for _, ends := range []bool{false, true} {
		for _, b := range byteOrder {
			v.symbols = append(v.symbols, symbol{string([]byte{b}), ends})
		}
	}
	return v
}

// add appends the merge of two tokens and returns its id.
func (v *Vocabulary) add(p pair) int32 {
	id := int32(len(v.symbols))
	left, right := v.symbols[p.left], v.symbols[p.right]
	v.symbols = append(v.symbols, symbol{left.bytes + right.bytes, right.ends})
	v.merges = append(v.merges, p)
	v.ids.put(p, id)
	return id
}

// Size is the number of tokens, start and end among them.
func (v *Vocabulary) Size() int { return len(v.symbols) + 2 }

// Start is the token before a caption.
func (v *Vocabulary) Start() int32 { return int32(len(v.symbols)) }

// End is the token after a caption, the largest id.
func (v *Vocabulary) End() int32 { return int32(len(v.symbols)) + 1 }

// IsPublic tells whether it is the vocabulary of [Public].
func (v *Vocabulary) IsPublic() bool { return slices.Equal(v.merges, Public().merges) }

// Symbols are what the tokens stand for, by id, without start and end, as merges
// files spell them: a printable character a byte, "</w>" where a word ends.
func (v *Vocabulary) Symbols() []string {
	list := make([]string, len(v.symbols))
	for id, s := range v.symbols {
		list[id] = string(s.appendTo(nil))
	}
	return list
}

// Decode gives back the words, each followed by one space. Start, end and ids
// out of range give nothing.
func (v *Vocabulary) Decode(tokens []int32) string {
	var b strings.Builder
	for _, id := range tokens {
		if id < 0 || int(id) >= len(v.symbols) {
			continue
		}
		b.WriteString(v.symbols[id].bytes)
		if v.symbols[id].ends {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// header is the first line of the file; Parse skips whatever stands there, as
// readers of the public file do.
const header = "#version: 0.2 - pairloom"

// wordEnd marks symbols that end a word, in the file.
const wordEnd = "</w>"

func (s symbol) appendTo(b []byte) []byte {
	for i := range len(s.bytes) {
		b = utf8.AppendRune(b, letters[s.bytes[i]])
	}
	if s.ends {
		b = append(b, wordEnd...)
	}
	return b
}

// Encode writes the vocabulary as a merges file: a header line, then the two
// sides of each merge, in order.
func (v *Vocabulary) Encode() []byte {
	b := append([]byte(header), '\n')
	for _, m := range v.merges {
		b = v.symbols[m.left].appendTo(b)
		b = append(b, ' ')
		b = v.symbols[m.right].appendTo(b)
		b = append(b, '\n')
	}
	return b
}

var (
	errTwoSides = errors.New("two symbols with one space between them expected")
	errLetter   = errors.New("a character stands for no byte")
	errUnknown  = errors.New("a side of the merge is not made by a line above")
	errLeft     = errors.New("the left side ends a word")
	errRepeat   = errors.New("the merge is there twice")
	errHeader   = errors.New("the header line is missing")
)

// Parse reads a merges file. Extra merges past limit tokens are left out; limit
// 0 means all.
func Parse(data []byte, limit int) (*Vocabulary, error) {
	v := newVocabulary()
	known := map[symbol]int32{}
	for id, s := range v.symbols {
		known[s] = int32(id)
	}
	_, rest, found := bytes.Cut(data, []byte{'\n'})
	if !found {
		return nil, fmt.Errorf("read vocabulary: %w", errHeader)
	}
	for line := 2; len(rest) > 0 && (limit == 0 || v.Size() < limit); line++ {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte{'\n'})
		p, err := parseMerge(string(text), known)
		if err == nil && v.ids.get(p) != 0 {
			err = errRepeat
		}
		if err != nil {
			return nil, fmt.Errorf("read vocabulary: line %d: %w", line, err)
		}
		id := v.add(p)
		// Two ways to one symbol: the later one gets an id that merges of
		// text never ask for, as in the public vocabulary.
		if _, there := known[v.symbols[id]]; !there {
			known[v.symbols[id]] = id
		}
	}
	return v, nil
}

func parseMerge(line string, known map[symbol]int32) (pair, error) {
	left, right, found := strings.Cut(line, " ")
	if !found || left == "" || right == "" || strings.Contains(right, " ") {
		return pair{}, errTwoSides
	}
	l, err := parseSymbol(left)
	if err != nil {
		return pair{}, err
	}
	r, err := parseSymbol(right)
	if err != nil {
		return pair{}, err
	}
	if l.ends {
		return pair{}, errLeft
	}
	p := pair{}
	var there bool
	if p.left, there = known[l]; !there {
		return pair{}, errUnknown
	}
	if p.right, there = known[r]; !there {
		return pair{}, errUnknown
	}
	return p, nil
}

func parseSymbol(text string) (symbol, error) {
	text, ends := strings.CutSuffix(text, wordEnd)
	var b []byte
	for _, r := range text {
		c, there := byLetter[r]
		if !there {
			return symbol{}, errLetter
		}
		b = append(b, c)
	}
	return symbol{string(b), ends}, nil
}
